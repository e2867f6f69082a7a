#include "redis_tls_error.h"

#include <ctype.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

enum { NAMES_MAX = 120, DATE_MAX = 40 };

/* What a certificate says goes into the log: nothing but plain characters, and not much of it. */
static void add_name(char out[NAMES_MAX], const unsigned char *name, size_t len)
{
  size_t at = strlen(out);
  if (at + len + 3 > NAMES_MAX) {
    if (at + 5 < NAMES_MAX && (at < 3 || out[at - 1] != '.'))
      strcpy(out + at, " ...");
    return;
  }
  if (at > 0) {
    memcpy(out + at, ", ", 2);
    at += 2;
  }
  for (size_t i = 0; i < len; i++)
    out[at++] = isgraph(name[i]) ? (char)name[i] : '?';
  out[at] = '\0';
}

static void add_number(char out[NAMES_MAX], const ASN1_OCTET_STRING *ip)
{
  char text[48] = "";
  const unsigned char *b = ASN1_STRING_get0_data(ip);
  int n = ASN1_STRING_length(ip);
  if (n == 4)
    snprintf(text, sizeof text, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
  else if (n == 16)
    for (int i = 0; i < 16; i += 2)
      snprintf(text + strlen(text), sizeof text - strlen(text), "%s%x", i > 0 ? ":" : "",
               b[i] * 256u + b[i + 1]);
  add_name(out, (const unsigned char *)text, strlen(text));
}

/* The names that it is for. */
static void names_of(X509 *certificate, char out[NAMES_MAX])
{
  GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
  out[0] = '\0';
  for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
    if (name->type == GEN_DNS)
      add_name(out, ASN1_STRING_get0_data(name->d.dNSName),
               (size_t)ASN1_STRING_length(name->d.dNSName));
    else if (name->type == GEN_IPADD)
      add_number(out, name->d.iPAddress);
  }
  GENERAL_NAMES_free(names);
  char common[NAMES_MAX];
  int n = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, common,
                                    sizeof common);
  if (out[0] == '\0' && n > 0)
    add_name(out, (const unsigned char *)common, strlen(common));
  if (out[0] == '\0')
    strcpy(out, "no name at all");
}

static void date_of(const ASN1_TIME *time, char out[DATE_MAX])
{
  struct tm tm;
  if (time == NULL || ASN1_TIME_to_tm(time, &tm) != 1 ||
      strftime(out, DATE_MAX, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
    strcpy(out, "an unknown time");
}

void redis_tls_explain_certificate(X509_STORE_CTX *context, const char *name,
                                   char out[REDIS_WHY_MAX])
{
  int error = X509_STORE_CTX_get_error(context);
  X509 *certificate = X509_STORE_CTX_get_current_cert(context);
  const char *whose = X509_STORE_CTX_get_error_depth(context) == 0
                          ? "its certificate"
                          : "the certificate of its authority";
  char names[NAMES_MAX] = "?", date[DATE_MAX] = "?";
  if (certificate != NULL)
    names_of(certificate, names);
  switch (error) {
  case X509_V_ERR_HOSTNAME_MISMATCH:
  case X509_V_ERR_IP_ADDRESS_MISMATCH:
    snprintf(out, REDIS_WHY_MAX,
             "its certificate is not for %.100s but for %s: set tls-server-name", name, names);
    break;
  case X509_V_ERR_CERT_HAS_EXPIRED:
    if (certificate != NULL)
      date_of(X509_get0_notAfter(certificate), date);
    snprintf(out, REDIS_WHY_MAX, "%s has expired, at %s", whose, date);
    break;
  case X509_V_ERR_CERT_NOT_YET_VALID:
    if (certificate != NULL)
      date_of(X509_get0_notBefore(certificate), date);
    snprintf(out, REDIS_WHY_MAX, "%s is valid from %s on: is the clock right?", whose, date);
    break;
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
  case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
  case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
  case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    snprintf(out, REDIS_WHY_MAX, "its certificate is of an unknown authority (%s): set tls-ca-file",
             X509_verify_cert_error_string(error));
    break;
  default:
    snprintf(out, REDIS_WHY_MAX, "%s is not accepted: %s", whose,
             X509_verify_cert_error_string(error));
    break;
  }
}

void redis_tls_explain(unsigned long code, bool owes_certificate, char out[REDIS_WHY_MAX])
{
  const char *reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_reason_error_string(code) : NULL;
  switch (reason != NULL ? ERR_GET_REASON(code) : 0) {
  case SSL_R_WRONG_VERSION_NUMBER:
  case SSL_R_HTTP_REQUEST:
  case SSL_R_PACKET_LENGTH_TOO_LONG:
    snprintf(out, REDIS_WHY_MAX, "it speaks no TLS at this port: is it the tls-port of Redis?");
    return;
  case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    snprintf(out, REDIS_WHY_MAX, REDIS_TLS_OWED);
    return;
  case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
    snprintf(out, REDIS_WHY_MAX,
             owes_certificate ? REDIS_TLS_OWED
                              : "it has no cipher in common with us (handshake failure)");
    return;
  case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
  case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
  case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
  case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
  case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
  case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    snprintf(out, REDIS_WHY_MAX, "it refuses our certificate, that of tls-certificate: %s", reason);
    return;
  case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
  case SSL_R_UNSUPPORTED_PROTOCOL:
    snprintf(out, REDIS_WHY_MAX, "it speaks neither TLS 1.2 nor 1.3");
    return;
  case SSL_R_TLSV1_UNRECOGNIZED_NAME:
    snprintf(out, REDIS_WHY_MAX, "it serves no such name: set tls-server-name");
    return;
  default:
    reason = ERR_reason_error_string(code);
    snprintf(out, REDIS_WHY_MAX, "TLS has failed: %s", reason != NULL ? reason : "no reason given");
    return;
  }
}
