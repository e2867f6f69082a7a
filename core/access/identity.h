/* A granted identity: what the plugin said of somebody, and the plugin's own pointer, which goes
 * back with session_end when the last user of the grant is gone. Reference-counted and immutable:
 * any thread. */
#ifndef ACCESS_IDENTITY_H
#define ACCESS_IDENTITY_H

#include <stdatomic.h>

#include <plugboard/auth.h>

#include "plugin/instance.h"

#define IDENTITY_USER_MAX 255 /* bytes */

struct grant; /* one call of grant(): session_end follows exactly once */

struct identity {
  _Atomic uint32_t refs;
  struct grant *grant;
  const struct plug_identity *who; /* of the same allocation; ctx is the grant's */
};

/* One reference. NULL when out of memory: the caller then owes the session_end. */
struct identity *identity_new(struct plugin_instance *instance, const struct plug_identity *who);
/* The same grant with other contents, of the same user. */
struct identity *identity_changed(const struct identity *old, const struct plug_identity *who);
void identity_ref(struct identity *identity);
void identity_unref(struct identity *identity); /* NULL is nothing */
struct plugin_instance *identity_instance(const struct identity *identity);

/* [home] session_end for an identity that was never made. */
void identity_end(struct plugin_instance *instance, void *ctx);

/* NULL, or what is wrong with it, as a static sentence. */
const char *identity_fault(const struct plug_identity *who);

#endif
