/* What the process of an isolated plugin may not do, from before its first instruction is run: see
 * files but for a few, run programs, look into other processes, change the system. Owns nothing. By
 * the only thread of the process. */
#ifndef ISOLATE_CONFINE_H
#define ISOLATE_CONFINE_H

#include <plugboard/abi.h>

#include "base/buf.h"

struct confine_paths {
  const char *plugin;           /* its file: it may read what is beside it */
  const struct plug_str *named; /* by its options */
  size_t n_named;
};

/* Files: PLUG_ENOTSUP where the kernel has no Landlock; err->text says what is missing. */
plug_status confine_files(const struct confine_paths *paths, struct plug_err *err);
/* System calls. A call that is not allowed fails with EPERM. */
plug_status confine_calls(struct plug_err *err);

#endif
