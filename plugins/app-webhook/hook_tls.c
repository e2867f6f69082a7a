#include "hook_tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hook_tls {
  struct hook_tls *next;
  X509_STORE *store;
  char ca_file[]; /* "": the system's */
};

/* What is set on an SSL_CTX is known only to a libcurl that is made with OpenSSL. */
static int curl_has_openssl(void)
{
  const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
  return info->ssl_version && strncmp(info->ssl_version, "OpenSSL/", 8) == 0;
}

static struct hook_tls *read_tls(const char *ca_file, char why[240])
{
  struct hook_tls *tls = calloc(1, sizeof *tls + strlen(ca_file) + 1);
  if (!tls || !(tls->store = X509_STORE_new())) {
    free(tls);
    snprintf(why, 240, "out of memory");
    return NULL;
  }
  strcpy(tls->ca_file, ca_file);
  ERR_clear_error();
  int good = *ca_file ? X509_STORE_load_file(tls->store, ca_file)
                      : X509_STORE_set_default_paths(tls->store);
  if (!curl_has_openssl()) {
    snprintf(why, 240, "this libcurl is not made with OpenSSL");
  } else if (good != 1) {
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    snprintf(why, 240, "%.120s: no certificates can be read from it (%.60s)",
             *ca_file ? ca_file : "the system's certificates", reason ? reason : "unknown");
  } else {
    return tls;
  }
  ERR_clear_error();
  hook_tls_free(tls);
  return NULL;
}

const struct hook_tls *hook_tls_get(struct hook_tls **list, const char *ca_file, char why[240])
{
  const char *path = ca_file ? ca_file : "";
  struct hook_tls *tls = *list;
  while (tls && strcmp(tls->ca_file, path) != 0)
    tls = tls->next;
  if (!tls && (tls = read_tls(path, why))) {
    tls->next = *list;
    *list = tls;
  }
  return tls;
}

void hook_tls_free(struct hook_tls *list)
{
  while (list) {
    struct hook_tls *tls = list;
    list = tls->next;
    X509_STORE_free(tls->store);
    free(tls);
  }
}

static CURLcode on_context(CURL *curl, void *context, void *arg)
{
  const struct hook_tls *tls = arg;
  (void)curl;
  SSL_CTX_set1_cert_store(context, tls->store);
  return CURLE_OK;
}

void hook_tls_use(const struct hook_tls *tls, CURL *curl)
{
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  /* Not those that libcurl would read for each connection. */
  curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
  curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
  curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, on_context);
  curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, (void *)tls);
}
