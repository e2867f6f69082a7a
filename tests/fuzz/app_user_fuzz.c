/* User destinations: whatever is split comes together again, and every topic is one that no client
 * can name. */
#include <stdlib.h>

#include "app/user.h"
#include "base/str.h"
#include "hub/pattern.h"

/* The reverse of user_unescape; nothing of a name with a %2F, which is as good as a slash. */
static void escape(struct plug_str name, struct buf *out)
{
  for (size_t i = 0; i < name.len; i++) {
    if (str_has_prefix(str_from(name.ptr + i, name.len - i), STR("%2F"))) {
      out->len = 0;
      return;
    }
    if (name.ptr[i] == '/')
      buf_put_str(out, STR("%2F"));
    else
      buf_put_char(out, name.ptr[i]);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const struct user_names names = {{"/user", 5}, {"key", 3}};
  struct plug_str text = {(const char *)data, size}, name, rest;
  struct buf topic = {0}, plain = {0}, escaped = {0}, again = {0};
  bool is_one = user_split(&names, text, &name, &rest);
  if (is_one != user_put_destination(&names, text, &topic))
    abort();
  if (is_one) {
    user_unescape(name, &plain);
    struct plug_str real = str_from(plain.data, plain.len);
    if (topic.data[0] == '/' || rest.ptr[0] != '/' || memchr(name.ptr, '/', name.len))
      abort();
    escape(real, &escaped);
    if (escaped.len && !str_eq(str_from(escaped.data, escaped.len), name))
      abort();
    user_put_topic(&names, real, rest, &again);
    if (!str_eq(str_from(topic.data, topic.len), str_from(again.data, again.len)))
      abort();
    struct plug_err err;
    struct pattern *all = pattern_compile(STR("/**"), &err);
    if (!all || pattern_match(all, str_from(topic.data, topic.len)))
      abort();
    pattern_free(all);
  }
  buf_free(&topic);
  buf_free(&plain);
  buf_free(&escaped);
  buf_free(&again);
  return 0;
}
