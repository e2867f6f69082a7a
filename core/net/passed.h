/* Listening sockets that systemd has bound and passed on (socket activation, sd_listen_fds(3)).
 * Each takes the place of a bind: of the address of the configuration that is its own. Owns them
 * until they are taken. The starting thread. */
#ifndef NET_PASSED_H
#define NET_PASSED_H

#include "config/settings.h"

/* Takes what the environment says has been passed, which is forgotten there: programs that are
 * started from here have not been given it. On failure err->text is a sentence. */
plug_status passed_begin(struct plug_err *err);

/* The socket of this address, or at this path, for the caller; -1: none was passed. It is shared by
 * all workers, so none of them may be sure of a connection that it was told of. */
int passed_take_address(const struct settings_address *address, const struct settings *settings);
int passed_take_path(const char *path);

/* All have been asked for. PLUG_EINVAL: there are others, which nobody has asked for and somebody
 * believes are served; they are closed. */
plug_status passed_end(struct plug_err *err);

#endif
