#include "check_judge.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "base/utf8.h"
#include "check_pattern.h"

static char said[256];

static const char *say(const char *what, struct plug_str about)
{
  snprintf(said, sizeof said, "%s: '%.*s'", what, (int)(about.len < 60 ? about.len : 60),
           about.len ? about.ptr : "");
  for (char *c = said; *c; c++)
    if ((unsigned char)*c < ' ' || (unsigned char)*c >= 0x7F)
      *c = '?';
  return said;
}

static int is_bad(struct plug_str s)
{
  return s.len && !s.ptr;
}

static int has_control(struct plug_str s)
{
  for (size_t i = 0; i < s.len; i++)
    if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7F)
      return 1;
  return 0;
}

static int is_text(struct plug_str s)
{
  return !is_bad(s) && (s.len == 0 || utf8_valid(s.ptr, s.len));
}

static int is_code(struct plug_str s)
{
  if (is_bad(s) || s.len < 1 || s.len > 32)
    return 0;
  for (size_t i = 0; i < s.len; i++)
    if (!((s.ptr[i] >= 'a' && s.ptr[i] <= 'z') || (s.ptr[i] >= '0' && s.ptr[i] <= '9') ||
          s.ptr[i] == '-'))
      return 0;
  return 1;
}

const char *judge_identity(const struct plug_identity *who)
{
  size_t n;
  if (who->size < offsetof(struct plug_identity, permissions))
    return "its size is less than that of the first minor";
  if (who->flags & ~PLUG_IDENTITY_LIMITED)
    return "it has flags that there are not";
  if (is_bad(who->user) || who->user.len == 0 || who->user.len > 255)
    return "its user has no bytes, or more than 255";
  if (has_control(who->user))
    return say("its user has a control character", who->user);
  for (size_t i = 0; i < who->n_roles; i++)
    if (!is_text(who->roles[i]) || who->roles[i].len == 0)
      return say("it has a role that is empty or no text", who->roles[i]);
  for (size_t i = 0; i < who->n_attrs; i++)
    if (!is_text(who->attrs[i].key) || who->attrs[i].key.len == 0 || is_bad(who->attrs[i].value))
      return say("it has an attribute whose name is empty or no text", who->attrs[i].key);
  if (who->expires_unix_ms < 0)
    return "it expires before 1970";
  if (who->size < sizeof *who)
    return NULL;
  for (size_t i = 0; i < who->n_permissions; i++) {
    const struct plug_permission *permission = &who->permissions[i];
    if (!permission->actions || permission->actions & ~(uint32_t)(PLUG_SUBSCRIBE | PLUG_PUBLISH))
      return say("it has a permission for no action, or one that there is not",
                 permission->pattern);
    const char *fault =
        is_bad(permission->pattern) ? "is nothing" : check_pattern_fault(permission->pattern, &n);
    if (fault)
      return say("it has a permission whose pattern is none", permission->pattern);
  }
  return NULL;
}

const char *judge_refusal(const struct plug_refusal *refusal)
{
  if (refusal->size < sizeof *refusal)
    return "its size is too small";
  if (!is_code(refusal->code))
    return say("its code is not of [a-z0-9-]{1,32}", refusal->code);
  if (!is_text(refusal->reason) || has_control(refusal->reason))
    return say("its reason is no text of one line", refusal->reason);
  if (is_bad(refusal->detail))
    return "its detail is nothing, and has a length";
  return NULL;
}

const char *judge_message(const struct plug_app_message *message, int needs_destination)
{
  static const char *const ours[] = {"destination", "message-id",   "subscription",
                                     "ack",         "content-type", "content-length"};
  if (is_bad(message->destination) || is_bad(message->content_type) || is_bad(message->body))
    return "a member of it is nothing, and has a length";
  if (needs_destination && (message->destination.len < 2 || message->destination.ptr[0] != '/' ||
                            has_control(message->destination) || !is_text(message->destination)))
    return say("its destination is none", message->destination);
  if (has_control(message->content_type) || !is_text(message->content_type))
    return say("its content type is no text of one line", message->content_type);
  for (size_t i = 0; i < message->n_headers; i++) {
    struct plug_str key = message->headers[i].key, value = message->headers[i].value;
    if (!is_text(key) || key.len == 0 || memchr(key.ptr, '\0', key.len))
      return say("it has a header whose name is empty or no text", key);
    if (!is_text(value) || (value.len && memchr(value.ptr, '\0', value.len)))
      return say("it has a header whose value is no text", key);
    for (size_t k = 0; k < sizeof ours / sizeof ours[0]; k++)
      if (str_eq(key, str_of(ours[k])))
        return say("it has a header that only the server writes", key);
  }
  return NULL;
}

const char *judge_answer(const struct plug_app_answer *answer, uint32_t action)
{
  if (answer->size < sizeof *answer)
    return "its size is too small";
  if (answer->error) {
    const struct plug_app_error *error = answer->error;
    if (error->size < sizeof *error)
      return "the size of its error is too small";
    if (!is_code(error->code))
      return say("the code of its error is not of [a-z0-9-]{1,32}", error->code);
    if (!is_text(error->reason) || has_control(error->reason))
      return say("the reason of its error is no text of one line", error->reason);
    if (is_bad(error->detail))
      return "the detail of its error is nothing, and has a length";
  }
  for (size_t i = 0; i < answer->n_publishes; i++) {
    const char *fault = judge_message(&answer->publishes[i], 1);
    if (fault)
      return fault;
  }
  return answer->reply ? judge_message(answer->reply, action != PLUG_APP_SUBSCRIBE) : NULL;
}
