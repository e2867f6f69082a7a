/* One connection to a Redis or a Sentinel: dial, log in, send commands, receive replies. hiredis
 * parses the replies; the socket is ours, so that one write carries all commands of a turn of the
 * loop and every way to lose a connection is seen. Owns the socket, its watch and its buffers.
 * [home]
 *
 *   open ──► name lookup ──► connect ──► TLS ──► AUTH, CLIENT SETNAME, ROLE ──► ready ──► replies
 *                 └────────────┴──────────┴────────────────┴────────────────────────┴──► lost
 *
 * There is no time limit here: the owner closes what takes too long. */
#ifndef REDIS_CONN_H
#define REDIS_CONN_H

#include "redis_env.h"
#include "redis_login.h"
#include "redis_resolve.h"

/* None of these is called from inside redis_conn_open or redis_conn_command. Each may call
 * redis_conn_close. reply is borrowed for the call. lost comes at most once and last; the owner
 * then closes the connection. */
struct redis_conn_events {
  void (*ready)(void *arg);
  void (*reply)(void *arg, const redisReply *reply);
  void (*lost)(void *arg, const struct redis_loss *loss);
};

struct redis_conn;

/* NULL with loss filled when it fails at once. */
struct redis_conn *redis_conn_open(const struct redis_env *env, struct redis_tasks *tasks,
                                   const struct redis_addr *addr, const struct redis_login *login,
                                   const struct redis_conn_events *events, void *arg,
                                   struct redis_loss *loss);
/* Frees it, from inside its own events too; conn may be NULL. No event follows, and nothing is sent
 * any more, not even what the kernel has taken. */
void redis_conn_close(struct redis_conn *conn);

/* Only when ready. False: out of memory, nothing was written. */
bool redis_conn_command(struct redis_conn *conn, const struct plug_str *argv, size_t argc);
/* What the login has found out; for asking again later. Lives as long as the connection. */
struct redis_role_watch *redis_conn_role(struct redis_conn *conn);
/* Bytes that the kernel has not taken yet. */
size_t redis_conn_unsent(const struct redis_conn *conn);
/* Rises with every byte received: a sign of life. */
uint64_t redis_conn_received(const struct redis_conn *conn);
bool redis_conn_is_ready(const struct redis_conn *conn);
/* What it has not come beyond, for an owner whose patience is at its end: a static sentence. */
const char *redis_conn_late(const struct redis_conn *conn);
/* As "TLSv1.3"; NULL: no TLS. */
const char *redis_conn_tls(const struct redis_conn *conn);
/* From now on its events go elsewhere. Only when ready. */
void redis_conn_adopt(struct redis_conn *conn, const struct redis_conn_events *events, void *arg);
/* Paused, no reply is given out any more, not even one that has been read; Redis keeps them. What
 * has been read is given out from inside the call that ends the pause. */
void redis_conn_pause(struct redis_conn *conn, bool paused);
/* Reads what is there now, as if the watch had reported it. May run events. */
void redis_conn_poll(struct redis_conn *conn);

#endif
