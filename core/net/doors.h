/* What is listened on: every address of the settings becomes a socket of each worker, with what one
 * comes in by there. Owns nothing; workers own the sockets. The starting thread. */
#ifndef NET_DOORS_H
#define NET_DOORS_H

#include "net/worker.h"

/* workers: as many as the settings say, initialised. *bound_path: there is a socket at [api]
 * socket, to be removed in the end, also after a failure. */
plug_status doors_open(struct worker *workers, const struct settings *settings, bool *bound_path,
                       struct plug_err *err);

#endif
