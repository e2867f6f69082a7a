/* The section of the configuration that is the broker's: what it is called, and what is to be said
 * of those that are other brokers'. Owns nothing. The starting thread. */
#ifndef CONFIG_BROKER_SECTION_H
#define CONFIG_BROKER_SECTION_H

#include "config/settings.h"

/* Puts "FILE:LINE: " before a message about the line that chose the plugin. */
void broker_section_blame(const struct settings *settings, struct plug_err *err);

/* "broker.redis" for "redis"; for a path, "broker." and the file's name without kind and ending. */
void broker_section_name(const struct settings *settings, char *out, size_t size);

/* A section may wait for the day on which its plugin is chosen; but whoever has forgotten to choose
 * it has nodes that do not hear each other, and is told. One of a plugin that is not even there is
 * a slip, and what it sets would be missing without a word. */
plug_status broker_section_check_others(const struct settings *settings,
                                        const struct config *config, const char *used,
                                        struct plug_err *err);

#endif
