/* The certificate authorities that a backend's certificate is verified by: read once, in create,
 * since reading them takes longer than the home thread may be busy, and shared by all hooks that
 * name the same file, and all their connections. Owns the stores. One that is made is immutable:
 * any thread. */
#ifndef HOOK_TLS_H
#define HOOK_TLS_H

#include <curl/curl.h>

struct hook_tls;

/* That of ca_file, NULL: those of the system, from the list, or read and put into it. NULL with a
 * sentence in why. */
const struct hook_tls *hook_tls_get(struct hook_tls **list, const char *ca_file, char why[240]);
void hook_tls_free(struct hook_tls *list); /* all of them; NULL is nothing */

/* The store lives at least as long as the handle. */
void hook_tls_use(const struct hook_tls *tls, CURL *curl);

#endif
