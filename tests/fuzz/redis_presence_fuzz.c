/* What presence reads from Redis: changes on a channel, and the names under which a dead node's
 * members are kept. Whatever the bytes, nothing is read outside of them, and what is accepted is
 * consistent. The first byte chooses: c is a message of changes, all else a name. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "redis_change.h"

static void check(bool ok)
{
  if (!ok)
    abort();
}

static bool is_inside(struct plug_str part, struct plug_str whole)
{
  return part.ptr >= whole.ptr && part.len <= whole.len &&
         part.ptr + part.len <= whole.ptr + whole.len;
}

static void read_changes(struct plug_str message)
{
  struct redis_changes in;
  struct redis_change change = {0};
  if (!redis_changes_open(&in, message))
    return;
  uint64_t epoch = in.epoch, next = in.offset, n = in.n_left;
  for (uint64_t i = 0; i < n; i++) {
    if (!redis_changes_next(&in, &change))
      return;
    check(change.offset == next++ && in.epoch == epoch && in.n_left == n - i - 1);
    check(is_inside(change.user, message) && is_inside(change.info, message));
    check(change.user.len > 0);
  }
  check(in.p == in.end);
  check(!redis_changes_next(&in, &change));
}

static void read_name(struct plug_str field)
{
  struct redis_member_name name;
  if (!redis_member_name_read(field, &name))
    return;
  check(is_inside(name.topic, field) && is_inside(name.member, field));
  check(name.topic.ptr + name.topic.len == name.member.ptr);
  check(name.member.ptr + name.member.len == field.ptr + field.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size == 0)
    return 0;
  /* A copy of just that size, so that reading beyond it is seen. */
  char *bytes = malloc(size - 1 + (size == 1));
  if (bytes == NULL)
    return 0;
  memcpy(bytes, data + 1, size - 1);
  struct plug_str input = {bytes, size - 1};
  if (data[0] == 'c')
    read_changes(input);
  else
    read_name(input);
  free(bytes);
  return 0;
}
