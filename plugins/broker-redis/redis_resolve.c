#include "redis_resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

struct redis_lookup {
  struct redis_task task;
  redis_lookup_fn fn; /* NULL: forgotten */
  void *arg;
  struct redis_addr addr;
  struct redis_addrs addrs; /* from here on the task's, until it is done */
  const char *why;
};

bool redis_resolve_number(const struct redis_addr *addr, struct redis_addrs *addrs)
{
  memset(addrs, 0, sizeof *addrs);
  struct sockaddr_storage *sa = &addrs->v[0].sa;
  if (addr->path[0] != '\0') {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    snprintf(un.sun_path, sizeof un.sun_path, "%s", addr->path);
    memcpy(sa, &un, sizeof un);
    addrs->v[0].len = sizeof un;
    addrs->n = 1;
    return true;
  }
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(addr->port)};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(addr->port)};
  if (inet_pton(AF_INET, addr->host, &v4.sin_addr) == 1) {
    memcpy(sa, &v4, sizeof v4);
    addrs->v[0].len = sizeof v4;
  } else if (inet_pton(AF_INET6, addr->host, &v6.sin6_addr) == 1) {
    memcpy(sa, &v6, sizeof v6);
    addrs->v[0].len = sizeof v6;
  } else {
    return false;
  }
  addrs->n = 1;
  return true;
}

static void finish(struct redis_task *task)
{
  struct redis_lookup *lookup = (struct redis_lookup *)task;
  if (lookup->fn != NULL)
    lookup->fn(lookup->arg, &lookup->addrs, lookup->why);
  free(lookup);
}

static void look_up(struct redis_task *task)
{
  struct redis_lookup *lookup = (struct redis_lookup *)task;
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
  char port[8];
  snprintf(port, sizeof port, "%u", lookup->addr.port);
  int rc = getaddrinfo(lookup->addr.host, port, &hints, &list);
  if (rc != 0)
    lookup->why = gai_strerror(rc);
  for (struct addrinfo *ai = list; ai != NULL && lookup->addrs.n < REDIS_MAX_ADDRS;
       ai = ai->ai_next) {
    memcpy(&lookup->addrs.v[lookup->addrs.n].sa, ai->ai_addr, ai->ai_addrlen);
    lookup->addrs.v[lookup->addrs.n++].len = ai->ai_addrlen;
  }
  if (list != NULL)
    freeaddrinfo(list);
}

struct redis_lookup *redis_lookup_start(struct redis_tasks *tasks, const struct redis_addr *addr,
                                        redis_lookup_fn fn, void *arg)
{
  struct redis_lookup *lookup = calloc(1, sizeof *lookup);
  if (lookup == NULL)
    return NULL;
  lookup->addr = *addr;
  lookup->fn = fn;
  lookup->arg = arg;
  lookup->why = "the name has no address";
  if (!redis_task_start(&lookup->task, tasks, look_up, finish)) {
    free(lookup);
    return NULL;
  }
  return lookup;
}

void redis_lookup_forget(struct redis_lookup *lookup)
{
  lookup->fn = NULL;
}
