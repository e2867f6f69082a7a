/* TLS over one connected, non-blocking socket that is the owner's: handshake, what is read, what is
 * written. libssl does the records; the socket is read and written here, so that what one turn of
 * the loop has to say goes out with one write, and no turn takes for ever. Owns the SSL object and
 * what is encrypted and not sent yet. [home]
 *
 *   owner ──► redis_tls_write ──► SSL_write ──► out ──► send
 *   owner ◄── redis_tls_read  ◄── SSL_read  ◄────────── recv, as often as allowed
 *
 * What is encrypted is on its way: it can be neither dropped nor put in another order. */
#ifndef REDIS_TLS_H
#define REDIS_TLS_H

#include "redis_buf.h"
#include "redis_trust.h"

/* AES-GCM is good for some 24 million records under one key (RFC 8446, 5.5), and libssl does not
 * count. */
#define REDIS_TLS_RECORDS_PER_KEY (UINT64_C(1) << 23)

enum redis_tls_result {
  REDIS_TLS_OK,
  REDIS_TLS_AGAIN, /* when the socket is ready again */
  REDIS_TLS_ENDED, /* the other side has closed the connection */
  REDIS_TLS_LOST,  /* redis_tls_errno says by what */
  REDIS_TLS_BAD,   /* redis_tls_why says what is wrong */
};

struct redis_tls;

/* host: who was dialled, borrowed. NULL: out of memory. */
struct redis_tls *redis_tls_new(const struct redis_trust *trust, int fd, const char *host,
                                uint64_t records_per_key);
/* Says nothing to the other side. NULL is fine. */
void redis_tls_free(struct redis_tls *tls);

enum redis_tls_result redis_tls_handshake(struct redis_tls *tls);
/* From now on the socket may be read that many times. */
void redis_tls_allow(struct redis_tls *tls, unsigned n_reads);
/* At least one byte if REDIS_TLS_OK. Only after REDIS_TLS_AGAIN is it certain that all that has
 * been read from the socket has been given out. */
enum redis_tls_result redis_tls_read(struct redis_tls *tls, char *bytes, size_t size, size_t *n);
/* Did the socket have more than it was allowed to give? */
bool redis_tls_has_more(const struct redis_tls *tls);
/* Sends what is encrypted and then what it can of bytes; *taken of these it keeps. n may be 0. */
enum redis_tls_result redis_tls_write(struct redis_tls *tls, const char *bytes, size_t n,
                                      size_t *taken);
/* Encrypted bytes that the kernel has not taken yet. */
size_t redis_tls_unsent(const struct redis_tls *tls);

/* After REDIS_TLS_LOST. */
int redis_tls_errno(const struct redis_tls *tls);
/* After REDIS_TLS_BAD; a sentence. */
const char *redis_tls_why(const struct redis_tls *tls);
/* The server has asked for a certificate of ours, and there is none. */
bool redis_tls_owes_certificate(const struct redis_tls *tls);
/* "TLSv1.3" */
const char *redis_tls_version(const struct redis_tls *tls);
/* How often there were new keys. */
uint64_t redis_tls_keys(const struct redis_tls *tls);

#endif
