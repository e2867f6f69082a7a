/* The certificate authorities that a backend's certificate is verified by: read once, in create,
 * since reading them takes longer than the home thread may be busy, and shared by all connections.
 * Owns the store. A store that is made is immutable: any thread. */
#ifndef HOOK_TLS_H
#define HOOK_TLS_H

#include <curl/curl.h>

struct hook_tls;

/* ca_file NULL: those of the system. NULL with a sentence in why. */
struct hook_tls *hook_tls_new(const char *ca_file, char why[240]);
void hook_tls_free(struct hook_tls *tls); /* NULL is nothing */

/* The store lives at least as long as the handle. */
void hook_tls_use(const struct hook_tls *tls, CURL *curl);

#endif
