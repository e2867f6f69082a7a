/* Paths that code above net answers, at the doors where they are wanted: what operators, probes and
 * scrapers ask for. Owns the requests until they are answered. The table is made before workers run
 * and read-only afterwards; a request belongs to its worker's thread, which calls its handler.
 *
 *   handle --> mount_answer                            at once
 *          --> mount_wait --> mount_answer | gone      later, on the same thread
 *          --> mount_stream --> mount_put* --> gone    until its client leaves, or mount_end
 *
 * Whatever way: after mount_answer, mount_end and gone there is no request any more. */
#ifndef NET_MOUNT_H
#define NET_MOUNT_H

#include "base/buf.h"
#include "net/http_task.h"

/* What one comes in by is for. */
enum door_kind {
  DOOR_CLIENTS, /* everything but what is for operators */
  DOOR_API,     /* the HTTP API, and mounts */
  DOOR_ADMIN,   /* mounts, and /ready */
  DOOR_METRICS, /* likewise */
  DOOR_KINDS
};
#define MOUNT_AT(kind) (1u << (kind))
#define MOUNT_ANYWHERE (MOUNT_AT(DOOR_KINDS) - 1u)

/* How many sockets may come in by the doors of operators when clients have used up max-connections.
 */
#define DOOR_RESERVE 64
static inline bool door_is_operators(enum door_kind kind)
{
  return kind == DOOR_ADMIN || kind == DOOR_METRICS;
}

struct mount_request;

struct mount {
  const char *path; /* "/metrics": without a slash at its end; outlives the table */
  bool below;       /* everything below it, too */
  unsigned doors;   /* MOUNT_AT of each kind that it is served at */
  size_t max_body;
  void (*handle)(void *ctx, struct mount_request *request);
  void *ctx;
};

struct mount_request {
  const struct mount *mount;
  struct net_env *env;
  struct http_conn *http;
  uint8_t method;        /* enum http_method; the body of an answer to HEAD is left out by itself */
  uint8_t door;          /* enum door_kind */
  bool local;            /* by a Unix socket, whose file says who may */
  struct plug_str rest;  /* of the path behind the mount's and a slash, decoded */
  struct plug_str query; /* as it came */
  struct plug_str authorization; /* as it came; empty: none, or more than one */
  struct plug_str content_type;
  struct plug_str body;
  const struct net_peer *peer;
  /* private */
  struct http_task task;
  bool waits, streams;
  void (*gone)(void *arg);
  void *arg;
  char *text; /* what the strings above lie in */
  size_t text_len;
};

struct mounts {
  struct mount *items;
  size_t n;
};

/* [start] Copies *mount. False when out of memory. */
bool mounts_add(struct mounts *mounts, const struct mount *mount);
void mounts_fini(struct mounts *mounts);
/* The one that answers this path at such a door, the longest, or NULL. */
const struct mount *mounts_find(const struct mounts *mounts, enum door_kind door,
                                struct plug_str path);

/* --- for handlers -------------------------------------------------------------------------- */

struct mount_answer {
  uint16_t status;
  const char *headers; /* further lines, each with its CR LF, or NULL: MOUNT_HEADERS */
  const char *type;    /* NULL: application/json */
  struct plug_str body;
};

/* Nothing of this is kept by anybody, or shown within somebody else's page. */
#define MOUNT_HEADERS                \
  "cache-control: no-store\r\n"      \
  "referrer-policy: no-referrer\r\n" \
  "content-security-policy: default-src 'none'; frame-ancestors 'none'\r\n"

void mount_answer(struct mount_request *request, const struct mount_answer *answer);
/* The same with a text, which is freed; out of memory it says so. */
void mount_answer_text(struct mount_request *request, uint16_t status, struct buf *text);

/* It is answered later. gone(arg): its client has left, or the server stops, before it was. */
void mount_wait(struct mount_request *request, void (*gone)(void *arg), void *arg);

/* Begins an answer that has no end yet. gone as above, at any time from here on, amid mount_put,
 * too. False: it is over already, and gone has not been called. */
bool mount_stream(struct mount_request *request, const struct mount_answer *head,
                  void (*gone)(void *arg), void *arg);
/* The bytes that the client has not taken yet; put no more than you would keep for it. */
size_t mount_unsent(const struct mount_request *request);
/* More of it. False: its client has left, gone has been called. */
bool mount_put(struct mount_request *request, struct plug_str bytes);
/* That was all. gone is not called. */
void mount_end(struct mount_request *request);

/* --- for http_routes.c --------------------------------------------------------------------- */

struct http_reply;
/* The task for this request; NULL when out of memory. */
struct http_task *mount_task_new(const struct mount *mount, const struct http_head *head,
                                 struct plug_str path, enum door_kind door, bool local);

#endif
