/* The keys of session tickets, by which a client resumes its TLS session with any worker, and after
 * the certificates were read again. Owns the keys: the newest seals, those before it open until the
 * last ticket they sealed has expired. Any thread. */
#ifndef TLS_TICKETS_H
#define TLS_TICKETS_H

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* A key seals for half of a session's lifetime: with the two before it every ticket is opened for
 * as long as it is good. */
#define TLS_TICKET_KEYS 3

struct tls_ticket_key {
  unsigned char name[16], secret[32], mac[32];
  uint64_t made_ms;
};

struct tls_tickets {
  pthread_mutex_t lock;                        /* of the keys; nothing is called with it held */
  struct tls_ticket_key keys[TLS_TICKET_KEYS]; /* the newest first */
  unsigned n;
  uint64_t lifetime_ms;     /* 0: no tickets */
  uint64_t (*now_ms)(void); /* clock_now_ms, but in tests */
};

/* False: the system gives no random numbers. */
bool tls_tickets_init(struct tls_tickets *tickets, uint64_t lifetime_ms);
void tls_tickets_fini(struct tls_tickets *tickets);

/* Makes ctx seal and open with them; they outlive it. */
void tls_tickets_serve(struct tls_tickets *tickets, SSL_CTX *ctx);

#endif
