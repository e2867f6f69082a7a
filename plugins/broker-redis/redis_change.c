#include "redis_change.h"

static const uint64_t max_number = UINT64_C(1) << 53;

bool redis_number_read(const char **p, const char *end, uint64_t *out)
{
  const char *from = *p;
  uint64_t value = 0;
  for (; *p < end && **p >= '0' && **p <= '9'; ++*p) {
    value = value * 10 + (uint64_t)(**p - '0');
    if (value > max_number)
      return false;
  }
  *out = value;
  return *p > from;
}

static bool take(struct redis_changes *in, char c)
{
  if (in->p == in->end || *in->p != c)
    return false;
  in->p++;
  return true;
}

static bool take_number(struct redis_changes *in, uint64_t *out)
{
  return redis_number_read(&in->p, in->end, out);
}

bool redis_changes_open(struct redis_changes *in, struct plug_str message)
{
  *in = (struct redis_changes){0};
  if (message.len == 0)
    return false;
  in->p = message.ptr;
  in->end = message.ptr + message.len;
  return take(in, '1') && take(in, ' ') && take_number(in, &in->epoch) && take(in, ' ') &&
         take_number(in, &in->offset) && take(in, ' ') && take_number(in, &in->n_left) &&
         take(in, '\n') && in->n_left > 0;
}

static bool take_bytes(struct redis_changes *in, uint64_t len, struct plug_str *out)
{
  if ((uint64_t)(in->end - in->p) < len)
    return false;
  *out = (struct plug_str){in->p, (size_t)len};
  in->p += len;
  return true;
}

bool redis_changes_next(struct redis_changes *in, struct redis_change *out)
{
  uint64_t user_len, info_len;
  if (in->n_left == 0)
    return false;
  out->joined = take(in, 'J');
  if ((!out->joined && !take(in, 'L')) || !take(in, ' ') || !take_number(in, &out->users) ||
      !take(in, ' ') || !take_number(in, &user_len) || !take(in, ' ') ||
      !take_number(in, &info_len) || !take(in, '\n') || !take_bytes(in, user_len, &out->user) ||
      !take_bytes(in, info_len, &out->info) || out->user.len == 0)
    return false;
  out->offset = in->offset++;
  in->n_left--;
  return in->n_left > 0 || in->p == in->end;
}

bool redis_member_name_read(struct plug_str field, struct redis_member_name *out)
{
  const char *p = field.ptr, *end = field.ptr + field.len;
  uint64_t len;
  if (field.len == 0 || !redis_number_read(&p, end, &len) || p == end || *p++ != ':' ||
      (uint64_t)(end - p) < len)
    return false;
  out->topic = (struct plug_str){p, (size_t)len};
  out->member = (struct plug_str){p + len, (size_t)(end - p) - (size_t)len};
  return true;
}
