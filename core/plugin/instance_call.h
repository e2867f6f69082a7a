/* What stands around every call into a plugin: it is known by name while it lasts (watch.h), and
 * logged when it took longer than its limit. Owns nothing. The thread that calls. */
#ifndef PLUGIN_INSTANCE_CALL_H
#define PLUGIN_INSTANCE_CALL_H

#include <stdint.h>

#include "plugin/watch.h"

struct plugin_instance;

/* function: static text. */
struct instance_call {
  struct plugin_instance *instance;
  const char *function;
  uint64_t begin_us;
  struct watch_call watch;
};
void instance_call_begin(struct instance_call *call, struct plugin_instance *instance,
                         const char *function);
/* The limit is that of functions that are called at home. */
void instance_call_end(const struct instance_call *call);
void instance_call_end_within(const struct instance_call *call, unsigned limit_ms);

#endif
