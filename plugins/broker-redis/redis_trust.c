#include "redis_trust.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis_url.h"
#include "whole_file.h"

enum { KEY_MAX = 1 << 20, N_FILES = 3 };

/* What is read from the files; on a thread of its own but for the first time. */
struct reading {
  struct redis_task task;
  struct redis_trust *trust;
  SSL_CTX *context; /* the outcome; NULL with why */
  bool key_is_open; /* everybody on the machine may read it */
  char why[REDIS_WHY_MAX];
};

struct redis_trust {
  const struct redis_env *env;
  struct redis_trust_config config;
  struct whole_file_stamp stamps[N_FILES]; /* of the files when they were read last */
  SSL_CTX *context;
  struct reading *reading; /* NULL: none */
  void (*fn)(void *arg);
  void *arg;
};

__attribute__((format(printf, 2, 3))) static bool refuse(struct reading *r, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  vsnprintf(r->why, sizeof r->why, format, args);
  va_end(args);
  return false;
}

/* Why libssl cannot use a file. */
static bool refuse_file(struct reading *r, const char *option, const char *path, const char *what)
{
  const unsigned long code = ERR_peek_error();
  const char *reason =
      ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code)) : ERR_reason_error_string(code);
  return refuse(r, "option %s: %s: %s (%s)", option, path, what,
                reason != NULL ? reason : "unknown reason");
}

static bool read_authorities(struct reading *r)
{
  const struct redis_trust_config *c = &r->trust->config;
  if (c->insecure)
    return true;
  if (c->ca_file == NULL && c->ca_dir == NULL && SSL_CTX_set_default_verify_paths(r->context) != 1)
    return refuse(r, "the certificate authorities of the system cannot be used");
  if (c->ca_file != NULL && SSL_CTX_load_verify_file(r->context, c->ca_file) != 1)
    return refuse_file(r, "tls-ca-file", c->ca_file, "no certificates can be read from it");
  if (c->ca_dir != NULL && SSL_CTX_load_verify_dir(r->context, c->ca_dir) != 1)
    return refuse_file(r, "tls-ca-dir", c->ca_dir, "it cannot be used");
  return true;
}

/* Without it libcrypto would ask at the terminal. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
  (void)buf, (void)size, (void)writing;
  if (arg != NULL)
    *(bool *)arg = true;
  return -1;
}

static bool read_key(struct reading *r)
{
  const char *path = r->trust->config.key;
  char what[240];
  size_t len = 0;
  bool encrypted = false, used = false;
  char *text = whole_file_read(path, KEY_MAX, &len, &r->key_is_open, what);
  if (text == NULL)
    return refuse(r, "option tls-key: %s: %.120s", path, what);
  BIO *bio = BIO_new_mem_buf(text, (int)len);
  EVP_PKEY *key =
      bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &encrypted);
  if (encrypted)
    refuse(r, "option tls-key: %s: the key is encrypted; one without a passphrase is needed", path);
  else if (key == NULL)
    refuse_file(r, "tls-key", path, "no private key can be read from it");
  else if (SSL_CTX_use_PrivateKey(r->context, key) != 1)
    refuse_file(r, "tls-key", path, "it is not the key of the certificate of tls-certificate");
  else
    used = true;
  EVP_PKEY_free(key);
  BIO_free(bio);
  explicit_bzero(text, len);
  free(text);
  return used;
}

static bool read_identity(struct reading *r)
{
  const struct redis_trust_config *c = &r->trust->config;
  if (c->certificate == NULL)
    return true;
  if (SSL_CTX_use_certificate_chain_file(r->context, c->certificate) != 1)
    return refuse_file(r, "tls-certificate", c->certificate, "no certificate can be read from it");
  return read_key(r);
}

static void read_files(struct reading *r)
{
  ERR_clear_error();
  r->context = SSL_CTX_new(TLS_client_method());
  if (r->context != NULL)
    SSL_CTX_set_default_passwd_cb(r->context, no_passphrase);
  if (r->context == NULL || SSL_CTX_set_min_proto_version(r->context, TLS1_2_VERSION) != 1) {
    refuse(r, "TLS cannot be set up: out of memory, or libssl is not usable");
  } else if (read_authorities(r) && read_identity(r)) {
    SSL_CTX_set_verify(r->context, r->trust->config.insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER,
                       NULL);
    SSL_CTX_set_session_cache_mode(r->context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(r->context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(r->context, SSL_OP_NO_RENEGOTIATION);
    ERR_clear_error();
    return;
  }
  SSL_CTX_free(r->context);
  r->context = NULL;
  ERR_clear_error();
}

static void run(struct redis_task *task)
{
  read_files((struct reading *)task);
}

/* Of the files that are named; a folder and the system's are looked up as they are needed. */
static void look(const struct redis_trust *trust, struct whole_file_stamp stamps[N_FILES])
{
  const char *paths[N_FILES] = {trust->config.ca_file, trust->config.certificate,
                                trust->config.key};
  memset(stamps, 0, N_FILES * sizeof *stamps);
  for (size_t i = 0; i < N_FILES; i++)
    if (paths[i] != NULL)
      whole_file_look(paths[i], &stamps[i]);
}

static void take(struct redis_trust *trust, struct reading *r)
{
  SSL_CTX_free(trust->context);
  trust->context = r->context;
  if (r->key_is_open)
    redis_log(trust->env, PLUG_LOG_WARN,
              "everybody on this machine may read the key %s: chmod o-r it", trust->config.key);
}

struct redis_trust *redis_trust_new(const struct redis_env *env,
                                    const struct redis_trust_config *config,
                                    char why[REDIS_WHY_MAX])
{
  struct redis_trust *trust = calloc(1, sizeof *trust);
  if (trust == NULL) {
    snprintf(why, REDIS_WHY_MAX, "out of memory");
    return NULL;
  }
  trust->env = env;
  trust->config = *config;
  look(trust, trust->stamps);
  struct reading r = {.trust = trust};
  read_files(&r);
  if (r.context == NULL) {
    memcpy(why, r.why, REDIS_WHY_MAX);
    redis_trust_free(trust);
    return NULL;
  }
  take(trust, &r);
  return trust;
}

void redis_trust_free(struct redis_trust *trust)
{
  if (trust == NULL)
    return;
  SSL_CTX_free(trust->context);
  free(trust);
}

static void finish(struct redis_task *task)
{
  struct reading *r = (struct reading *)task;
  struct redis_trust *trust = r->trust;
  void (*fn)(void *arg) = trust->fn;
  trust->reading = NULL;
  trust->fn = NULL;
  if (r->context != NULL) {
    take(trust, r);
    redis_log(trust->env, PLUG_LOG_INFO, "the certificates for Redis have changed and been read");
  } else {
    redis_log(trust->env, PLUG_LOG_ERROR,
              "the certificates for Redis have changed and cannot be used, those from before are: "
              "%s",
              r->why);
  }
  free(r);
  if (fn != NULL)
    fn(trust->arg);
}

bool redis_trust_renew(struct redis_trust *trust, struct redis_tasks *tasks, void (*fn)(void *arg),
                       void *arg)
{
  struct whole_file_stamp stamps[N_FILES];
  if (trust->reading != NULL)
    return false; /* a slow disk holds nobody up twice */
  look(trust, stamps);
  if (memcmp(stamps, trust->stamps, sizeof stamps) == 0)
    return false;
  struct reading *r = calloc(1, sizeof *r);
  if (r == NULL)
    return false;
  r->trust = trust;
  if (!redis_task_start(&r->task, tasks, run, finish)) {
    free(r);
    return false;
  }
  /* What cannot be used now is tried again when it has changed again. */
  memcpy(trust->stamps, stamps, sizeof stamps);
  trust->reading = r;
  trust->fn = fn;
  trust->arg = arg;
  return true;
}

void redis_trust_forget(struct redis_trust *trust)
{
  trust->fn = NULL;
}

/* The name goes to the server, which may have several certificates; numbers do not. A dot at its
 * end, which says that a name is complete, stands in no certificate. */
static bool expect(SSL *ssl, const char *full)
{
  unsigned char number[sizeof(struct in6_addr)];
  char name[REDIS_HOST_MAX + 1];
  size_t len = strlen(full);
  if (len > REDIS_HOST_MAX)
    return false;
  memcpy(name, full, len + 1);
  if (len > 1 && name[len - 1] == '.')
    name[len - 1] = '\0';
  if (inet_pton(AF_INET, name, number) == 1 || inet_pton(AF_INET6, name, number) == 1)
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

SSL *redis_trust_open(const struct redis_trust *trust, const char *host, const char **name)
{
  SSL *ssl = SSL_new(trust->context);
  *name = trust->config.server_name != NULL ? trust->config.server_name : host;
  if (ssl != NULL && expect(ssl, *name)) {
    SSL_set_connect_state(ssl);
    return ssl;
  }
  SSL_free(ssl);
  ERR_clear_error();
  return NULL;
}

bool redis_trust_is_insecure(const struct redis_trust *trust)
{
  return trust->config.insecure;
}
