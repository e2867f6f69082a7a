#include "redis_listing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "redis_change.h"
#include "redis_error.h"

struct redis_listing_op {
  struct redis_listing_op *next;
  struct plug_op *op;
  struct plug_str topic; /* the server's */
  bool fits;             /* the size has been asked for */
};

void redis_listing_init(struct redis_listing *listing, const struct redis_env *env,
                        const struct plug_broker_presence_up *up,
                        const struct redis_presence_names *names, size_t max_ops)
{
  *listing = (struct redis_listing){.env = env, .up = up, .names = *names, .max_ops = max_ops};
}

void redis_listing_fini(struct redis_listing *listing)
{
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
  if (!listing->head->fits) {
    *n_replies = 1;
    return send(arg, (const struct plug_str[]){redis_str("HLEN"), users}, 2);
  }
  *n_replies = 5;
  return send(arg, (const struct plug_str[]){redis_str("MULTI")}, 1) &&
         send(arg,
              (const struct plug_str[]){redis_str("HMGET"), meta, redis_str("e"), redis_str("n"),
                                        redis_str("m")},
              5) &&
         send(arg, (const struct plug_str[]){redis_str("HGETALL"), users}, 2) &&
         send(arg, (const struct plug_str[]){redis_str("HGETALL"), infos}, 2) &&
         send(arg, (const struct plug_str[]){redis_str("EXEC")}, 1);
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

static bool is_pairs(const redisReply *reply)
{
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements % 2 != 0)
    return false;
  for (size_t i = 0; i < reply->elements; i++)
    if (reply->element[i]->type != REDIS_REPLY_STRING)
      return false;
  return true;
}

static struct plug_str str_of(const redisReply *reply)
{
  return (struct plug_str){reply->str, reply->len};
}

/* 0 if there is none. */
static uint64_t number_of(const redisReply *reply)
{
  uint64_t number;
  const char *p = reply->str;
  if (reply->type != REDIS_REPLY_STRING || !redis_number_read(&p, p + reply->len, &number))
    return 0;
  return number;
}

static int compare(struct plug_str a, struct plug_str b)
{
  int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
  return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_infos(const void *a, const void *b)
{
  redisReply *const *const *x = a, *const *const *y = b;
  return compare(str_of((*x)[0]), str_of((*y)[0]));
}

static int compare_to_info(const void *user, const void *info)
{
  redisReply *const *const *x = info;
  return compare(*(const struct plug_str *)user, str_of((*x)[0]));
}

/* Pointers to the pairs of infos, sorted by user. NULL: out of memory. */
static redisReply *const **sort_infos(const redisReply *infos)
{
  size_t n = infos->elements / 2;
  redisReply *const **v = malloc((n + 1) * sizeof *v);
  if (v == NULL)
    return NULL;
  for (size_t i = 0; i < n; i++)
    v[i] = (redisReply *const *)&infos->element[2 * i];
  qsort(v, n, sizeof *v, compare_infos);
  return v;
}

static plug_status tell(struct redis_listing *listing, const redisReply *reply)
{
  const redisReply *meta = reply->element[0], *users = reply->element[1],
                   *infos = reply->element[2];
  if (meta->type != REDIS_REPLY_ARRAY || meta->elements != 3 || !is_pairs(users) ||
      !is_pairs(infos))
    return PLUG_EINTERNAL;
  redisReply *const **by_user = sort_infos(infos);
  if (by_user == NULL)
    return PLUG_ENOMEM;
  struct plug_op *op = listing->head->op;
  for (size_t i = 0; i < users->elements; i += 2) {
    struct plug_str user = str_of(users->element[i]);
    redisReply *const **found =
        bsearch(&user, by_user, infos->elements / 2, sizeof *by_user, compare_to_info);
    listing->up->user(op, user, found != NULL ? str_of((*found)[1]) : (struct plug_str){"", 0},
                      number_of(users->element[i + 1]));
  }
  free(by_user);
  const struct plug_position pos = {.offset = number_of(meta->element[1]),
                                    .epoch = number_of(meta->element[0])};
  listing->up->total(op, users->elements / 2, number_of(meta->element[2]), pos);
  return PLUG_OK;
}

void redis_listing_take(struct redis_listing *listing, const redisReply *reply)
{
  char why[REDIS_WHY_MAX] = "";
  if (reply->type == REDIS_REPLY_ERROR) {
    struct plug_str error = {reply->str, reply->len};
    redis_count(listing->env, REDIS_M_PRESENCE_ERRORS, 1);
    redis_error_explain(error, false, why);
    finish(listing, redis_error_status(error), why);
  } else if (!listing->head->fits && reply->type == REDIS_REPLY_INTEGER) {
    listing->head->fits = reply->integer <= REDIS_LISTING_MAX_USERS;
    if (listing->head->fits)
      return;
    snprintf(why, sizeof why, "there are %lld users in the topic, and lists have at most %d",
             reply->integer, REDIS_LISTING_MAX_USERS);
    finish(listing, PLUG_ETOOBIG, why);
  } else if (listing->head->fits && reply->type == REDIS_REPLY_ARRAY && reply->elements == 3) {
    plug_status status = tell(listing, reply);
    finish(listing, status,
           status == PLUG_ENOMEM ? "out of memory"
           : status == PLUG_OK   ? ""
                                 : "Redis answered with something that is no list");
  } else {
    finish(listing, PLUG_EINTERNAL, "Redis answered with something that is no list");
  }
}
