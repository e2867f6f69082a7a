/* The files that TLS needs, read and judged: certificate chains, keys, authorities, OCSP answers.
 * Functions give complete objects or a sentence in why, and block on the disk. No state, any
 * thread. */
#ifndef TLS_FILES_H
#define TLS_FILES_H

#include <openssl/ssl.h>
#include <stdbool.h>

#define TLS_WHY_MAX 400

/* The chain of path becomes that of ctx, with the key, of which the two are checked to belong
 * together. others_read: everybody on this machine may read the key. */
bool tls_files_use(SSL_CTX *ctx, const char *chain_path, const char *key_path, bool *others_read,
                   char why[TLS_WHY_MAX]);
/* Clients are asked for certificates that these vouch for. digest: of the file. */
bool tls_files_use_authorities(SSL_CTX *ctx, const char *path, unsigned char digest[32],
                               char why[TLS_WHY_MAX]);

/* An OCSP answer about the certificate of ctx: good, and not expired. */
struct tls_ocsp {
  unsigned char *der;
  int len;
  long long expires_s; /* Unix time; 0: never */
};
/* out->der is freed with OPENSSL_free. */
bool tls_files_read_ocsp(SSL_CTX *ctx, const char *path, struct tls_ocsp *out,
                         char why[TLS_WHY_MAX]);

/* Until when it is good; Unix time. */
long long tls_files_end(const X509 *certificate);
/* What is remarkable about the time for which the certificate is good, as in "has expired on ...";
 * an empty text if nothing is. */
void tls_files_remark_time(const X509 *certificate, char remark[TLS_WHY_MAX]);

/* OpenSSL's last reason, for a sentence; empties its queue. */
const char *tls_files_reason(void);

#endif
