/* TLS against a server of libssl in the same process: who is accepted, what is said about who is
 * not, and that every byte arrives once and in its order whatever the socket takes. */
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "mock_host.h"
#include "redis_conn.h"
#include "redis_tls.h"
#include "tls_certs.h"

static struct mock_loop *loop;
static struct mock_host *host;
static struct redis_env env;
static struct tls_certs certs;
static struct tls_issuer authority, stranger;

#define PATH(name) tls_certs_path(&certs, name)

static int set_up(void **state)
{
  static const char *const options[] = {NULL};
  (void)state;
  loop = mock_loop_new();
  host = mock_host_new(loop, &plug_plugin_entry_redis, "a", options, NULL);
  redis_env_init(&env, &host->host);
  tls_certs_init(&certs);
  authority = tls_certs_authority(&certs, "ca");
  stranger = tls_certs_authority(&certs, "stranger");
  tls_certs_issue(&certs, &authority, "server", &(struct tls_cert_spec){0});
  tls_certs_issue(&certs, &authority, "client", &(struct tls_cert_spec){.names = ""});
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  tls_issuer_fini(&authority);
  tls_issuer_fini(&stranger);
  tls_certs_fini(&certs);
  mock_host_free(host);
  mock_loop_free(loop);
  return 0;
}

/* ---- a client and a server, at the ends of a pair of sockets */

struct server_spec {
  const char *certificate; /* NULL: "server" */
  const char *wants;       /* the authority of clients' certificates; NULL: wants none */
  int max_version;         /* 0: any */
};

struct pair {
  struct redis_trust *trust;
  struct redis_tls *client;
  SSL *server;
  int client_fd, server_fd;
  enum redis_tls_result result; /* of the last handshake or read */
  char why[REDIS_WHY_MAX];
};

static SSL_CTX *server_context(const struct server_spec *spec)
{
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  char file[64];
  const char *name = spec->certificate != NULL ? spec->certificate : "server";
  /* The distribution's settings may forbid what this is about. */
  SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
  if (spec->max_version != 0)
    SSL_CTX_set_max_proto_version(context, spec->max_version);
  snprintf(file, sizeof file, "%s.pem", name);
  assert_int_equal(SSL_CTX_use_certificate_chain_file(context, PATH(file)), 1);
  snprintf(file, sizeof file, "%s.key", name);
  assert_int_equal(SSL_CTX_use_PrivateKey_file(context, PATH(file), SSL_FILETYPE_PEM), 1);
  if (spec->wants != NULL) {
    snprintf(file, sizeof file, "%s.pem", spec->wants);
    assert_int_equal(SSL_CTX_load_verify_file(context, PATH(file)), 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  }
  return context;
}

static void open_sockets(struct pair *p)
{
  int fds[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
  p->client_fd = fds[0];
  p->server_fd = fds[1];
}

static void open_client(struct pair *p, const struct redis_trust_config *config, const char *name,
                        uint64_t records_per_key)
{
  char why[REDIS_WHY_MAX];
  p->trust = redis_trust_new(&env, config, why);
  if (p->trust == NULL)
    fail_msg("%s", why);
  p->client = redis_tls_new(p->trust, p->client_fd, name, records_per_key);
  assert_non_null(p->client);
}

static void open_pair(struct pair *p, const struct redis_trust_config *config, const char *name,
                      const struct server_spec *spec, uint64_t records_per_key)
{
  *p = (struct pair){0};
  open_sockets(p);
  open_client(p, config, name, records_per_key);
  SSL_CTX *context = server_context(spec);
  p->server = SSL_new(context);
  SSL_CTX_free(context);
  SSL_set_fd(p->server, p->server_fd);
  SSL_set_accept_state(p->server);
}

static void close_pair(struct pair *p)
{
  redis_tls_free(p->client);
  redis_trust_free(p->trust);
  SSL_free(p->server);
  close(p->client_fd);
  close(p->server_fd);
}

/* Until the client is through or lost; the outcome is in result and why. */
static void shake_hands(struct pair *p)
{
  p->result = REDIS_TLS_AGAIN;
  for (int i = 0; i < 100 && p->result == REDIS_TLS_AGAIN; i++) {
    p->result = redis_tls_handshake(p->client);
    ERR_clear_error();
    if (p->server != NULL)
      (void)SSL_do_handshake(p->server);
    ERR_clear_error();
  }
  snprintf(p->why, sizeof p->why, "%s", p->result == REDIS_TLS_BAD ? redis_tls_why(p->client) : "");
}

/* What the client reads after the handshake, which the server may have refused. */
static void read_verdict(struct pair *p)
{
  char bytes[64];
  size_t n;
  if (p->result != REDIS_TLS_OK)
    return;
  redis_tls_allow(p->client, 4);
  p->result = redis_tls_read(p->client, bytes, sizeof bytes, &n);
  snprintf(p->why, sizeof p->why, "%s", p->result == REDIS_TLS_BAD ? redis_tls_why(p->client) : "");
}

#define TRUSTING (&(struct redis_trust_config){.ca_file = PATH("ca.pem")})

/* ---- who is accepted */

static void names_are_verified(void **state)
{
  (void)state;
  static const struct {
    const char *names, *common_name, *dialled, *server_name;
    bool fits;
  } vectors[] = {
      {NULL, NULL, "localhost", NULL, true},
      {NULL, NULL, "LOCALHOST", NULL, true},
      {NULL, NULL, "localhost.", NULL, true},
      {NULL, NULL, "127.0.0.1", NULL, true},
      {NULL, NULL, "::1", NULL, true},
      {NULL, NULL, "0:0:0:0:0:0:0:1", NULL, true},
      {NULL, NULL, "127.0.0.2", NULL, false},
      {NULL, NULL, "::2", NULL, false},
      {NULL, NULL, "127.0.0.2", "localhost", true},
      {NULL, NULL, "localhost", "redis.example", false},
      {"DNS:redis.example", NULL, "10.0.0.1", "redis.example", true},
      {"DNS:*.db.example", NULL, "redis.db.example", NULL, true},
      {"DNS:*.db.example", NULL, "a.redis.db.example", NULL, false},
      {"DNS:r*.db.example", NULL, "redis.db.example", NULL, false},
      {"DNS:127.0.0.1", NULL, "127.0.0.1", NULL, false},
      {"", "redis.example", "redis.example", NULL, true},
      {"DNS:other.example", "redis.example", "redis.example", NULL, false},
      {"", "127.0.0.1", "127.0.0.1", NULL, false},
  };
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
    struct pair p;
    const struct tls_cert_spec spec = {.names = vectors[i].names,
                                       .common_name = vectors[i].common_name};
    tls_certs_issue(&certs, &authority, "named", &spec);
    const struct redis_trust_config config = {.ca_file = PATH("ca.pem"),
                                              .server_name = vectors[i].server_name};
    open_pair(&p, &config, vectors[i].dialled, &(struct server_spec){.certificate = "named"}, 1000);
    shake_hands(&p);
    if ((p.result == REDIS_TLS_OK) != vectors[i].fits)
      fail_msg("%zu: %s: %s", i, vectors[i].dialled, p.why);
    if (!vectors[i].fits && strstr(p.why, "its certificate is not for ") != p.why)
      fail_msg("%zu: %s", i, p.why);
    close_pair(&p);
  }
}

static void the_server_hears_the_name_but_no_number(void **state)
{
  (void)state;
  static const char *const vectors[][2] = {
      {"localhost", "localhost"}, {"localhost.", "localhost"}, {"127.0.0.1", NULL}, {"::1", NULL}};
  for (size_t i = 0; i < 4; i++) {
    struct pair p;
    open_pair(&p, TRUSTING, vectors[i][0], &(struct server_spec){0}, 1000);
    shake_hands(&p);
    assert_int_equal(p.result, REDIS_TLS_OK);
    assert_string_equal(redis_tls_version(p.client), "TLSv1.3");
    const char *heard = SSL_get_servername(p.server, TLSEXT_NAMETYPE_host_name);
    if (vectors[i][1] == NULL)
      assert_null(heard);
    else
      assert_string_equal(heard, vectors[i][1]);
    close_pair(&p);
  }
}

/* The alerts of SSL 3.0: "sslv3 alert ..." until OpenSSL 3.1, "ssl/tls alert ..." since then. */
static void leave_out_age(char *why)
{
  static const char *const ages[] = {"sslv3 alert", "ssl/tls alert"};
  for (size_t i = 0; i < sizeof ages / sizeof *ages; i++) {
    char *at = strstr(why, ages[i]);
    if (at)
      memmove(at, strstr(at, "alert"), strlen(strstr(at, "alert")) + 1);
  }
}

static void what_is_wrong_is_said(void **state)
{
  (void)state;
  tls_certs_issue(&certs, &authority, "expired",
                  &(struct tls_cert_spec){.until = "20210203040506Z"});
  tls_certs_issue(&certs, &authority, "early", &(struct tls_cert_spec){.from = "21100203040506Z"});
  tls_certs_issue(&certs, &stranger, "foreign", &(struct tls_cert_spec){0});
  tls_certs_issue(&certs, &stranger, "foreign-client", &(struct tls_cert_spec){.names = ""});
  tls_certs_issue(&certs, &authority, "expired-client",
                  &(struct tls_cert_spec){.names = "", .until = "20210203040506Z"});
  tls_certs_issue(&certs, &authority, "many",
                  &(struct tls_cert_spec){.names = "DNS:a.example,IP:10.1.2.3,IP:fe80::1,DNS:b,"
                                                   "DNS:ccccccccccccccccccccccccccccccccccccccc,"
                                                   "DNS:ddddddddddddddddddddddddddddddddddddddd,"
                                                   "DNS:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"});
  const struct {
    const char *client; /* our certificate */
    struct server_spec server;
    const char *why;
  } vectors[] = {
      {NULL, {.certificate = "expired"}, "its certificate has expired, at 2021-02-03 04:05:06 UTC"},
      {NULL,
       {.certificate = "early"},
       "its certificate is valid from 2110-02-03 04:05:06 UTC on: is the clock right?"},
      {NULL,
       {.certificate = "foreign"},
       "its certificate is of an unknown authority (unable to get local issuer certificate): set "
       "tls-ca-file"},
      {NULL,
       {.certificate = "many"},
       "its certificate is not for localhost but for a.example, 10.1.2.3, fe80:0:0:0:0:0:0:1, b, "
       "ccccccccccccccccccccccccccccccccccccccc ...: set tls-server-name"},
      {NULL, {.wants = "ca"}, "it wants a client certificate: set tls-certificate and tls-key"},
      {NULL,
       {.wants = "ca", .max_version = TLS1_2_VERSION},
       "it wants a client certificate: set tls-certificate and tls-key"},
      {"client", {.wants = "ca"}, NULL},
      {"client", {.wants = "ca", .max_version = TLS1_2_VERSION}, NULL},
      {"foreign-client",
       {.wants = "ca"},
       "it refuses our certificate, that of tls-certificate: tlsv1 alert unknown ca"},
      {"expired-client",
       {.wants = "ca"},
       "it refuses our certificate, that of tls-certificate: alert certificate expired"},
      {NULL, {.max_version = TLS1_1_VERSION}, "it speaks neither TLS 1.2 nor 1.3"},
  };
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
    struct pair p;
    char certificate[64], key[64];
    snprintf(certificate, sizeof certificate, "%s.pem",
             vectors[i].client != NULL ? vectors[i].client : "");
    snprintf(key, sizeof key, "%s.key", vectors[i].client != NULL ? vectors[i].client : "");
    const struct redis_trust_config config = {
        .ca_file = PATH("ca.pem"),
        .certificate = vectors[i].client != NULL ? PATH(certificate) : NULL,
        .key = vectors[i].client != NULL ? PATH(key) : NULL};
    open_pair(&p, &config, "localhost", &vectors[i].server, 1000);
    shake_hands(&p);
    read_verdict(&p);
    if (vectors[i].why == NULL)
      assert_int_equal(p.result, REDIS_TLS_AGAIN);
    else {
      leave_out_age(p.why);
      assert_string_equal(p.why, vectors[i].why);
    }
    close_pair(&p);
  }
}

/* Without verification all of them will do, and nothing else changes. */
static void unverified_anybody_is_accepted(void **state)
{
  (void)state;
  static const char *const any[] = {"expired", "foreign", "many"};
  for (size_t i = 0; i < 3; i++) {
    struct pair p;
    open_pair(&p, &(struct redis_trust_config){.insecure = true}, "localhost",
              &(struct server_spec){.certificate = any[i]}, 1000);
    shake_hands(&p);
    assert_int_equal(p.result, REDIS_TLS_OK);
    close_pair(&p);
  }
}

static void who_speaks_no_tls_is_told_from_who_hangs_up(void **state)
{
  (void)state;
  struct pair p = {0};
  open_sockets(&p);
  open_client(&p, TRUSTING, "localhost", 1000);
  assert_int_equal(redis_tls_handshake(p.client), REDIS_TLS_AGAIN);
  assert_true(write(p.server_fd, "-ERR unknown command\r\n", 22) == 22);
  shake_hands(&p);
  assert_int_equal(p.result, REDIS_TLS_BAD);
  assert_non_null(strstr(p.why, "it speaks no TLS at this port"));
  close_pair(&p);

  p = (struct pair){0};
  open_sockets(&p);
  open_client(&p, TRUSTING, "localhost", 1000);
  assert_int_equal(redis_tls_handshake(p.client), REDIS_TLS_AGAIN);
  shutdown(p.server_fd, SHUT_WR);
  shake_hands(&p);
  assert_int_equal(p.result, REDIS_TLS_ENDED);
  close_pair(&p);
}

/* ---- what is written and read */

static unsigned char byte_at(size_t i)
{
  return (unsigned char)(i * 31 + i / 251);
}

static void all_bytes_arrive_though_the_socket_takes_few(void **state)
{
  (void)state;
  enum { SIZE = 3000000, PIECE = 70001 };
  unsigned char *bytes = malloc(SIZE), *got = malloc(SIZE);
  size_t put = 0, received = 0, most_unsent = 0;
  struct pair p;
  for (size_t i = 0; i < SIZE; i++)
    bytes[i] = byte_at(i);
  const int small = 8192;
  open_pair(&p, TRUSTING, "localhost", &(struct server_spec){0}, 20);
  setsockopt(p.client_fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  shake_hands(&p);
  while (received < SIZE) {
    size_t taken, n = SIZE - put < PIECE ? SIZE - put : PIECE;
    enum redis_tls_result result = redis_tls_write(p.client, (char *)bytes + put, n, &taken);
    assert_true(result == REDIS_TLS_OK || result == REDIS_TLS_AGAIN);
    assert_true(taken <= n);
    put += taken;
    if (redis_tls_unsent(p.client) > most_unsent)
      most_unsent = redis_tls_unsent(p.client);
    int got_now = SSL_read(p.server, got + received, 5000);
    if (got_now > 0)
      received += (size_t)got_now;
    ERR_clear_error();
  }
  assert_int_equal(put, SIZE);
  assert_memory_equal(bytes, got, SIZE);
  assert_true(most_unsent > 0 && most_unsent < 70000); /* no more is encrypted than one batch */
  assert_true(redis_tls_keys(p.client) >= 3);          /* 183 records, new keys after 20 of them */
  close_pair(&p);
  free(bytes);
  free(got);
}

static void reading_stops_where_it_was_allowed_to_and_loses_nothing(void **state)
{
  (void)state;
  struct pair p;
  char bytes[100], got[8000] = "";
  size_t n, len = 0;
  open_pair(&p, TRUSTING, "localhost", &(struct server_spec){0}, 1000);
  shake_hands(&p);
  for (int i = 0; i < 40; i++) {
    char line[150];
    memset(line, 'a' + i % 26, sizeof line);
    assert_int_equal(SSL_write(p.server, line, sizeof line), (int)sizeof line);
  }
  /* Nothing is allowed yet. */
  assert_int_equal(redis_tls_read(p.client, bytes, sizeof bytes, &n), REDIS_TLS_AGAIN);
  int turns = 0;
  for (enum redis_tls_result result = REDIS_TLS_OK; len < 6000; turns++) {
    redis_tls_allow(p.client, 1);
    for (result = REDIS_TLS_OK; result == REDIS_TLS_OK;) {
      result = redis_tls_read(p.client, bytes, sizeof bytes, &n);
      if (result == REDIS_TLS_OK) {
        memcpy(got + len, bytes, n);
        len += n;
      }
    }
    assert_int_equal(result, REDIS_TLS_AGAIN);
  }
  assert_int_equal(len, 6000);
  for (size_t i = 0; i < len; i++)
    assert_int_equal(got[i], 'a' + (int)(i / 150) % 26);
  assert_false(redis_tls_has_more(p.client));
  SSL_shutdown(p.server);
  redis_tls_allow(p.client, 1);
  assert_int_equal(redis_tls_read(p.client, bytes, sizeof bytes, &n), REDIS_TLS_ENDED);
  close_pair(&p);
}

/* ---- a connection that is paused while libssl still holds replies */

struct conn_test {
  struct redis_conn *conn;
  int n_replies;
  bool ready, lost, pauses;
  char why[REDIS_WHY_MAX];
};

static void on_ready(void *arg)
{
  ((struct conn_test *)arg)->ready = true;
}

static void on_reply(void *arg, const redisReply *reply)
{
  struct conn_test *t = arg;
  assert_int_equal(reply->integer, t->n_replies);
  t->n_replies++;
  if (t->pauses && t->n_replies % 100 == 0)
    redis_conn_pause(t->conn, true);
}

static void on_lost(void *arg, const struct redis_loss *loss)
{
  struct conn_test *t = arg;
  t->lost = true;
  memcpy(t->why, loss->why, sizeof t->why);
}

static const struct redis_conn_events conn_events = {on_ready, on_reply, on_lost};

static int listen_on(struct redis_addr *addr)
{
  struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof sa;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
  assert_int_equal(listen(fd, 4), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
  *addr = (struct redis_addr){.host = "127.0.0.1", .port = ntohs(sa.sin_port)};
  return fd;
}

static void a_pause_keeps_what_libssl_holds(void **state)
{
  (void)state;
  enum { N = 3000 };
  struct redis_tasks tasks = {.env = &env};
  struct conn_test t = {.pauses = true};
  struct redis_loss loss;
  struct redis_addr addr;
  char why[REDIS_WHY_MAX];
  int listener = listen_on(&addr);
  struct redis_trust *trust = redis_trust_new(&env, TRUSTING, why);
  const struct redis_login login = {.name = "x", .trust = trust, .role = REDIS_ROLE_ANY};
  t.conn = redis_conn_open(&env, &tasks, &addr, &login, &conn_events, &t, &loss);
  assert_non_null(t.conn);
  int fd = accept(listener, NULL, NULL);
  assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
  SSL_CTX *context = server_context(&(struct server_spec){0});
  SSL *server = SSL_new(context);
  SSL_CTX_free(context);
  SSL_set_fd(server, fd);
  SSL_set_accept_state(server);
  char bytes[1000];
  while (SSL_read(server, bytes, sizeof bytes) <= 0) { /* CLIENT SETNAME */
    assert_false(t.lost);
    mock_loop_turn(loop, 1);
  }
  assert_int_equal(SSL_write(server, "+OK\r\n", 5), 5);
  MOCK_WAIT(loop, 5000, t.ready);
  assert_string_equal(redis_conn_tls(t.conn), "TLSv1.3");
  /* One record with many replies: more than one read of the owner, one of the socket. */
  static char all[16000];
  size_t len = 0;
  int made = 0;
  while (len < sizeof all - 20 && made < N)
    len += (size_t)snprintf(all + len, sizeof all - len, ":%d\r\n", made++);
  assert_int_equal(SSL_write(server, all, (int)len), (int)len);
  while (t.n_replies < made) {
    int before = t.n_replies;
    MOCK_WAIT(loop, 5000, t.n_replies % 100 == 0 && t.n_replies > 0);
    mock_loop_turn(loop, 1); /* paused, nothing comes */
    assert_true(t.n_replies - before <= 100);
    if (made - t.n_replies < 100)
      t.pauses = false;
    redis_conn_pause(t.conn, false);
  }
  assert_int_equal(t.n_replies, made);
  SSL_shutdown(server);
  close(fd);
  MOCK_WAIT(loop, 5000, t.lost);
  assert_string_equal(t.why, "Redis closed the connection");
  redis_conn_close(t.conn);
  redis_trust_free(trust);
  SSL_free(server);
  close(listener);
}

/* ---- files */

static void bad_files_are_named(void **state)
{
  (void)state;
  EVP_PKEY *key = EVP_EC_gen("P-256");
  FILE *file = fopen(PATH("locked.key"), "w");
  PEM_write_PrivateKey(file, key, EVP_aes_128_cbc(), (const unsigned char *)"secret", 6, NULL,
                       NULL);
  fclose(file);
  EVP_PKEY_free(key);
  tls_certs_write(&certs, "junk.pem", "junk\n");
  tls_certs_issue(&certs, &authority, "other", &(struct tls_cert_spec){0});
  const struct {
    struct redis_trust_config config;
    const char *why;
  } vectors[] = {
      {{.ca_file = PATH("none.pem")}, "option tls-ca-file: /tmp/"},
      {{.ca_file = PATH("none.pem")}, "No such file or directory"},
      {{.ca_file = PATH("junk.pem")}, "no certificates can be read from it"},
      {{.certificate = PATH("junk.pem"), .key = PATH("client.key")}, "option tls-certificate: "},
      {{.certificate = PATH("client.pem"), .key = PATH("none.key")}, "option tls-key: "},
      {{.certificate = PATH("client.pem"), .key = PATH("none.key")}, "No such file or directory"},
      {{.certificate = PATH("client.pem"), .key = PATH("junk.pem")},
       "no private key can be read from it"},
      {{.certificate = PATH("client.pem"), .key = PATH("other.key")},
       "it is not the key of the certificate of tls-certificate"},
      {{.certificate = PATH("client.pem"), .key = PATH("locked.key")},
       "the key is encrypted; one without a passphrase is needed"},
  };
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
    char why[REDIS_WHY_MAX] = "";
    assert_null(redis_trust_new(&env, &vectors[i].config, why));
    if (strstr(why, vectors[i].why) == NULL)
      fail_msg("%zu: %s", i, why);
  }
}

static void note(void *arg)
{
  *(bool *)arg = true;
}

static void accept_with(struct redis_trust *trust, const char *certificate, bool accepted)
{
  struct pair p;
  open_pair(&p, &(struct redis_trust_config){.insecure = true}, "localhost",
            &(struct server_spec){.certificate = certificate}, 1000);
  redis_tls_free(p.client);
  p.client = redis_tls_new(trust, p.client_fd, "localhost", 1000);
  shake_hands(&p);
  assert_int_equal(p.result == REDIS_TLS_OK, accepted);
  close_pair(&p);
}

static void changed_files_are_read_again_and_bad_ones_left_alone(void **state)
{
  (void)state;
  struct redis_tasks tasks = {.env = &env};
  bool done = false;
  char why[REDIS_WHY_MAX];
  tls_certs_issue(&certs, &stranger, "foreign", &(struct tls_cert_spec){0});
  struct tls_issuer first = tls_certs_authority(&certs, "changing");
  tls_issuer_fini(&first);
  const char *path = PATH("changing.pem");
  struct redis_trust *trust =
      redis_trust_new(&env, &(struct redis_trust_config){.ca_file = path}, why);
  assert_non_null(trust);
  assert_false(redis_trust_renew(trust, &tasks, note, &done));
  accept_with(trust, "foreign", false);

  tls_certs_write(&certs, "changing.pem", "junk, and longer than before or not");
  assert_true(redis_trust_renew(trust, &tasks, note, &done));
  assert_false(redis_trust_renew(trust, &tasks, note, &done)); /* one at a time */
  MOCK_WAIT(loop, 5000, done);
  assert_true(mock_logged(host, "cannot be used, those from before are: option tls-ca-file"));
  assert_false(redis_trust_renew(trust, &tasks, note, &done)); /* not again and again */

  char to[384];
  snprintf(to, sizeof to, "%s", path);
  assert_int_equal(rename(PATH("stranger.pem"), to), 0);
  done = false;
  assert_true(redis_trust_renew(trust, &tasks, note, &done));
  redis_trust_forget(trust);
  MOCK_WAIT(loop, 5000, tasks.n_running == 0);
  assert_false(done);
  assert_true(mock_logged(host, "the certificates for Redis have changed and been read"));
  accept_with(trust, "foreign", true);
  redis_trust_free(trust);
}

static void a_key_that_all_may_read_is_warned_of(void **state)
{
  (void)state;
  const struct redis_trust_config config = {.certificate = PATH("client.pem"),
                                            .key = PATH("client.key")};
  char why[REDIS_WHY_MAX];
  mock_forget(host);
  redis_trust_free(redis_trust_new(&env, &config, why));
  assert_false(mock_logged(host, "may read the key"));
  assert_int_equal(chmod(PATH("client.key"), 0644), 0);
  redis_trust_free(redis_trust_new(&env, &config, why));
  assert_true(mock_logged(host, "everybody on this machine may read the key"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_are_verified),
      cmocka_unit_test(the_server_hears_the_name_but_no_number),
      cmocka_unit_test(what_is_wrong_is_said),
      cmocka_unit_test(unverified_anybody_is_accepted),
      cmocka_unit_test(who_speaks_no_tls_is_told_from_who_hangs_up),
      cmocka_unit_test(all_bytes_arrive_though_the_socket_takes_few),
      cmocka_unit_test(reading_stops_where_it_was_allowed_to_and_loses_nothing),
      cmocka_unit_test(a_pause_keeps_what_libssl_holds),
      cmocka_unit_test(bad_files_are_named),
      cmocka_unit_test(changed_files_are_read_again_and_bad_ones_left_alone),
      cmocka_unit_test(a_key_that_all_may_read_is_warned_of),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
