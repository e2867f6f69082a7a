/* profile = spring as a set of defaults: what the configuration does not say is as Spring has it,
 * and what it says and Spring does otherwise is named. No state. Any thread. */
#ifndef CONFIG_SETTINGS_PROFILE_H
#define CONFIG_SETTINGS_PROFILE_H

#include "config/settings.h"

/* Fills in the profile's defaults for a door that has it, and adds to settings->profile_notes a
 * line for each key that was written otherwise, in door (may be NULL) or of all. Nothing for the
 * standard profile. */
plug_status settings_profile_apply_door(struct settings *settings, const struct config *config,
                                        const struct config_section *door,
                                        struct settings_terms *terms, struct plug_err *err);

#endif
