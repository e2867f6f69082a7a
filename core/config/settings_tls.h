/* The part of the settings that is about TLS: [tls] and [tls NAME...]. What the files hold is
 * tls/tls_contexts.h's business. Private to core/config. The starting thread. */
#ifndef CONFIG_SETTINGS_TLS_H
#define CONFIG_SETTINGS_TLS_H

#include "config/settings_loader.h"

/* The names of "tls NAME...", empty for "tls"; false for other sections. */
bool tls_section_names(const struct config_section *section, struct plug_str *names);
plug_status tls_check_named(const struct config_section *section, struct plug_str names,
                            struct plug_err *err);

/* A step of settings_load, behind the one that loads listeners. */
plug_status tls_load(struct settings_loader *l);
void tls_fini(struct settings_tls *tls);

#endif
