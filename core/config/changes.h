/* What has become of a configuration since it was read: which keys are written otherwise, which of
 * them a server that runs takes over, and which keep their value until its next start. No I/O. Owns
 * copies of all names. Single-threaded.
 *
 * Which is which stands in the tables: OPTION_LIVE and OPTION_FIXED of config/option.h. Sections
 * with names of their own are taken as a whole: [api-key NAME] and [tls NAME...] may come and go,
 * an [endpoint PATH] may only change; rules of [access] are live, and so are sections of plugins
 * that can be made anew. */
#ifndef CONFIG_CHANGES_H
#define CONFIG_CHANGES_H

#include <stdbool.h>

#include "config/config.h"

struct config_change {
  char *key; /* "[limits] queue-size", "[api-key shop]" */
  char *why; /* "stays 512k until the next start"; NULL: it is applied */
};

struct config_changes {
  struct config_change *items;
  size_t n;
  bool failed; /* out of memory: something is missing */
};

/* What runs, as far as that decides what can be applied. */
struct changes_world {
  bool access; /* somebody asks for rights, so that rules and auth plugins may come */
  bool tls;    /* certificates are in use, so that others may be */
  /* May the app plugin of this section be made anew? */
  bool (*can_renew)(void *ctx, const char *section);
  void *ctx;
};

/* Compares wanted with what runs, and gives each key of wanted that cannot be applied the value
 * that it has in running: what is left of wanted can be. Endpoints come in the order of running. */
plug_status changes_merge(struct config_changes *changes, const struct config *running,
                          struct config *wanted, const struct changes_world *world,
                          struct plug_err *err);
void changes_fini(struct config_changes *changes);

/* One more that was found elsewhere. why: NULL, or what is said of it. */
void changes_add(struct config_changes *changes, const char *why, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Is something applied whose key begins so? */
bool changes_touch(const struct config_changes *changes, const char *prefix);

#endif
