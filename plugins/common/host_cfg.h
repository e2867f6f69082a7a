/* The options of an instance, as its create reads them: one run through them, of which the first
 * fault stays and ends the rest, so that it is looked for once, at the end. Owns nothing. [create]
 */
#ifndef HOST_CFG_H
#define HOST_CFG_H

#include <plugboard/host.h>

struct host_cfg {
  const struct plug_host *host;
  struct plug_err *err; /* filled by the first fault */
  plug_status status;   /* PLUG_OK until then */
};

/* A fault, as a sentence. */
__attribute__((format(printf, 3, 4))) void host_cfg_fail(struct host_cfg *cfg, plug_status status,
                                                         const char *format, ...);

/* Borrowed until create returns. Empty when it is not given, or after a fault; one with a NUL byte
 * in it is a fault. */
struct plug_str host_cfg_str(struct host_cfg *cfg, const char *key);
/* A copy as a C string, for free(); NULL where host_cfg_str is empty. */
char *host_cfg_text(struct host_cfg *cfg, const char *key);
/* Numbers, sizes, durations in milliseconds, bools; 0 after a fault. */
uint64_t host_cfg_number(struct host_cfg *cfg, const char *key);

#endif
