#include "redis_members.h"

#include <stdio.h>
#include <stdlib.h>

struct redis_member_op {
  struct redis_member_op *next;
  struct plug_op *op;
  const struct plug_member *v;
  size_t n;
  size_t done; /* v[0..done) are at Redis */
  size_t sent; /* v[done..sent) are in the call under way */
  bool join;
  bool undoes; /* a join that failed takes back what it has added: fresh only, status says why */
  plug_status status;
  char why[REDIS_WHY_MAX];
  bool fresh[]; /* of a join, v[0..done) */
};

void redis_members_init(struct redis_members *members, const struct redis_env *env,
                        const struct redis_presence_names *names, size_t max_ops)
{
  *members = (struct redis_members){.env = env, .names = *names, .max_ops = max_ops};
}

static void count_ops(struct redis_members *members, size_t n)
{
  members->n_ops = n;
  redis_gauge(members->env, REDIS_M_PRESENCE_WAITING, (int64_t)n);
}

static bool is_too_long(struct plug_str s)
{
  return s.len > REDIS_MEMBERS_MAX_STR;
}

static plug_status check(const struct plug_member *m)
{
  if (m->user.len == 0 || m->topic.len == 0 || m->member.len == 0)
    return PLUG_EINVAL;
  if (is_too_long(m->topic) || is_too_long(m->member) || is_too_long(m->user) ||
      is_too_long(m->info))
    return PLUG_ETOOBIG;
  return PLUG_OK;
}

plug_status redis_members_add(struct redis_members *members, bool join, const struct plug_member *v,
                              size_t n, struct plug_op *op)
{
  for (size_t i = 0; i < n; i++) {
    plug_status status = check(&v[i]);
    if (status != PLUG_OK)
      return status;
  }
  if (n == 0)
    return PLUG_OK;
  if (members->n_ops >= members->max_ops)
    return PLUG_EUNAVAIL;
  struct redis_member_op *added = calloc(1, sizeof *added + (join ? n : 0) * sizeof(bool));
  if (added == NULL)
    return PLUG_ENOMEM;
  added->op = op;
  added->v = v;
  added->n = n;
  added->join = join;
  if (members->tail == NULL)
    members->head = added;
  else
    members->tail->next = added;
  members->tail = added;
  count_ops(members, members->n_ops + 1);
  return PLUG_PENDING;
}

bool redis_members_idle(const struct redis_members *members)
{
  return members->head == NULL;
}

struct budget {
  size_t n, bytes;
};

static bool takes_part(const struct redis_member_op *op, size_t i)
{
  return !op->undoes || op->fresh[i];
}

static size_t weight_of(const struct plug_member *m)
{
  return 2 * m->topic.len + m->member.len + m->user.len + m->info.len;
}

/* The members from v[from] on that are of one topic and still fit; those that take no part count as
 * nothing. At least one. */
static size_t end_of_group(const struct redis_member_op *op, size_t from, struct budget *left,
                           size_t *n_parts)
{
  size_t i = from;
  *n_parts = 0;
  for (; i < op->n && redis_str_eq(op->v[i].topic, op->v[from].topic); i++) {
    if (!takes_part(op, i))
      continue;
    if (left->n == 0 || left->bytes == 0)
      break;
    size_t weight = weight_of(&op->v[i]);
    left->n--;
    left->bytes -= weight < left->bytes ? weight : left->bytes;
    ++*n_parts;
  }
  return i;
}

static void put_members(struct redis_call *call, const struct redis_member_op *op, size_t from,
                        size_t to)
{
  for (size_t i = from; i < to; i++) {
    if (!takes_part(op, i))
      continue;
    redis_call_arg(call, op->v[i].member);
    if (op->join && !op->undoes) {
      redis_call_arg(call, op->v[i].user);
      redis_call_arg(call, op->v[i].info);
    }
  }
}

static void put_op(struct redis_members *members, struct redis_call *call,
                   struct redis_member_op *op, struct budget *left)
{
  op->sent = op->done;
  while (op->sent < op->n && left->n > 0 && left->bytes > 0) {
    size_t n_parts, end = end_of_group(op, op->sent, left, &n_parts);
    if (n_parts > 0) {
      redis_call_group(call, &members->names, op->join && !op->undoes, op->v[op->sent].topic,
                       n_parts);
      put_members(call, op, op->sent, end);
    }
    op->sent = end;
  }
}

void redis_members_fill(struct redis_members *members, struct redis_call *call,
                        struct plug_str name)
{
  struct budget left = {REDIS_MEMBERS_PER_CALL, REDIS_MEMBERS_CALL_BYTES};
  bool join = members->head->join && !members->head->undoes;
  char digits[8];
  snprintf(digits, sizeof digits, "%u",
           (unsigned)(members->env->host->now_ms(members->env->host) % 1000));
  redis_call_start(call, REDIS_SCRIPT_APPLY);
  redis_call_key(call, members->names.base, redis_str("leases"), redis_str(""));
  redis_call_key(call, members->names.base, redis_str("n:"), name);
  redis_call_arg(call, name);
  redis_call_arg(call, redis_str(digits));
  for (struct redis_member_op *op = members->head; op != NULL && left.n > 0 && left.bytes > 0;
       op = op->next) {
    if (members->apart && (op->join && !op->undoes) != join)
      break;
    put_op(members, call, op, &left);
  }
}

static void finish(struct redis_members *members, plug_status status, const char *why)
{
  struct redis_member_op *op = members->head;
  members->head = op->next;
  if (members->head == NULL)
    members->tail = NULL;
  count_ops(members, members->n_ops - 1);
  if (members->n_ops == 0)
    members->apart = false;
  if (op->op != NULL)
    members->env->host->op_done(op->op, status, redis_str(why));
  free(op);
}

static bool is_mixed(const struct redis_members *members)
{
  const struct redis_member_op *head = members->head;
  for (const struct redis_member_op *op = head; op != NULL && op->sent > op->done; op = op->next)
    if ((op->join && !op->undoes) != (head->join && !head->undoes))
      return true;
  return false;
}

/* What a join has added before it failed is taken away again, next of all. */
static void begin_undo(struct redis_member_op *op, plug_status status, const char *why)
{
  op->undoes = true;
  op->status = status;
  op->n = op->done;
  op->done = op->sent = 0;
  snprintf(op->why, sizeof op->why, "%s", why);
}

static bool has_fresh(const struct redis_member_op *op)
{
  for (size_t i = 0; op->join && i < op->done; i++)
    if (op->fresh[i])
      return true;
  return false;
}

/* The call has written nothing. */
static enum redis_members_result refuse(struct redis_members *members, struct plug_str error)
{
  char why[REDIS_WHY_MAX];
  if (is_mixed(members)) {
    /* Leaves pass where joins do not. */
    members->apart = true;
    for (struct redis_member_op *op = members->head; op != NULL; op = op->next)
      op->sent = op->done;
    return REDIS_MEMBERS_OK;
  }
  redis_error_explain(error, false, why);
  plug_status status = redis_error_status(error);
  /* Only the last of a call can have been in an earlier one, and only the first in a later one. */
  while (members->head != NULL && members->head->sent > members->head->done) {
    struct redis_member_op *op = members->head;
    if (op->undoes)
      return REDIS_MEMBERS_LOST;
    if (has_fresh(op)) {
      begin_undo(op, status, why);
      break; /* those behind it were not in the call alone; they are sent again */
    }
    finish(members, status, why);
  }
  for (struct redis_member_op *op = members->head; op != NULL; op = op->next)
    op->sent = op->done;
  return REDIS_MEMBERS_OK;
}

static size_t count_parts(const struct redis_members *members)
{
  size_t n = 0;
  for (const struct redis_member_op *op = members->head; op != NULL && op->sent > op->done;
       op = op->next)
    for (size_t i = op->done; i < op->sent; i++)
      n += takes_part(op, i);
  return n;
}

/* flags tell what the call has done with each member. Returns what follows. */
static const char *take_flags(const struct redis_members *members, struct redis_member_op *op,
                              const char *flags)
{
  bool joins = op->join && !op->undoes;
  int64_t n = 0;
  for (size_t i = op->done; i < op->sent; i++) {
    if (!takes_part(op, i))
      continue;
    if (joins)
      op->fresh[i] = *flags == '1';
    n += *flags++ == '1';
  }
  redis_count(members->env, joins ? REDIS_M_PRESENCE_JOINED : REDIS_M_PRESENCE_LEFT, n);
  op->done = op->sent;
  return flags;
}

enum redis_members_result redis_members_take(struct redis_members *members, const redisReply *reply)
{
  if (reply->type == REDIS_REPLY_ERROR) {
    struct plug_str error = redis_script_error((struct plug_str){reply->str, reply->len});
    if (error.len >= 7 && memcmp(error.ptr, "NOLEASE", 7) == 0)
      return REDIS_MEMBERS_OVER;
    return redis_script_was_refused(error) ? refuse(members, error) : REDIS_MEMBERS_LOST;
  }
  if (reply->type != REDIS_REPLY_STRING || reply->len != count_parts(members))
    return REDIS_MEMBERS_LOST;
  const char *flags = reply->str;
  while (members->head != NULL && members->head->sent > members->head->done) {
    struct redis_member_op *op = members->head;
    flags = take_flags(members, op, flags);
    if (op->done < op->n)
      break; /* it was the last one of the call */
    if (op->undoes)
      finish(members, op->status, op->why);
    else
      finish(members, PLUG_OK, "");
  }
  return REDIS_MEMBERS_OK;
}

void redis_members_fail(struct redis_members *members, plug_status status, const char *why)
{
  while (members->head != NULL)
    finish(members, status, why);
}
