/* What core/app's files share of the applications: see app/app.h for who owns what and on which
 * thread. Private to core/app. */
#ifndef APP_APP_INNER_H
#define APP_APP_INNER_H

#include "app/app.h"

struct app_worker {
  struct app *app;
  struct app_shared *shared;
  struct inbox *inbox;
  struct list calls; /* that have not come back, the oldest first */
  void (*publish)(void *ctx, const struct plug_app_message *message, struct app_publish *publish);
  void *ctx;
};

struct app_shared {
  unsigned refs;                                /* apps */
  struct list former;                           /* struct app.link */
  const struct destination_rules *destinations; /* which stay, and so do users */
  struct user_names users;
  _Atomic uint64_t max_destination;
  struct app_worker **workers;
  size_t n_workers;
  _Atomic bool draining;
};

struct app {
  struct app_settings settings;
  struct app_shared *shared;
  struct chain chain;
  struct claims claims;
  struct app_link **links; /* one per instance of the chain, whose owner's it is */
  bool started;
  bool in_force;
  struct list link; /* in app_shared.former, once it is in force no more, or never will be */
  bool settled;     /* all workers have gone over to a later one: nobody begins anything here */
  bool stopped;
};

/* What an instance's calls of publish come with, and what waits for it. */
struct app_link {
  struct app_backlog backlog;
  struct app_shared *shared;
  struct plugin_instance *instance;
};

/* What the instance of link publishes unasked goes to the workers. [start] */
void app_publish_offer(struct app_link *link);

#endif
