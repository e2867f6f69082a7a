/* Fetches a key set over HTTP, and before it the discovery document that says where it is. One
 * fetch is one thread that may block: looking up the name, the handshake with its certificates (of
 * which loading alone takes longer than the home thread may be busy) and parsing all happen there,
 * with a limit on time and bytes. Started, cancelled and answered on the home thread. */
#ifndef JWT_FETCH_H
#define JWT_FETCH_H

#include "jwt_config.h"
#include "jwt_env.h"
#include "jwt_keyset.h"

enum { JWT_FETCH_MAX_BYTES = 512 << 10, JWT_FETCH_WHY = 500 };

struct jwt_fetch_result {
  struct jwt_keyset *keys; /* the caller's; NULL: failed */
  uint64_t max_age_s;      /* of the answer's Cache-Control; 0: none */
  char url[256];           /* of the key set, or what of it could be found; for the log */
  char why[JWT_FETCH_WHY]; /* of a failure */
};

typedef void (*jwt_fetch_fn)(void *arg, struct jwt_fetch_result *result);

struct jwt_fetch;

/* fn is called once, at home, also after a cancel. config and env are borrowed until then. NULL
 * when no thread can be had. */
struct jwt_fetch *jwt_fetch_start(const struct jwt_env *env, const struct jwt_config *config,
                                  jwt_fetch_fn fn, void *arg);
/* Asks it to end within about a second. */
void jwt_fetch_cancel(struct jwt_fetch *fetch);

/* The max-age of a Cache-Control header's value; 0 when it has none. */
uint64_t jwt_fetch_max_age(struct plug_str value);

#endif
