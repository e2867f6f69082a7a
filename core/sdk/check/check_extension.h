/* The extensions of the host in the kit: the work pool, named sections, control of sessions,
 * presence. Owns a thread per job of the pool. Those who call are the plugin's threads, as the tags
 * of plugboard/ext say. */
#ifndef SDK_CHECK_EXTENSION_H
#define SDK_CHECK_EXTENSION_H

#include "check_host.h"

const void *extension_find(struct check_host *host, const char *id);

#endif
