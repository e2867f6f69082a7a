/* libcurl's multi interface on the home thread's loop: its sockets are watched with the host's
 * io_open, its time-outs are one timer of the host. Owns the multi handle, which keeps connections
 * open for the next request, the watches and the timer. [home]. */
#ifndef HOOK_MULTI_H
#define HOOK_MULTI_H

#include <curl/curl.h>
#include <stdbool.h>

#include <plugboard/host.h>

struct hook_multi;

/* A transfer has ended; easy is no longer in the multi handle, and the caller's. May add others. */
typedef void (*hook_multi_fn)(void *ctx, CURL *easy, CURLcode code);

/* NULL when out of memory. */
struct hook_multi *hook_multi_new(const struct plug_host *host, uint64_t connections,
                                  hook_multi_fn ended, void *ctx);
/* When no transfer is in it any more, and not within ended. NULL is nothing. */
void hook_multi_free(struct hook_multi *multi);

/* ended follows, never before the return; false: it does not. */
bool hook_multi_add(struct hook_multi *multi, CURL *easy);
/* Ends the transfer without a word. Not within a callback of libcurl. */
void hook_multi_remove(struct hook_multi *multi, CURL *easy);

#endif
