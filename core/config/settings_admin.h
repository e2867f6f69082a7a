/* The part of the settings that is about operators: where they are served, and who they are.
 * Private to core/config. The starting thread. */
#ifndef CONFIG_SETTINGS_ADMIN_H
#define CONFIG_SETTINGS_ADMIN_H

#include "config/settings_loader.h"

/* A step of settings_load, behind the one that loads listeners. */
plug_status admin_load(struct settings_loader *l);
void admin_settings_fini(struct settings *settings);

#endif
