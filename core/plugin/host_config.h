/* "plug.host.config/1": the sections "[INSTANCE NAME]" of an instance's configuration. Owns
 * nothing. While create runs, on its thread. */
#ifndef PLUGIN_HOST_CONFIG_H
#define PLUGIN_HOST_CONFIG_H

#include <plugboard/ext/config.h>

struct plugin_instance;

extern const struct plug_config host_config_table;

#endif
