/* Whom we trust and who we are, when the way to Redis is TLS: certificate authorities, our own
 * certificate and its key, out of files that are read again when they have changed. Owns what was
 * read; connections that exist keep what they began with. [home], new [create] */
#ifndef REDIS_TRUST_H
#define REDIS_TRUST_H

#include <openssl/ssl.h>

#include "redis_error.h"
#include "redis_task.h"

/* Borrowed for the life of the trust. Each may be NULL. */
struct redis_trust_config {
  const char *ca_file, *ca_dir;  /* neither: the system's authorities */
  const char *certificate, *key; /* both or none */
  const char *server_name;       /* NULL: the host that is dialled */
  bool insecure;                 /* the server's certificate is not looked at */
};

struct redis_trust;

/* Reads the files. NULL: *why is a sentence that names the option. */
struct redis_trust *redis_trust_new(const struct redis_env *env,
                                    const struct redis_trust_config *config,
                                    char why[REDIS_WHY_MAX]);
/* Not while it is read again. NULL is fine. */
void redis_trust_free(struct redis_trust *trust);

/* False: no file has changed, or there is no thread to read it. True: fn follows, when what is new
 * is in use, or has turned out to be of no use, which is logged, so that the old goes on. At most
 * one at a time. */
bool redis_trust_renew(struct redis_trust *trust, struct redis_tasks *tasks, void (*fn)(void *arg),
                       void *arg);
/* fn of redis_trust_renew will not be called any more; what is read comes into use all the same. */
void redis_trust_forget(struct redis_trust *trust);

/* A client's half of a handshake, that accepts only a certificate for the server's name, or for
 * host if there is none. name: which of them. NULL: out of memory, or no name that one can have. */
SSL *redis_trust_open(const struct redis_trust *trust, const char *host, const char **name);
bool redis_trust_is_insecure(const struct redis_trust *trust);

#endif
