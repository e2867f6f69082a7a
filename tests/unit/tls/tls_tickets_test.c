/* The keys of tickets: who may resume, for how long, and with whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "tls/tls_tickets.h"

#define LIFETIME_MS UINT64_C(3600000)

static uint64_t now_ms = 1000;

static uint64_t our_now_ms(void)
{
  return now_ms;
}

static void use_certificate(SSL_CTX *ctx)
{
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *certificate = X509_new();
  assert_non_null(key);
  assert_true(X509_set_pubkey(certificate, key));
  assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), -60));
  assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 3600));
  assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
  assert_int_equal(SSL_CTX_use_certificate(ctx, certificate), 1);
  assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
  X509_free(certificate);
  EVP_PKEY_free(key);
}

/* A server as a reload makes one: nothing in common with others but the keys. */
static SSL_CTX *server_new(struct tls_tickets *tickets)
{
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  use_certificate(ctx);
  tls_tickets_serve(tickets, ctx);
  return ctx;
}

/* A connection; *session is what is to be resumed, if anything, and becomes what the server gave.
 */
static bool connects_again(SSL_CTX *server, int version, SSL_SESSION **session)
{
  static SSL_CTX *clients;
  if (!clients)
    clients = SSL_CTX_new(TLS_client_method());
  SSL *ours = SSL_new(server), *theirs = SSL_new(clients);
  BIO *a, *b;
  char byte;
  assert_int_equal(BIO_new_bio_pair(&a, 0, &b, 0), 1);
  SSL_set_bio(ours, a, a);
  SSL_set_bio(theirs, b, b);
  SSL_set_accept_state(ours);
  SSL_set_connect_state(theirs);
  assert_true(SSL_set_max_proto_version(theirs, version));
  if (*session)
    assert_true(SSL_set_session(theirs, *session));
  for (int i = 0; i < 6; i++) {
    (void)SSL_do_handshake(theirs);
    (void)SSL_do_handshake(ours);
  }
  assert_true(SSL_is_init_finished(ours) && SSL_is_init_finished(theirs));
  /* As net/tls_stream.c does it. */
  if (version == TLS1_3_VERSION && !(SSL_get_options(ours) & SSL_OP_NO_TICKET))
    assert_int_equal(SSL_new_session_ticket(ours), 1);
  assert_int_equal(SSL_write(ours, "x", 1), 1);
  assert_int_equal(SSL_read(theirs, &byte, 1), 1); /* and the ticket before it */
  bool reused = SSL_session_reused(ours) == 1;
  SSL_SESSION_free(*session);
  *session = SSL_get1_session(theirs);
  SSL_set_shutdown(theirs, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(ours);
  SSL_free(theirs);
  return reused;
}

static bool resumes(SSL_CTX *server, int version, SSL_SESSION *session)
{
  assert_true(SSL_SESSION_up_ref(session));
  bool reused = connects_again(server, version, &session);
  SSL_SESSION_free(session);
  return reused;
}

static void a_session_is_resumed_for_its_lifetime(void **state)
{
  static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
  (void)state;
  for (size_t i = 0; i < 2; i++) {
    struct tls_tickets tickets;
    SSL_SESSION *first = NULL, *others = NULL;
    assert_true(tls_tickets_init(&tickets, LIFETIME_MS));
    tickets.now_ms = our_now_ms;
    tickets.keys[0].made_ms = now_ms;
    SSL_CTX *server = server_new(&tickets), *reloaded = server_new(&tickets);
    assert_false(connects_again(server, versions[i], &first));
    /* Somebody comes every ten minutes, so that keys are replaced. */
    for (uint64_t end_ms = now_ms + LIFETIME_MS - 600000; now_ms < end_ms; now_ms += 600000) {
      assert_true(resumes(reloaded, versions[i], first));
      (void)connects_again(server, versions[i], &others);
    }
    assert_true(tickets.n > 1);
    assert_true(resumes(server, versions[i], first));
    /* A ticket that was renewed has a life of its own; the old key is forgotten in the end. */
    for (uint64_t end_ms = now_ms + 2 * LIFETIME_MS; now_ms < end_ms; now_ms += 600000)
      assert_true(connects_again(server, versions[i], &others));
    assert_false(resumes(server, versions[i], first));
    SSL_SESSION_free(first);
    SSL_SESSION_free(others);
    SSL_CTX_free(server);
    SSL_CTX_free(reloaded);
    tls_tickets_fini(&tickets);
  }
}

static void other_keys_do_not_open_it(void **state)
{
  (void)state;
  struct tls_tickets one, other;
  SSL_SESSION *session = NULL;
  assert_true(tls_tickets_init(&one, LIFETIME_MS) && tls_tickets_init(&other, LIFETIME_MS));
  SSL_CTX *server = server_new(&one), *stranger = server_new(&other);
  (void)connects_again(server, TLS1_3_VERSION, &session);
  assert_false(resumes(stranger, TLS1_3_VERSION, session));
  /* Its name alone does not make a key the right one. */
  memcpy(other.keys[0].name, one.keys[0].name, sizeof one.keys[0].name);
  assert_false(resumes(stranger, TLS1_3_VERSION, session));
  assert_true(resumes(server, TLS1_3_VERSION, session));
  SSL_SESSION_free(session);
  SSL_CTX_free(server);
  SSL_CTX_free(stranger);
  tls_tickets_fini(&one);
  tls_tickets_fini(&other);
}

static void without_a_lifetime_there_are_none(void **state)
{
  (void)state;
  struct tls_tickets tickets;
  SSL_SESSION *session = NULL;
  assert_true(tls_tickets_init(&tickets, 0));
  SSL_CTX *server = server_new(&tickets);
  for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    (void)connects_again(server, version, &session);
    assert_false(resumes(server, version, session));
  }
  SSL_SESSION_free(session);
  SSL_CTX_free(server);
  tls_tickets_fini(&tickets);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_session_is_resumed_for_its_lifetime),
      cmocka_unit_test(other_keys_do_not_open_it),
      cmocka_unit_test(without_a_lifetime_there_are_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
