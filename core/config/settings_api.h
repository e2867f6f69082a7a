/* The part of the settings that is about the HTTP API: its keys, and where it is served. Private to
 * core/config. The starting thread. */
#ifndef CONFIG_SETTINGS_API_H
#define CONFIG_SETTINGS_API_H

#include "config/settings_loader.h"

/* The name of "api-key NAME", an empty one for "api-key"; false for other sections. */
bool api_key_name(const struct config_section *section, struct plug_str *name);
plug_status api_check_key(const struct config_section *section, struct plug_str name,
                          struct plug_err *err);

/* A step of settings_load, behind the one that loads listeners. */
plug_status api_load_keys(struct settings_loader *l);
void api_keys_free(struct settings_api_key *keys, size_t n);

#endif
