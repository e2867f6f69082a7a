#include "redis_listing.h"

#include <stdio.h>
#include <stdlib.h>

#include "redis_change.h"
#include "redis_reply.h"

enum { META_BEFORE = 1, INFOS, USERS, META_AFTER, N_REPLIES = META_AFTER, MAX_TRIES = 20 };

struct redis_listing_op {
  struct redis_listing_op *next;
  struct plug_op *op;
  struct plug_str topic; /* the server's */
  bool fits;             /* the size has been asked for */
  unsigned n_tries;
};

void redis_listing_init(struct redis_listing *listing, const struct redis_env *env,
                        const struct plug_broker_presence_up *up,
                        const struct redis_presence_names *names, size_t max_ops)
{
  *listing = (struct redis_listing){.env = env, .up = up, .names = *names, .max_ops = max_ops};
}

void redis_listing_fini(struct redis_listing *listing)
{
  struct redis_listing_pairs *pairs[] = {&listing->infos, &listing->users};
  for (size_t i = 0; i < 2; i++) {
    redis_buf_fini(&pairs[i]->bytes);
    redis_buf_fini(&pairs[i]->spans);
  }
  redis_buf_fini(&listing->users_key);
  redis_buf_fini(&listing->infos_key);
  redis_buf_fini(&listing->meta_key);
}

plug_status redis_listing_add(struct redis_listing *listing, struct plug_str topic,
                              struct plug_op *op)
{
  if (listing->n_ops >= listing->max_ops)
    return PLUG_EUNAVAIL;
  struct redis_listing_op *added = malloc(sizeof *added);
  if (added == NULL)
    return PLUG_ENOMEM;
  *added = (struct redis_listing_op){.op = op, .topic = topic};
  if (listing->tail == NULL)
    listing->head = added;
  else
    listing->tail->next = added;
  listing->tail = added;
  listing->n_ops++;
  return PLUG_PENDING;
}

bool redis_listing_idle(const struct redis_listing *listing)
{
  return listing->head == NULL;
}

static struct plug_str key(struct redis_listing *listing, struct redis_buf *buf, const char *kind)
{
  struct plug_str topic = listing->head->topic;
  redis_buf_clear(buf);
  redis_buf_put(buf, listing->names.base.ptr, listing->names.base.len);
  redis_buf_put(buf, kind, strlen(kind));
  redis_buf_put(buf, topic.ptr, topic.len);
  return redis_buf_str(buf);
}

bool redis_listing_next(struct redis_listing *listing, redis_listing_send_fn send, void *arg,
                        size_t *n_replies)
{
  struct plug_str users = key(listing, &listing->users_key, "u:"),
                  infos = key(listing, &listing->infos_key, "i:"),
                  meta = key(listing, &listing->meta_key, "t:");
  if (listing->users_key.failed || listing->infos_key.failed || listing->meta_key.failed)
    return false;
  const struct plug_str look[] = {redis_str("HMGET"), meta, redis_str("e"), redis_str("n")};
  listing->n_taken = 0;
  listing->status = PLUG_OK;
  if (!listing->head->fits) {
    *n_replies = 1;
    return send(arg, (const struct plug_str[]){redis_str("HLEN"), users}, 2);
  }
  *n_replies = N_REPLIES;
  return send(arg, look, 4) &&
         send(arg, (const struct plug_str[]){redis_str("HGETALL"), infos}, 2) &&
         send(arg, (const struct plug_str[]){redis_str("HGETALL"), users}, 2) && send(arg, look, 4);
}

static void finish(struct redis_listing *listing, plug_status status, const char *why)
{
  struct redis_listing_op *op = listing->head;
  listing->head = op->next;
  if (listing->head == NULL)
    listing->tail = NULL;
  listing->n_ops--;
  if (op->op != NULL)
    listing->env->host->op_done(op->op, status, redis_str(why));
  free(op);
}

void redis_listing_fail(struct redis_listing *listing, plug_status status, const char *why)
{
  while (listing->head != NULL)
    finish(listing, status, why);
}

/* 0 if there is none. */
static uint64_t number_in(struct plug_str s)
{
  uint64_t number;
  const char *p = s.ptr;
  return s.len > 0 && redis_number_read(&p, p + s.len, &number) ? number : 0;
}

static void fail(struct redis_listing *listing, plug_status status, const char *why)
{
  if (listing->status != PLUG_OK)
    return;
  listing->status = status;
  snprintf(listing->why, sizeof listing->why, "%s", why);
}

static struct plug_position look_of(struct redis_listing *listing, const redisReply *reply)
{
  if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2)
    return (struct plug_position){.epoch = number_in(redis_reply_str(reply, 0)),
                                  .offset = number_in(redis_reply_str(reply, 1))};
  fail(listing, PLUG_EINTERNAL, "Redis answered with something that is no list");
  return (struct plug_position){0};
}

static void copy_pairs(struct redis_listing *listing, struct redis_listing_pairs *pairs,
                       const redisReply *reply)
{
  redis_buf_clear(&pairs->bytes);
  redis_buf_clear(&pairs->spans);
  pairs->n = 0;
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements % 2 != 0) {
    fail(listing, PLUG_EINTERNAL, "Redis answered with something that is no list");
    return;
  }
  pairs->n = reply->elements / 2;
  for (size_t i = 0; i < reply->elements; i++) {
    struct plug_str s = redis_reply_str(reply, i);
    redis_buf_put(&pairs->bytes, s.ptr, s.len);
    redis_buf_put(&pairs->spans, &s.len, sizeof s.len);
  }
  if (pairs->bytes.failed || pairs->spans.failed)
    fail(listing, PLUG_ENOMEM, "out of memory");
}

struct pair {
  struct plug_str key, value;
};

/* Walks through the copy from *at in spans and *p in bytes. */
static struct plug_str next_str(const struct redis_listing_pairs *pairs, size_t *at, const char **p)
{
  struct plug_str s = {*p, 0};
  memcpy(&s.len, pairs->spans.ptr + *at, sizeof s.len);
  *at += sizeof s.len;
  *p += s.len;
  return s;
}

static int compare(const void *a, const void *b)
{
  return redis_str_compare(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

/* The infos, sorted by user. NULL: out of memory. */
static struct pair *sort_infos(const struct redis_listing_pairs *infos)
{
  struct pair *v = malloc((infos->n + 1) * sizeof *v);
  const char *p = infos->bytes.ptr;
  size_t at = 0;
  if (v == NULL)
    return NULL;
  for (size_t i = 0; i < infos->n; i++) {
    v[i].key = next_str(infos, &at, &p);
    v[i].value = next_str(infos, &at, &p);
  }
  qsort(v, infos->n, sizeof *v, compare);
  return v;
}

static void tell(struct redis_listing *listing)
{
  const struct redis_listing_pairs *users = &listing->users;
  struct plug_op *op = listing->head->op;
  struct pair *infos = sort_infos(&listing->infos);
  const char *p = users->bytes.ptr;
  size_t at = 0;
  uint64_t members = 0;
  if (infos == NULL) {
    fail(listing, PLUG_ENOMEM, "out of memory");
    return;
  }
  for (size_t i = 0; i < users->n; i++) {
    struct pair user = {.key = next_str(users, &at, &p)};
    user.value = next_str(users, &at, &p);
    const struct pair *info = bsearch(&user, infos, listing->infos.n, sizeof *infos, compare);
    uint64_t sessions = number_in(user.value);
    listing->up->user(op, user.key, info != NULL ? info->value : (struct plug_str){"", 0},
                      sessions);
    members += sessions;
  }
  free(infos);
  listing->up->total(op, users->n, members, listing->before);
}

static void take_size(struct redis_listing *listing, const redisReply *reply)
{
  char why[REDIS_WHY_MAX];
  listing->head->fits = reply->integer <= REDIS_LISTING_MAX_USERS;
  if (listing->head->fits)
    return;
  snprintf(why, sizeof why, "there are %lld users in the topic, and lists have at most %d",
           reply->integer, REDIS_LISTING_MAX_USERS);
  finish(listing, PLUG_ETOOBIG, why);
}

static void refuse_size(struct redis_listing *listing)
{
  fail(listing, PLUG_EINTERNAL, "Redis answered with something that is no list");
  finish(listing, listing->status, listing->why);
}

/* All has come. */
static void take_all(struct redis_listing *listing, struct plug_position after)
{
  struct plug_position before = listing->before;
  if (listing->status == PLUG_OK &&
      (before.epoch != after.epoch || before.offset != after.offset)) {
    if (++listing->head->n_tries < MAX_TRIES)
      return; /* once more */
    fail(listing, PLUG_EUNAVAIL, "the topic changes while it is listed");
  }
  if (listing->status == PLUG_OK)
    tell(listing);
  finish(listing, listing->status, listing->status == PLUG_OK ? "" : listing->why);
}

void redis_listing_take(struct redis_listing *listing, const redisReply *reply)
{
  listing->n_taken++;
  if (reply->type == REDIS_REPLY_ERROR) {
    struct plug_str error = {reply->str, reply->len};
    char why[REDIS_WHY_MAX];
    redis_count(listing->env, REDIS_M_PRESENCE_ERRORS, 1);
    redis_error_explain(error, false, why);
    fail(listing, redis_error_status(error), why);
  }
  if (!listing->head->fits) {
    if (listing->status == PLUG_OK && reply->type == REDIS_REPLY_INTEGER)
      take_size(listing, reply);
    else
      refuse_size(listing);
  } else if (listing->n_taken == META_BEFORE) {
    listing->before = look_of(listing, reply);
  } else if (listing->n_taken == INFOS) {
    copy_pairs(listing, &listing->infos, reply);
  } else if (listing->n_taken == USERS) {
    copy_pairs(listing, &listing->users, reply);
  } else {
    take_all(listing, look_of(listing, reply));
  }
}
