#include "tls_certs.h"

#include <dirent.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

void tls_certs_init(struct tls_certs *certs)
{
  strcpy(certs->dir, "/tmp/plugboard-certs-XXXXXX");
  assert_non_null(mkdtemp(certs->dir));
}

void tls_certs_fini(struct tls_certs *certs)
{
  DIR *dir = opendir(certs->dir);
  assert_non_null(dir);
  for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
    if (entry->d_name[0] != '.')
      unlink(tls_certs_path(certs, entry->d_name));
  closedir(dir);
  rmdir(certs->dir);
}

const char *tls_certs_path(const struct tls_certs *certs, const char *name)
{
  static char paths[64][384];
  static unsigned next;
  char *path = paths[next++ % 64];
  snprintf(path, sizeof paths[0], "%s/%s", certs->dir, name);
  return path;
}

static FILE *create(const struct tls_certs *certs, const char *name, const char *suffix)
{
  char full[128];
  snprintf(full, sizeof full, "%s%s", name, suffix);
  FILE *file = fopen(tls_certs_path(certs, full), "w");
  assert_non_null(file);
  return file;
}

void tls_certs_write(const struct tls_certs *certs, const char *name, const char *text)
{
  FILE *file = create(certs, name, "");
  fputs(text, file);
  fclose(file);
}

static void extend(X509 *certificate, X509 *issuer, int nid, const char *value)
{
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
  assert_non_null(extension);
  assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
  X509_EXTENSION_free(extension);
}

static X509 *make(EVP_PKEY *key, const char *common_name, const char *from, const char *until)
{
  static long serial;
  X509 *certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  assert_int_equal(ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate), from), 1);
  assert_int_equal(ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate), until), 1);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             (const unsigned char *)common_name, -1, -1, 0);
  X509_set_pubkey(certificate, key);
  return certificate;
}

static void put(const struct tls_certs *certs, const char *name, X509 *certificate)
{
  FILE *file = create(certs, name, ".pem");
  assert_int_equal(PEM_write_X509(file, certificate), 1);
  fclose(file);
}

struct tls_issuer tls_certs_authority(const struct tls_certs *certs, const char *name)
{
  struct tls_issuer issuer = {.key = EVP_EC_gen("P-256")};
  assert_non_null(issuer.key);
  issuer.certificate = make(issuer.key, name, "20200101000000Z", "21200101000000Z");
  X509_set_issuer_name(issuer.certificate, X509_get_subject_name(issuer.certificate));
  extend(issuer.certificate, issuer.certificate, NID_basic_constraints, "critical,CA:TRUE");
  assert_true(X509_sign(issuer.certificate, issuer.key, EVP_sha256()) > 0);
  put(certs, name, issuer.certificate);
  return issuer;
}

void tls_issuer_fini(struct tls_issuer *issuer)
{
  X509_free(issuer->certificate);
  EVP_PKEY_free(issuer->key);
}

void tls_certs_issue(const struct tls_certs *certs, const struct tls_issuer *issuer,
                     const char *name, const struct tls_cert_spec *spec)
{
  const char *names = spec->names != NULL ? spec->names : "DNS:localhost,IP:127.0.0.1,IP:::1";
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *certificate = make(key, spec->common_name != NULL ? spec->common_name : "test",
                           spec->from != NULL ? spec->from : "20200101000000Z",
                           spec->until != NULL ? spec->until : "21200101000000Z");
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer->certificate));
  if (*names != '\0')
    extend(certificate, issuer->certificate, NID_subject_alt_name, names);
  assert_true(X509_sign(certificate, issuer->key, EVP_sha256()) > 0);
  put(certs, name, certificate);
  FILE *file = create(certs, name, ".key");
  assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
  assert_int_equal(fchmod(fileno(file), 0600), 0);
  fclose(file);
  EVP_PKEY_free(key);
  X509_free(certificate);
}
