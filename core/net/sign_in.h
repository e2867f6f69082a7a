/* The sign-in of the page to try the server on, for development only: gives out tokens (HS256) for
 * any sane name, which auth-jwt accepts as settings_page.h has told it. Decides only, keeps nothing
 * of who has signed in. An answer's text lives until the thread's next request. Any thread; the
 * route: worker's thread only. */
#ifndef NET_SIGN_IN_H
#define NET_SIGN_IN_H

#include "net/http_routes.h"

#define SIGN_IN_PATH       "/try-page/sign-in"
#define SIGN_IN_CHARS_MAX  32                      /* of a name */
#define SIGN_IN_NAME_MAX   (4 * SIGN_IN_CHARS_MAX) /* bytes */
#define SIGN_IN_LIFETIME_S (12 * 60 * 60)

/* The one parameter "name" of a query, decoded as forms encode it. NULL, or what is wrong with it.
 */
const char *sign_in_read_name(struct plug_str query, char out[SIGN_IN_NAME_MAX], size_t *len);

/* NULL, or why nobody can be called that: letters of all languages, digits, and in between blanks
 * and . _ - ' */
const char *sign_in_name_fault(struct plug_str name);

/* A token for the name. False when out of memory, or if a library fails. */
bool sign_in_put_token(struct buf *out, struct plug_str secret, struct plug_str name,
                       int64_t now_s);

enum http_route sign_in_route(const struct net_env *env, const struct http_head *head,
                              const struct http_forwarded *forwarded, struct http_reply *reply);

/* Frees what the thread keeps between calls. */
void sign_in_drop_scratch(void);

#endif
