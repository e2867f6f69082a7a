/* What goes wrong with TLS, in words that say what an operator can do about it. Owns nothing, any
 * thread. */
#ifndef REDIS_TLS_ERROR_H
#define REDIS_TLS_ERROR_H

#include <openssl/x509.h>

#include "redis_error.h"

/* Why a certificate was not accepted; called by the verification, about the certificate at hand.
 * name: that of the server, as we expect it. */
void redis_tls_explain_certificate(X509_STORE_CTX *context, const char *name,
                                   char out[REDIS_WHY_MAX]);
/* What libssl says with this code of its queue. owes_certificate: the server has asked for one, and
 * there is none. */
void redis_tls_explain(unsigned long code, bool owes_certificate, char out[REDIS_WHY_MAX]);

#define REDIS_TLS_OWED "it wants a client certificate: set tls-certificate and tls-key"

#endif
