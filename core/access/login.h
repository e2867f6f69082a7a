/* One CONNECT, or one renewal, on its way through the chain: the worker makes it, the control
 * thread asks one plugin after the other, the verdict comes back through the worker's inbox. Owns
 * copies of all that the client has shown, wiped as soon as no plugin looks at them any more.
 *
 *   worker                       control thread                            plugin
 *   login_begin ---------------> ask the first ---- authenticate --------> DEFER
 *                                ask the next ----- authenticate --------> PENDING
 *                                                  <----- grant, refuse ---
 *   run(login) <--- inbox ------ verdict; wiped
 */
#ifndef ACCESS_LOGIN_H
#define ACCESS_LOGIN_H

#include "access/chain.h"
#include "access/handshake.h"
#include "access/identity.h"
#include "hub/inbox.h"
#include "stomp/stomp.h"

#define LOGIN_CODE_MAX   32
#define LOGIN_REASON_MAX 200

enum login_result {
  LOGIN_GRANTED,
  LOGIN_DENIED,
  LOGIN_FAILED, /* nobody could judge it; the same again later may do */
};

struct login_verdict {
  enum login_result result;
  struct identity *identity; /* a reference; NULL: anonymous */
  char code[LOGIN_CODE_MAX + 1];
  char reason[LOGIN_REASON_MAX + 1];
};

struct login;

/* What comes back, on the worker's thread; owner NULL: it was forgotten. Frees the login
 * afterwards. */
typedef void (*login_fn)(void *owner, struct login_verdict *verdict);

struct login_init {
  int32_t stage; /* PLUG_STAGE_CONNECT, PLUG_STAGE_REFRESH */
  uint64_t session;
  uint64_t timeout_ms;
  bool anonymous; /* who shows no credentials is nobody, and welcome */
  const struct stomp_frame *frame;
  struct handshake *handshake; /* taken over, also on failure; may be NULL */
  struct identity *who;        /* REFRESH; a reference is taken */
  struct inbox *inbox;
  login_fn done;
  void *owner;
};

/* [worker] NULL when out of memory; otherwise done follows. */
struct login *login_begin(struct chain *chain, const struct login_init *init);
/* [worker] The client has gone: done will get no owner. */
void login_forget(struct login *login);

/* [any] When an identity ends, on the clock of clock_now_ms; UINT64_MAX: never, 0: it has. */
uint64_t login_expiry(const struct plug_identity *who);

#endif
