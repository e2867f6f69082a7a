/* What a reload (reload.c) and the swap of an auth plugin or an application (reload_plugin.c) are
 * made of: both make the next generation of what connections live by, and switch to it. Main
 * thread. */
#ifndef OPS_RELOAD_INNER_H
#define OPS_RELOAD_INNER_H

#include <jansson.h>

#include "base/buf.h"
#include "ops/reload.h"

/* All that one reload, or one swap, has made. */
struct reload_set {
  struct config *config;
  struct settings settings;
  bool has_settings;
  struct destination_rules *destinations;
  struct api_keyring *keys;
  struct generation generation;
  struct renewal *renewal;
  /* What it has superseded, until no worker uses it. */
  struct reload_set *former; /* NULL: it was the owner's */
  struct access *former_access;
};

void reload_set_free(struct reload_set *set); /* NULL is nothing */

/* In this order; after the first failure reload_set_drop and reload_set_free. Of set->config, which
 * is what is to hold. */
plug_status reload_set_settings(const struct reload *reload, struct reload_set *set,
                                struct plug_err *err);
/* Makes and starts what changes names, and in any case the plugin of the section name ("auth.jwt");
 * NULL: none. */
plug_status reload_set_make(const struct reload *reload, struct reload_set *set,
                            const struct config_changes *changes, const char *name,
                            struct plug_err *err);
plug_status reload_set_prepare(const struct reload *reload, const struct settings *settings,
                               struct plug_err *err);
/* It holds from here on, and is reload's. */
void reload_set_switch(struct reload *reload, struct reload_set *set,
                       struct config_changes *changes);
void reload_set_drop(const struct reload *reload, struct reload_set *set);

/* True: nobody uses any more what the last one has superseded, and it is gone. */
bool reload_let_go(struct reload *reload, uint64_t deadline_ms);

/* json is taken over; *answer ends with a NUL. */
void reload_put(struct buf *answer, json_t *json);
json_t *reload_text(const char *text); /* also of what is not UTF-8 */
/* For struct config_complaints; ctx: an array, to which each is added. */
void reload_hear(void *ctx, const struct plug_err *err);

#endif
