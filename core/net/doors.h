/* What is listened on: every address of the settings becomes a socket of each worker, with what one
 * comes in by there. Owns the paths of Unix sockets; workers own the sockets. The starting thread.
 */
#ifndef NET_DOORS_H
#define NET_DOORS_H

#include "net/worker.h"

/* The paths at which sockets were bound, borrowed from the settings. */
struct doors {
  const char *paths[2];
  unsigned n_paths;
};

/* workers: as many as the settings say, initialised. doors: zeroed; for doors_remove_paths in the
 * end, also after a failure. */
plug_status doors_open(struct worker *workers, const struct settings *settings, struct doors *doors,
                       struct plug_err *err);
void doors_remove_paths(struct doors *doors);

#endif
