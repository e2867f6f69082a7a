/* The part of the settings that is about who comes in by which door: addresses that are listened
 * on, endpoints and their origins, SockJS, proxies, hosts. Private to core/config. The starting
 * thread. */
#ifndef CONFIG_SETTINGS_DOORS_H
#define CONFIG_SETTINGS_DOORS_H

#include "config/settings_loader.h"

#define DOORS_DEFAULT_ENDPOINT "/ws" /* without any section of an endpoint */

/* The path of "endpoint PATH", an empty one for "endpoint"; false for other sections. */
bool doors_endpoint_path(const struct config_section *section, struct plug_str *path);
plug_status doors_check_endpoint(const struct config_section *section, struct plug_str path,
                                 struct plug_err *err);

/* Steps of settings_load. */
plug_status doors_load_listeners(struct settings_loader *l);
plug_status doors_load_endpoints(struct settings_loader *l);
plug_status doors_load_proxies(struct settings_loader *l);
plug_status doors_load_hosts(struct settings_loader *l);

#endif
