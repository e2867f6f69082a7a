#include "tls/tls_tickets.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <string.h>

#include "base/clock.h"

static bool make_key(struct tls_tickets *tickets, uint64_t now_ms)
{
  struct tls_ticket_key key = {.made_ms = now_ms};
  if (RAND_bytes(key.name, sizeof key.name) != 1 ||
      RAND_priv_bytes(key.secret, sizeof key.secret) != 1 ||
      RAND_priv_bytes(key.mac, sizeof key.mac) != 1)
    return false;
  memmove(&tickets->keys[1], &tickets->keys[0], (TLS_TICKET_KEYS - 1) * sizeof key);
  tickets->keys[0] = key;
  if (tickets->n < TLS_TICKET_KEYS)
    tickets->n++;
  OPENSSL_cleanse(&key, sizeof key);
  return true;
}

bool tls_tickets_init(struct tls_tickets *tickets, uint64_t lifetime_ms)
{
  *tickets = (struct tls_tickets){.lifetime_ms = lifetime_ms, .now_ms = clock_now_ms};
  pthread_mutex_init(&tickets->lock, NULL);
  return make_key(tickets, tickets->now_ms());
}

void tls_tickets_fini(struct tls_tickets *tickets)
{
  pthread_mutex_destroy(&tickets->lock);
  OPENSSL_cleanse(tickets->keys, sizeof tickets->keys);
}

/* With the lock held. A failed replacement keeps the old one. */
static void replace_old(struct tls_tickets *tickets)
{
  uint64_t now_ms = tickets->now_ms();
  if (now_ms - tickets->keys[0].made_ms >= tickets->lifetime_ms / 2)
    (void)make_key(tickets, now_ms);
  while (tickets->n > 1 &&
         now_ms - tickets->keys[tickets->n - 1].made_ms > tickets->lifetime_ms / 2 * 3)
    OPENSSL_cleanse(&tickets->keys[--tickets->n], sizeof tickets->keys[0]);
}

/* The key to seal with. */
static struct tls_ticket_key newest(struct tls_tickets *tickets)
{
  pthread_mutex_lock(&tickets->lock);
  replace_old(tickets);
  struct tls_ticket_key key = tickets->keys[0];
  pthread_mutex_unlock(&tickets->lock);
  return key;
}

/* The place of the key of this name, or -1. */
static int find(struct tls_tickets *tickets, const unsigned char name[16],
                struct tls_ticket_key *key)
{
  int found = -1;
  pthread_mutex_lock(&tickets->lock);
  replace_old(tickets);
  for (unsigned i = 0; i < tickets->n && found < 0; i++)
    if (memcmp(tickets->keys[i].name, name, sizeof tickets->keys[i].name) == 0) {
      *key = tickets->keys[i];
      found = (int)i;
    }
  pthread_mutex_unlock(&tickets->lock);
  return found;
}

static bool use_mac(EVP_MAC_CTX *mac, struct tls_ticket_key *key)
{
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof key->mac),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, params) == 1;
}

static int tickets_index = -1;

/* As SSL_CTX_set_tlsext_ticket_key_evp_cb(3) wants it: 1 goes on, 2 with a new ticket, 0 without
 * the session, -1 ends the handshake. */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int seal)
{
  struct tls_tickets *tickets = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), tickets_index);
  struct tls_ticket_key key;
  int place = 0;
  if (seal) {
    key = newest(tickets);
    memcpy(name, key.name, sizeof key.name);
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1)
      return -1;
  } else {
    place = find(tickets, name, &key);
    if (place < 0)
      return 0;
  }
  bool well = (seal ? EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.secret, iv)
                    : EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.secret, iv)) == 1 &&
              use_mac(mac, &key);
  OPENSSL_cleanse(&key, sizeof key);
  return !well ? -1 : place ? 2 : 1;
}

static void make_index(void)
{
  tickets_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

void tls_tickets_serve(struct tls_tickets *tickets, SSL_CTX *ctx)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  /* Sessions are in their tickets, nothing is kept here. */
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  if (!tickets->lifetime_ms) {
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(ctx, 0);
    return;
  }
  pthread_once(&once, make_index);
  SSL_CTX_set_ex_data(ctx, tickets_index, tickets);
  SSL_CTX_set_timeout(ctx, (long)(tickets->lifetime_ms / 1000));
  SSL_CTX_set_num_tickets(ctx, 0); /* TLS 1.3: whoever writes asks for them when it is time */
  SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
}
