#include "tls/tls_contexts.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/str.h"
#include "config/fault.h"
#include "tls/tls_files.h"
#include "tls/tls_tickets.h"
#include "whole_file.h"

/* A certificate of a set, with the names it is shown for. */
struct shown {
  SSL_CTX *ctx;
  char **names; /* NULL behind the last */
  struct tls_ocsp ocsp;
};

/* What one reading of the files gave. It belongs to the context of its first certificate, with
 * which every connection begins, and goes with the last of these. */
struct set {
  struct shown *items;
  size_t n;
  /* Looks that have ended. OpenSSL 3.0 drops references without the order that would put what was
   * read by them before the end of the set. */
  _Atomic unsigned n_looks;
};

static void end_look(struct set *set)
{
  atomic_fetch_add_explicit(&set->n_looks, 1, memory_order_release);
}

/* What was read and does not hold yet. */
struct prepared {
  const struct settings_tls *settings;
  SSL_CTX *ctx;
  struct whole_file_stamp *stamps;
  size_t n_stamps;
};

struct tls_contexts {
  struct tls_tickets tickets;
  pthread_mutex_t current_lock; /* of current */
  SSL_CTX *current;             /* a reference */
  pthread_mutex_t reading;      /* of what follows: one reads the files at a time */
  const struct settings_tls *settings;
  struct whole_file_stamp *stamps; /* of the files when they were last read, or were refused */
  size_t n_stamps;
  struct prepared next;
  pthread_mutex_t watch_lock; /* of stopping */
  pthread_cond_t wake;
  bool watches, stopping;
  uint64_t interval_ms;
  pthread_t thread;
};

static int set_index = -1;

/* --- names -------------------------------------------------------------------------------- */

/* "*.example.org" is any one label in front of the rest. */
static bool name_matches(const char *pattern, const char *name, bool star)
{
  if ((pattern[0] == '*') != star)
    return false;
  if (!star)
    return str_eq_nocase(str_of(pattern), str_of(name));
  const char *dot = strchr(name, '.');
  return dot && dot != name && str_eq_nocase(str_of(pattern + 1), str_of(dot));
}

static bool section_has(const struct shown *item, const char *name, bool star)
{
  for (char **own = item->names; *own; own++)
    if (name_matches(*own, name, star))
      return true;
  return false;
}

static bool certificate_has(const struct shown *item, const char *name, bool star)
{
  unsigned flags = star ? 0u : (unsigned)X509_CHECK_FLAG_NO_WILDCARDS;
  return X509_check_host(SSL_CTX_get0_certificate(item->ctx), name, 0, flags, NULL) == 1;
}

/* What a section says goes before what certificates say, an exact name before one with a star. */
static const struct shown *find_shown(const struct set *set, const char *name)
{
  static bool (*const ways[])(const struct shown *, const char *, bool) = {section_has,
                                                                           certificate_has};
  for (size_t way = 0; way < 2; way++)
    for (int star = 0; star < 2; star++)
      for (size_t i = 0; i < set->n; i++)
        if (ways[way](&set->items[i], name, star != 0))
          return &set->items[i];
  return &set->items[0];
}

static int on_name(SSL *ssl, int *alert, void *arg)
{
  struct set *set = arg;
  const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  (void)alert;
  if (!name)
    return SSL_TLSEXT_ERR_NOACK;
  size_t len = strlen(name);
  char plain[256]; /* "example.org." is example.org */
  if (len && len < sizeof plain) {
    memcpy(plain, name, len + 1);
    if (plain[len - 1] == '.')
      plain[len - 1] = '\0';
    const struct shown *item = find_shown(set, plain);
    SSL_CTX *ctx = item->ctx;
    end_look(set);
    if (ctx != SSL_get_SSL_CTX(ssl) && !SSL_set_SSL_CTX(ssl, ctx))
      return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  return SSL_TLSEXT_ERR_OK;
}

/* --- what else is agreed upon ------------------------------------------------------------- */

/* RFC 7301 3.2: who offers protocols and not ours is told so. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *offered, unsigned len, void *arg)
{
  static const unsigned char ours[] = "\x08http/1.1";
  unsigned char *chosen;
  (void)arg;
  if (!SSL_get_default_passwd_cb_userdata(ssl))
    return SSL_TLSEXT_ERR_NOACK; /* STOMP has no name there */
  if (SSL_select_next_proto(&chosen, out_len, ours, sizeof ours - 1, offered, len) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

static int on_status(SSL *ssl, void *arg)
{
  struct set *set = arg;
  const SSL_CTX *ctx = SSL_get_SSL_CTX(ssl);
  int outcome = SSL_TLSEXT_ERR_NOACK;
  for (size_t i = 0; i < set->n; i++) {
    const struct tls_ocsp *ocsp = &set->items[i].ocsp;
    if (set->items[i].ctx != ctx)
      continue;
    if (!ocsp->der || (ocsp->expires_s && ocsp->expires_s <= (long long)time(NULL)))
      break;
    unsigned char *copy = OPENSSL_memdup(ocsp->der, (size_t)ocsp->len);
    if (copy && SSL_set_tlsext_status_ocsp_resp(ssl, copy, ocsp->len) == 1)
      outcome = SSL_TLSEXT_ERR_OK;
    else
      OPENSSL_free(copy);
    break;
  }
  end_look(set);
  return outcome;
}

/* --- reading ------------------------------------------------------------------------------ */

static void set_free(struct set *set)
{
  (void)atomic_fetch_add_explicit(&set->n_looks, 0, memory_order_acquire);
  for (size_t i = 0; i < set->n; i++) {
    if (i > 0) /* the first one frees the set */
      SSL_CTX_free(set->items[i].ctx);
    for (char **name = set->items[i].names; name && *name; name++)
      free(*name);
    free(set->items[i].names);
    OPENSSL_free(set->items[i].ocsp.der);
  }
  free(set->items);
  free(set);
}

static void on_ctx_free(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long argl,
                        void *argp)
{
  (void)parent;
  (void)data;
  (void)index;
  (void)argl;
  (void)argp;
  if (ptr)
    set_free(ptr);
}

static void make_index(void)
{
  set_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, on_ctx_free);
}

static plug_status fault_of(struct plug_err *err, const struct settings_certificate *at,
                            const char *key, const char *why)
{
  return fault_at(err, at->file, at->line, "[%s] %s: %s", at->section, key, why);
}

static plug_status set_versions(SSL_CTX *ctx, const struct settings_tls *settings,
                                struct plug_err *err)
{
  const struct settings_certificate *at = &settings->certificates[0];
  bool has_1_3 = settings->suites[0] != '\0';
  bool has_1_2 = settings->ciphers[0] != '\0' && !settings->only_1_3;
  if (!has_1_3 && !has_1_2)
    return fault_of(err, at, "ciphers", "none is left");
  /* OpenSSL leaves out what it does not know, and a list of one wrong name is an empty one. */
  if ((has_1_3 && SSL_CTX_set_ciphersuites(ctx, settings->suites) != 1) ||
      (has_1_2 && SSL_CTX_set_cipher_list(ctx, settings->ciphers) != 1)) {
    ERR_clear_error();
    return fault_of(err, at, "ciphers",
                    "OpenSSL knows none of these names; openssl ciphers lists them");
  }
  if (SSL_CTX_set_min_proto_version(ctx, has_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_max_proto_version(ctx, has_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION) != 1)
    return fault_of(err, at, "min-version", tls_files_reason());
  return PLUG_OK;
}

static plug_status set_clients(SSL_CTX *ctx, const struct settings_tls *settings,
                               struct plug_err *err)
{
  /* A session is resumed only where the same was asked of clients. */
  unsigned char context[32] = {0};
  char why[TLS_WHY_MAX];
  if (settings->client_certificate != TLS_CLIENT_OFF) {
    if (!tls_files_use_authorities(ctx, settings->client_ca, context, why))
      return fault_of(err, &settings->certificates[0], "client-ca", why);
    bool required = settings->client_certificate == TLS_CLIENT_REQUIRE;
    context[0] ^= required;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       NULL);
  }
  return SSL_CTX_set_session_id_context(ctx, context, sizeof context) == 1 ? PLUG_OK
                                                                           : fault_no_memory(err);
}

static void remark(const struct settings_certificate *certificate, const struct shown *item,
                   bool others_read)
{
  char text[TLS_WHY_MAX];
  if (others_read)
    log_warn("tls", "everybody on this machine may read the key in %s: chmod o-r",
             certificate->key);
  tls_files_remark_time(SSL_CTX_get0_certificate(item->ctx), text);
  if (text[0])
    log_warn("tls", "the certificate in %s %s", certificate->certificate, text);
  for (char **name = item->names; *name; name++)
    if (**name != '*' && !certificate_has(item, *name, true))
      log_warn("tls", "[%s]: the certificate in %s is not for %s", certificate->section,
               certificate->certificate, *name);
}

static bool copy_names(struct shown *item, const struct settings_list *names)
{
  item->names = calloc(names->n + 1, sizeof *item->names);
  for (size_t i = 0; item->names && i < names->n; i++)
    if (!(item->names[i] = str_dup(names->items[i])))
      return false;
  return item->names != NULL;
}

static plug_status make_shown(struct tls_contexts *contexts, const struct settings_tls *settings,
                              size_t i, bool warns, struct set *set, struct plug_err *err)
{
  const struct settings_certificate *certificate = &settings->certificates[i];
  struct shown *item = &set->items[i];
  char why[TLS_WHY_MAX];
  SSL_CTX *ctx = item->ctx = SSL_CTX_new(TLS_server_method());
  if (!ctx)
    return fault_no_memory(err);
  set->n++;
  if ((i == 0 && SSL_CTX_set_ex_data(ctx, set_index, set) != 1) ||
      !copy_names(item, &certificate->names))
    return fault_no_memory(err);
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                               SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_COMPRESSION);
  /* The file has the whole chain; to look for more of it would cost each handshake. */
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_quiet_shutdown(ctx, 0);
  SSL_CTX_set_tlsext_servername_callback(ctx, on_name);
  SSL_CTX_set_tlsext_servername_arg(ctx, set);
  SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
  SSL_CTX_set_tlsext_status_cb(ctx, on_status);
  SSL_CTX_set_tlsext_status_arg(ctx, set);
  tls_tickets_serve(&contexts->tickets, ctx);
  plug_status status = set_versions(ctx, settings, err);
  if (!status)
    status = set_clients(ctx, settings, err);
  if (status)
    return status;
  bool others_read;
  if (!tls_files_use(ctx, certificate->certificate, certificate->key, &others_read, why))
    return fault_of(err, certificate, "certificate", why);
  if (certificate->ocsp_response &&
      !tls_files_read_ocsp(ctx, certificate->ocsp_response, &item->ocsp, why) && warns)
    log_warn("tls", "[%s] ocsp-response: %s: it is not sent", certificate->section, why);
  if (warns)
    remark(certificate, item, others_read);
  return PLUG_OK;
}

/* NULL with err filled. warns: of what is remarkable but no fault. */
static SSL_CTX *read_set(struct tls_contexts *contexts, const struct settings_tls *settings,
                         bool warns, struct plug_err *err)
{
  struct set *set = calloc(1, sizeof *set);
  if (set)
    set->items = calloc(settings->n_certificates, sizeof *set->items);
  if (!set || !set->items) {
    free(set);
    (void)fault_no_memory(err);
    return NULL;
  }
  plug_status status = PLUG_OK;
  for (size_t i = 0; i < settings->n_certificates && !status; i++)
    status = make_shown(contexts, settings, i, warns, set, err);
  SSL_CTX *first = set->items[0].ctx;
  if (!status)
    return first;
  if (first && SSL_CTX_get_ex_data(first, set_index) == set) {
    SSL_CTX_free(first);
  } else {
    set_free(set);
    SSL_CTX_free(first);
  }
  return NULL;
}

/* --- watching ----------------------------------------------------------------------------- */

/* NULL when out of memory. */
static struct whole_file_stamp *look(const struct settings_tls *settings, size_t *n)
{
  struct whole_file_stamp *stamps = calloc(1 + 3 * settings->n_certificates, sizeof *stamps);
  *n = 0;
  if (!stamps)
    return NULL;
  if (settings->client_ca)
    whole_file_look(settings->client_ca, &stamps[*n]);
  ++*n;
  for (size_t i = 0; i < settings->n_certificates; i++) {
    const struct settings_certificate *certificate = &settings->certificates[i];
    whole_file_look(certificate->certificate, &stamps[(*n)++]);
    whole_file_look(certificate->key, &stamps[(*n)++]);
    if (certificate->ocsp_response)
      whole_file_look(certificate->ocsp_response, &stamps[*n]);
    ++*n;
  }
  return stamps;
}

/* With contexts->reading held: what is read holds for connections that begin from here on. */
static void use(struct tls_contexts *contexts, SSL_CTX *ctx)
{
  pthread_mutex_lock(&contexts->current_lock);
  SSL_CTX *before = contexts->current;
  contexts->current = ctx;
  pthread_mutex_unlock(&contexts->current_lock);
  SSL_CTX_free(before);
}

static void keep_stamps(struct tls_contexts *contexts, struct whole_file_stamp *stamps, size_t n)
{
  free(contexts->stamps);
  contexts->stamps = stamps;
  contexts->n_stamps = n;
}

plug_status tls_contexts_prepare(struct tls_contexts *contexts, const struct settings_tls *settings,
                                 struct plug_err *err)
{
  struct prepared *next = &contexts->next;
  if (!settings->n_certificates)
    return fault_at(err, NULL, 0, "there is no section [tls] any more");
  pthread_mutex_lock(&contexts->reading);
  next->settings = settings;
  next->stamps = look(settings, &next->n_stamps);
  next->ctx = next->stamps ? read_set(contexts, settings, false, err) : NULL;
  if (next->ctx)
    return PLUG_OK;
  plug_status status = next->stamps ? PLUG_EINVAL : fault_no_memory(err);
  tls_contexts_cancel(contexts);
  COUNT(tls_reloads_failed);
  return status;
}

void tls_contexts_commit(struct tls_contexts *contexts)
{
  struct prepared *next = &contexts->next;
  contexts->settings = next->settings;
  keep_stamps(contexts, next->stamps, next->n_stamps);
  use(contexts, next->ctx);
  *next = (struct prepared){0};
  COUNT(tls_reloads);
  pthread_mutex_unlock(&contexts->reading);
}

void tls_contexts_cancel(struct tls_contexts *contexts)
{
  free(contexts->next.stamps);
  SSL_CTX_free(contexts->next.ctx);
  contexts->next = (struct prepared){0};
  pthread_mutex_unlock(&contexts->reading);
}

static void look_again(struct tls_contexts *contexts)
{
  struct plug_err err = {0};
  size_t n;
  pthread_mutex_lock(&contexts->reading);
  struct whole_file_stamp *stamps = look(contexts->settings, &n);
  if (!stamps ||
      (n == contexts->n_stamps && memcmp(stamps, contexts->stamps, n * sizeof *stamps) == 0)) {
    pthread_mutex_unlock(&contexts->reading);
    free(stamps);
    return;
  }
  keep_stamps(contexts, stamps, n); /* a file that is refused is read when it changes again */
  SSL_CTX *ctx = read_set(contexts, contexts->settings, true, &err);
  if (ctx)
    use(contexts, ctx);
  pthread_mutex_unlock(&contexts->reading);
  counter_add(ctx ? COUNTER_tls_reloads : COUNTER_tls_reloads_failed, 1);
  if (ctx)
    log_info("tls", "the certificates have changed: new connections get the new ones");
  else
    log_error("tls", "%s; the certificates of before stay", err.text);
}

static void *watch(void *arg)
{
  struct tls_contexts *contexts = arg;
  pthread_setname_np(pthread_self(), "tls-files");
  pthread_mutex_lock(&contexts->watch_lock);
  while (!contexts->stopping) {
    uint64_t due_ms = clock_now_ms() + contexts->interval_ms;
    struct timespec due = clock_timespec(due_ms);
    int waited = 0;
    while (!contexts->stopping && waited != ETIMEDOUT)
      waited =
          pthread_cond_clockwait(&contexts->wake, &contexts->watch_lock, CLOCK_MONOTONIC, &due);
    if (contexts->stopping)
      break;
    pthread_mutex_unlock(&contexts->watch_lock);
    look_again(contexts);
    pthread_mutex_lock(&contexts->watch_lock);
  }
  pthread_mutex_unlock(&contexts->watch_lock);
  return NULL;
}

bool tls_contexts_watch(struct tls_contexts *contexts)
{
  static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
  sigset_t all, old;
  contexts->interval_ms = contexts->settings->reload_interval_ms;
  if (!contexts->interval_ms)
    return true;
  sigfillset(&all);
  for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
    sigdelset(&all, crashes[i]);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  contexts->watches = pthread_create(&contexts->thread, NULL, watch, contexts) == 0;
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return contexts->watches;
}

/* --- life --------------------------------------------------------------------------------- */

struct tls_contexts *tls_contexts_new(const struct settings_tls *settings, struct plug_err *err)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, make_index);
  struct tls_contexts *contexts = calloc(1, sizeof *contexts);
  if (!contexts) {
    (void)fault_no_memory(err);
    return NULL;
  }
  contexts->settings = settings;
  pthread_mutex_init(&contexts->current_lock, NULL);
  pthread_mutex_init(&contexts->reading, NULL);
  pthread_mutex_init(&contexts->watch_lock, NULL);
  pthread_cond_init(&contexts->wake, NULL);
  contexts->stamps = look(settings, &contexts->n_stamps);
  if (!contexts->stamps)
    (void)fault_no_memory(err);
  else if (!tls_tickets_init(&contexts->tickets, settings->session_lifetime_ms))
    (void)fault_at(err, NULL, 0, "OpenSSL gives no random numbers");
  else if ((contexts->current = read_set(contexts, settings, true, err)))
    return contexts;
  tls_contexts_free(contexts);
  return NULL;
}

void tls_contexts_free(struct tls_contexts *contexts)
{
  if (!contexts)
    return;
  if (contexts->watches) {
    pthread_mutex_lock(&contexts->watch_lock);
    contexts->stopping = true;
    pthread_cond_signal(&contexts->wake);
    pthread_mutex_unlock(&contexts->watch_lock);
    pthread_join(contexts->thread, NULL);
  }
  SSL_CTX_free(contexts->current);
  tls_tickets_fini(&contexts->tickets);
  pthread_mutex_destroy(&contexts->current_lock);
  pthread_mutex_destroy(&contexts->reading);
  pthread_mutex_destroy(&contexts->watch_lock);
  pthread_cond_destroy(&contexts->wake);
  free(contexts->stamps);
  free(contexts);
}

static SSL_CTX *current(struct tls_contexts *contexts)
{
  pthread_mutex_lock(&contexts->current_lock);
  SSL_CTX *ctx = contexts->current;
  SSL_CTX_up_ref(ctx);
  pthread_mutex_unlock(&contexts->current_lock);
  return ctx;
}

long long tls_contexts_end(struct tls_contexts *contexts, char remark[TLS_REMARK_MAX])
{
  SSL_CTX *ctx = current(contexts);
  struct set *set = SSL_CTX_get_ex_data(ctx, set_index);
  const X509 *first = NULL;
  long long first_s = 0;
  char when[TLS_WHY_MAX], subject[128];
  for (size_t i = 0; i < set->n; i++) {
    const X509 *certificate = SSL_CTX_get0_certificate(set->items[i].ctx);
    long long end_s = tls_files_end(certificate);
    if (!first || end_s < first_s) {
      first = certificate;
      first_s = end_s;
    }
  }
  tls_files_remark_time(first, when);
  remark[0] = '\0';
  if (when[0])
    snprintf(remark, TLS_REMARK_MAX, "the certificate of %s %.100s",
             X509_NAME_oneline(X509_get_subject_name(first), subject, sizeof subject), when);
  end_look(set);
  SSL_CTX_free(ctx);
  return first_s;
}

SSL *tls_contexts_begin(struct tls_contexts *contexts, bool http)
{
  SSL_CTX *ctx = current(contexts);
  SSL *ssl = SSL_new(ctx);
  SSL_CTX_free(ctx);
  if (!ssl)
    return NULL;
  /* The pointer of an SSL that costs no block of its own; there are no passwords to ask for. */
  SSL_set_default_passwd_cb_userdata(ssl, http ? contexts : NULL);
  SSL_set_accept_state(ssl);
  return ssl;
}
