/* What TLS connections begin with: certificates by name, the rules for versions, ciphers and
 * clients' certificates, the keys of tickets. Owns all of that and, once it is started, a thread
 * that looks whether the files have changed. A set of files is used whole or not at all: who has
 * begun with the one before keeps it. */
#ifndef TLS_CONTEXTS_H
#define TLS_CONTEXTS_H

#include <openssl/ssl.h>

#include "config/settings.h"

struct tls_contexts;

/* Reads the files. Warns of certificates that have expired or will soon. NULL: err->text names file
 * and line of the setting, the file and what is wrong with it. settings outlive it. The starting
 * thread. */
struct tls_contexts *tls_contexts_new(const struct settings_tls *settings, struct plug_err *err);
/* No connection is left. NULL is nothing. The starting thread. */
void tls_contexts_free(struct tls_contexts *contexts);

/* Looks at the files from now on, as often as the settings say. False: there is no thread for it.
 * The starting thread. */
bool tls_contexts_watch(struct tls_contexts *contexts);

/* Reading the files anew, also of other settings, in two steps: all that may fail, and either the
 * change or nothing, by the same thread and soon. A failed prepare needs neither; everything stays
 * then, and err->text says why. From commit on connections that begin get what was read; settings
 * live until the next one. prepare blocks on the disk, and warns of nothing: whoever checked these
 * settings has read the same files with tls_contexts_new. Any thread but a worker's. */
plug_status tls_contexts_prepare(struct tls_contexts *contexts, const struct settings_tls *settings,
                                 struct plug_err *err);
void tls_contexts_commit(struct tls_contexts *contexts);
void tls_contexts_cancel(struct tls_contexts *contexts);

/* [any] When the first of the certificates in use ends; Unix time. remark: an empty text, or what
 * an operator is to know of that one, as in "the certificate of /CN=example.org expires on ...". */
#define TLS_REMARK_MAX 256
long long tls_contexts_end(struct tls_contexts *contexts, char remark[TLS_REMARK_MAX]);

/* [any] A new server side without a BIO; http: that of a door where HTTP is spoken. NULL when out
 * of memory. */
SSL *tls_contexts_begin(struct tls_contexts *contexts, bool http);

#endif
