/* The login of one connection: AUTH, CLIENT SETNAME, ROLE in one go, and what Redis says to each of
 * them. Owns nothing, no I/O: commands go into a buffer, replies come in. Any thread. */
#ifndef REDIS_LOGIN_H
#define REDIS_LOGIN_H

#include "redis_buf.h"
#include "redis_role.h"
#include "redis_trust.h"

/* Who we are and what we expect; strings are borrowed for the life of the connection. */
struct redis_login {
  const char *user, *password; /* NULL: none */
  const char *name;            /* for CLIENT SETNAME */
  struct redis_trust *trust;   /* NULL: no TLS */
  enum redis_role role;
};

/* Why there is no connection. */
struct redis_loss {
  /* PLUG_EDENIED: the login was refused. PLUG_ESTATE: nobody listens there, which costs nobody
   * anything to ask again. PLUG_ENOMEM, PLUG_EUNAVAIL. */
  plug_status status;
  char why[REDIS_WHY_MAX];
};

enum redis_step { REDIS_STEP_AUTH, REDIS_STEP_SETNAME, REDIS_STEP_ROLE, REDIS_STEP_INFO };

/* The steps of one login. Zero before it begins. */
struct redis_steps {
  enum redis_step v[4];
  size_t n, done;
};

enum redis_login_state { REDIS_LOGIN_WAITS, REDIS_LOGIN_DONE, REDIS_LOGIN_REFUSED };

/* Puts all of it into out. False: out of memory. */
bool redis_login_begin(struct redis_steps *steps, const struct redis_login *login,
                       const struct redis_role_watch *role, struct redis_buf *out);
/* Takes the next reply, and puts into out what is to be asked besides. Refused: loss says why. */
enum redis_login_state redis_login_reply(struct redis_steps *steps, struct redis_role_watch *role,
                                         const redisReply *reply, struct redis_buf *out,
                                         struct redis_loss *loss);

#endif
