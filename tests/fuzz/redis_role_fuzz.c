/* What a server says of its role: any reply, of any shape, gives a verdict and a reason.
 *
 * The input is one byte of flags, then elements that end with a newline each, the kind of one in
 * its first byte. The last one is the answer to INFO. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "redis_role.h"

enum { MAX_ELEMENTS = 6 };

static void make(redisReply *reply, char *text, size_t len)
{
  *reply = (redisReply){.type = REDIS_REPLY_NIL};
  if (len == 0)
    return;
  reply->str = text + 1;
  reply->len = len - 1;
  reply->integer = strtoll(text + 1, NULL, 10);
  reply->type = text[0] == '$'   ? REDIS_REPLY_STRING
                : text[0] == ':' ? REDIS_REPLY_INTEGER
                : text[0] == '-' ? REDIS_REPLY_ERROR
                : text[0] == '+' ? REDIS_REPLY_STATUS
                                 : REDIS_REPLY_NIL;
}

static void check(const struct redis_role_watch *watch, enum redis_verdict verdict)
{
  if (verdict == REDIS_ROLE_WRONG && (watch->why[0] == '\0' || watch->status == PLUG_OK))
    abort();
  if (memchr(watch->why, '\0', sizeof watch->why) == NULL)
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  redisReply parts[MAX_ELEMENTS], *elements[MAX_ELEMENTS];
  redisReply array = {.type = REDIS_REPLY_ARRAY, .element = elements};
  size_t n = 0;
  if (size == 0)
    return 0;
  struct redis_role_watch watch = {.expected = data[0] & 1 ? REDIS_ROLE_PROVEN : REDIS_ROLE_MASTER,
                                   .logged_in = (data[0] & 2) != 0,
                                   .in_cluster = (data[0] & 4) != 0};
  char *text = malloc(size);
  if (text == NULL)
    return 0;
  memcpy(text, data + 1, size - 1);
  text[size - 1] = '\0';
  for (char *p = text, *end = text + size - 1; p < end && n < MAX_ELEMENTS;) {
    char *stop = memchr(p, '\n', (size_t)(end - p));
    if (stop == NULL)
      stop = end;
    *stop = '\0'; /* as hiredis ends its strings */
    elements[n] = &parts[n];
    make(&parts[n++], p, (size_t)(stop - p));
    p = stop + 1;
  }
  if (n > 0) {
    const redisReply *info = elements[n - 1];
    array.elements = n - 1;
    enum redis_verdict verdict = redis_role_answer(&watch, data[0] & 8 ? elements[0] : &array);
    check(&watch, verdict);
    if (verdict == REDIS_ROLE_ASK_INFO) {
      verdict = redis_role_info(&watch, info);
      check(&watch, verdict);
      if (verdict == REDIS_ROLE_ASK_INFO)
        abort();
    }
  }
  free(text);
  return 0;
}
