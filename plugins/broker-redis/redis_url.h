/* Where Redis is and who we are there, out of the url option. Owns its strings. No I/O, any
 * thread. Nothing here ever puts the url, a user name or a password into a message. */
#ifndef REDIS_URL_H
#define REDIS_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <plugboard/abi.h>

enum { REDIS_HOST_MAX = 255, REDIS_PATH_MAX = 107, REDIS_ADDR_TEXT = 272 };

struct redis_addr {
  char host[REDIS_HOST_MAX + 1]; /* name or number, without brackets */
  char path[REDIS_PATH_MAX + 1]; /* not empty: a UNIX socket; host and port mean nothing */
  uint16_t port;
};

struct redis_url {
  struct redis_addr addr;
  char *user, *password; /* NULL when not given */
  bool has_db;           /* a database number was given */
  bool tls;              /* rediss:// */
};

/* redis://[user:password@]host[:port][/db], rediss:// with the same, or unix:/path. On failure *why
 * is a static sentence and url holds nothing. */
plug_status redis_url_parse(struct plug_str text, struct redis_url *url, const char **why);
void redis_url_fini(struct redis_url *url);

/* host[:port], with [brackets] around IPv6 numbers. */
plug_status redis_addr_parse(struct plug_str text, uint16_t default_port, struct redis_addr *addr,
                             const char **why);
/* As an operator would write it; returns out. */
const char *redis_addr_text(const struct redis_addr *addr, char out[REDIS_ADDR_TEXT]);
bool redis_addr_eq(const struct redis_addr *a, const struct redis_addr *b);

/* Overwrites a secret before it is freed; secret may be NULL. */
void redis_secret_free(char *secret);

#endif
