/* What clients of a door may do and get: the keys of [tcp] and of each [endpoint] where they are
 * written, else what is written of all; services over TCP have defaults of their own. Private
 * to core/config. The starting thread. */
#ifndef CONFIG_SETTINGS_TERMS_H
#define CONFIG_SETTINGS_TERMS_H

#include "config/settings_loader.h"

/* A step of settings_load, behind those that load what is of all; before the profile is applied to
 * that. Fills settings->terms, tcp_terms and those of the endpoints. */
plug_status terms_load(struct settings_loader *l);
void terms_fini(struct settings_terms *terms);

#endif
