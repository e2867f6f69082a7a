/* What all connections live by until a reload makes the next one: the settings, and what is made of
 * them. Owns nothing: whoever makes one keeps it until every worker has gone over to another.
 * Functions are tagged [start] or [worker]; a generation itself is read-only: any thread.
 *
 * What a connection keeps a pointer to stays where it is, and changes in place: struct
 * session_terms and sockjs_limits of its door. All else is looked up when it is needed. */
#ifndef NET_GENERATION_H
#define NET_GENERATION_H

#include "net/env.h"

struct generation {
  const struct config *config; /* as it was written, but for what a reload could not apply */
  const struct settings *settings;
  const struct destination_rules *destinations; /* of all, of TCP, and one of each endpoint */
  const struct api_keyring *api_keys;           /* NULL: there is no API */
  struct access *access;                        /* NULL: nobody is asked */
  struct app *app;                              /* NULL: there are no applications */
};

/* Any thread. As in struct generation, for free(); NULL when out of memory. Borrows from settings.
 */
struct destination_rules *generation_destinations(const struct settings *settings);
struct rules_world generation_world(const struct settings *settings,
                                    const struct destination_rules *destinations);
struct access_settings generation_access(const struct settings *settings,
                                         const struct destination_rules *destinations);

/* extension: for the plugins, or NULL. */
struct app_settings generation_app(const struct settings *settings,
                                   const struct destination_rules *destinations,
                                   const struct instance_extension *extension);

/* [worker] The auth and the app plugins that this worker asks, each NULL where there are none. They
 * are there until its next turn. */
struct net_chains {
  const struct chain *access, *app;
};
struct net_chains generation_chains(const struct net_env *env);

/* [start] The first one. False when out of memory. */
bool generation_enter(struct net_env *env, const struct generation *generation);
/* [worker] The next one, with as many endpoints as before, for what comes from now on and for who
 * is there. Between two turns. What sessions are subscribed to is judged again afterwards:
 * access_worker_judge_again. */
void generation_follow(struct net_env *env, const struct generation *generation);

#endif
