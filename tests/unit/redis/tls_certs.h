/* Certificates for tests, good or bad in one way each, as files in a folder of their own. */
#ifndef TLS_CERTS_H
#define TLS_CERTS_H

#include <openssl/x509.h>
#include <stddef.h>

struct tls_issuer {
  X509 *certificate;
  EVP_PKEY *key;
};

struct tls_certs {
  char dir[64];
};

/* What a certificate says; zero: for localhost, 127.0.0.1 and ::1, from 2020 until 2120. */
struct tls_cert_spec {
  const char *names;        /* as "DNS:a,IP:127.0.0.1"; "" for none */
  const char *common_name;  /* NULL: "test" */
  const char *from, *until; /* as "20200101000000Z" */
};

void tls_certs_init(struct tls_certs *certs);
void tls_certs_fini(struct tls_certs *certs); /* removes the folder */
/* DIR/NAME; a static text, good for some calls. */
const char *tls_certs_path(const struct tls_certs *certs, const char *name);
void tls_certs_write(const struct tls_certs *certs, const char *name, const char *text);

/* An authority; its certificate goes to the file NAME.pem. */
struct tls_issuer tls_certs_authority(const struct tls_certs *certs, const char *name);
void tls_issuer_fini(struct tls_issuer *issuer);
/* NAME.pem and NAME.key. */
void tls_certs_issue(const struct tls_certs *certs, const struct tls_issuer *issuer,
                     const char *name, const struct tls_cert_spec *spec);

#endif
