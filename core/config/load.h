/* Reads the configuration where the command line says it is, and makes settings of it: at the
 * start, for --check and for a reload. Owns nothing. The main thread. */
#ifndef CONFIG_LOAD_H
#define CONFIG_LOAD_H

#include "config/settings.h"

/* Of the command line; outlives the server. */
struct config_source {
  const char *file; /* NULL: there is none */
  const char *const *sets;
  size_t n_sets;
};

/* Who hears of each mistake: "FILE:LINE: ...", once. */
struct config_complaints {
  void (*complain)(void *ctx, const struct plug_err *err);
  void *ctx;
  size_t n; /* how many it has heard */
};

/* Fills an empty configuration and *settings. All mistakes are named, not the first: what is one
 * counts as not written from there on. False: the settings could not be made at all, and need no
 * settings_fini. True with complaints: they are good for finding more. */
bool config_load(const struct config_source *source, struct config_complaints *complaints,
                 struct config *config, struct settings *settings);
/* The last step of that, which [try-page] sign-in needs; also true where it is not on. */
bool config_complete(struct config_complaints *complaints, struct config *config,
                     const struct settings *settings);

void config_complain(struct config_complaints *complaints, const struct plug_err *err);

#endif
