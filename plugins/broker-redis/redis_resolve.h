/* Names to addresses without stalling the home thread: numbers at once, names on a thread of their
 * own per lookup. A lookup owns itself until it has reported. [home]
 *
 * Why a thread and not something that exists: getaddrinfo, which alone asks what the system is set
 * up to ask (nsswitch), blocks for up to half a minute and cannot be called off. On the server's
 * work pool it would stand before the logins that wait there; glibc's getaddrinfo_a is a thread per
 * lookup as well, with a signal or a callback on it; and libraries that resolve by themselves read
 * a part of the system's settings only. */
#ifndef REDIS_RESOLVE_H
#define REDIS_RESOLVE_H

#include <sys/socket.h>

#include "redis_task.h"
#include "redis_url.h"

enum { REDIS_MAX_ADDRS = 8 };

struct redis_addrs {
  size_t n;
  struct {
    struct sockaddr_storage sa;
    socklen_t len;
  } v[REDIS_MAX_ADDRS];
};

/* Fills addrs if host is a number or a UNIX path; false: it is a name. */
bool redis_resolve_number(const struct redis_addr *addr, struct redis_addrs *addrs);

struct redis_lookup;

/* addrs->n is 0 when it failed, and why a static sentence. */
typedef void (*redis_lookup_fn)(void *arg, const struct redis_addrs *addrs, const char *why);

/* NULL when there is no memory or no thread. fn is called later, never from here. */
struct redis_lookup *redis_lookup_start(struct redis_tasks *tasks, const struct redis_addr *addr,
                                        redis_lookup_fn fn, void *arg);
/* fn will not be called any more. The lookup goes on in the background until it ends. */
void redis_lookup_forget(struct redis_lookup *lookup);

#endif
