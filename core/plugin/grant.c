#include "plugin/grant.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "plugin/border.h"

/* --- copies ------------------------------------------------------------------------------- */

/* Copies the text of s to *at, and makes s point there. */
static void move_str(struct plug_str *s, char **at)
{
  if (s->len)
    memcpy(*at, s->ptr, s->len);
  s->ptr = *at;
  *at += s->len;
}

static size_t identity_bytes(const struct plug_identity *who)
{
  size_t bytes = sizeof *who + who->n_roles * sizeof *who->roles +
                 who->n_attrs * sizeof *who->attrs + who->n_permissions * sizeof *who->permissions +
                 who->user.len;
  for (size_t i = 0; i < who->n_roles; i++)
    bytes += who->roles[i].len;
  for (size_t i = 0; i < who->n_attrs; i++)
    bytes += who->attrs[i].key.len + who->attrs[i].value.len;
  for (size_t i = 0; i < who->n_permissions; i++)
    bytes += who->permissions[i].pattern.len;
  return bytes;
}

static bool are_permissions(const struct plug_permission *permissions, size_t n)
{
  if (!border_is_table(permissions, n))
    return false;
  for (size_t i = 0; i < n; i++)
    if (!border_is_text(permissions[i].pattern))
      return false;
  return true;
}

bool grant_is_identity(const struct plug_identity *theirs)
{
  struct plug_identity who = {0};
  if (!theirs)
    return false;
  memcpy(&who, theirs, theirs->size < sizeof who ? theirs->size : sizeof who);
  return border_is_text(who.user) && border_are_texts(who.roles, who.n_roles) &&
         border_are_pairs(who.attrs, who.n_attrs) &&
         are_permissions(who.permissions, who.n_permissions);
}

void *grant_copy_identity(const struct plug_identity *theirs, size_t extra, size_t *len)
{
  struct plug_identity who = {0};
  memcpy(&who, theirs, theirs->size < sizeof who ? theirs->size : sizeof who);
  who.size = sizeof who;
  extra = (extra + _Alignof(max_align_t) - 1) / _Alignof(max_align_t) * _Alignof(max_align_t);
  *len = extra + identity_bytes(&who);
  char *block = malloc(*len);
  if (!block)
    return NULL;
  struct plug_identity *copy = (struct plug_identity *)(void *)(block + extra);
  struct plug_str *roles = (struct plug_str *)(void *)(copy + 1);
  struct plug_kv *attrs = (struct plug_kv *)(void *)(roles + who.n_roles);
  struct plug_permission *permissions = (struct plug_permission *)(void *)(attrs + who.n_attrs);
  char *at = (char *)(permissions + who.n_permissions);
  *copy = who;
  copy->roles = roles;
  copy->attrs = attrs;
  copy->permissions = permissions;
  move_str(&copy->user, &at);
  for (size_t i = 0; i < who.n_roles; i++) {
    roles[i] = who.roles[i];
    move_str(&roles[i], &at);
  }
  for (size_t i = 0; i < who.n_attrs; i++) {
    attrs[i] = who.attrs[i];
    move_str(&attrs[i].key, &at);
    move_str(&attrs[i].value, &at);
  }
  for (size_t i = 0; i < who.n_permissions; i++) {
    permissions[i] = who.permissions[i];
    move_str(&permissions[i].pattern, &at);
  }
  return block;
}

/* --- upcalls ------------------------------------------------------------------------------ */

static void fail_no_memory(struct plug_op *op, const char *function)
{
  op_complete(op, &(struct op_answer){.status = PLUG_ENOMEM}, function);
}

static void up_grant(struct plug_op *op, const struct plug_identity *who)
{
  struct op_answer answer = {.status = GRANT_IDENTITY, .takes = OP_TAKES_LOGIN};
  if (!grant_is_identity(who)) {
    op_complete_garbage(op, "grant");
    return;
  }
  answer.detail = grant_copy_identity(who, 0, &answer.len);
  if (answer.detail)
    op_complete(op, &answer, "grant");
  else
    fail_no_memory(op, "grant");
}

static void up_refuse(struct plug_op *op, const struct plug_refusal *theirs)
{
  struct plug_refusal refusal = {0};
  if (!theirs) {
    op_complete_garbage(op, "refuse");
    return;
  }
  memcpy(&refusal, theirs, theirs->size < sizeof refusal ? theirs->size : sizeof refusal);
  refusal.size = sizeof refusal;
  if (!border_is_text(refusal.code) || !border_is_text(refusal.reason) ||
      !border_is_text(refusal.detail)) {
    op_complete_garbage(op, "refuse");
    return;
  }
  size_t len = sizeof refusal + refusal.code.len + refusal.reason.len + refusal.detail.len;
  char *block = malloc(len);
  if (!block) {
    fail_no_memory(op, "refuse");
    return;
  }
  char *at = block + sizeof refusal;
  move_str(&refusal.code, &at);
  move_str(&refusal.reason, &at);
  move_str(&refusal.detail, &at);
  memcpy(block, &refusal, sizeof refusal);
  const struct op_answer answer = {GRANT_REFUSAL, OP_TAKES_LOGIN, block, len};
  op_complete(op, &answer, "refuse");
}

static void up_decide(struct plug_op *op, plug_status verdict, const struct plug_decision *theirs)
{
  struct grant_decision *block = calloc(1, sizeof *block);
  if (!block) {
    fail_no_memory(op, "decide");
    return;
  }
  block->verdict = verdict;
  if (theirs)
    memcpy(&block->decision, theirs,
           theirs->size < sizeof block->decision ? theirs->size : sizeof block->decision);
  const struct op_answer answer = {GRANT_DECISION, OP_TAKES_VERDICT, block, sizeof *block};
  op_complete(op, &answer, "decide");
}

const struct plug_auth_up grant_auth_up = {
    .size = sizeof grant_auth_up,
    .grant = up_grant,
    .decide = up_decide,
    .refuse = up_refuse,
};
