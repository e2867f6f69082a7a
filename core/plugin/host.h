/* The host table: what a plugin sees of the server, put together from the parts of its instance.
 * Owns nothing. Members run on the threads that plugboard/host.h names. */
#ifndef PLUGIN_HOST_H
#define PLUGIN_HOST_H

struct plugin_instance;

/* [create] Fills instance->host. */
void host_init(struct plugin_instance *instance);

#endif
