/* The JSON scanner and the layout "single": what is accepted can be sent again and says the same.
 */
#include <stdint.h>
#include <stdlib.h>

#include "redis_json.h"
#include "redis_single.h"

static void check(int ok)
{
  if (!ok)
    abort();
}

/* A message sent on comes back as it was. */
static void check_round_trip(struct plug_str topic, struct plug_str type, struct plug_str payload)
{
  struct redis_buf out = {0}, scratch = {0};
  struct redis_single in;
  const char *why = NULL;
  plug_status status = redis_single_encode(&out, topic, type, payload, &why);
  if (status == PLUG_OK) {
    check(redis_json_valid(redis_buf_str(&out), REDIS_JSON_MAX_DEPTH));
    status = redis_single_decode(&scratch, redis_buf_str(&out), &in, &why);
    check(status == PLUG_OK || memchr(topic.ptr, '\0', topic.len) != NULL);
    if (status == PLUG_OK) {
      check(redis_str_eq(in.topic, topic));
      if (redis_str_eq(in.content_type, type))
        check(redis_str_eq(in.payload, payload) || type.len == 16);
    }
  } else {
    check(why != NULL && !redis_utf8_valid(payload));
  }
  redis_buf_fini(&out);
  redis_buf_fini(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const struct plug_str input = {(const char *)data, size};
  const struct plug_str topic = redis_str("/sub/x");
  struct redis_buf scratch = {0};
  struct redis_single in;
  const char *why = NULL;
  plug_status status = redis_single_decode(&scratch, input, &in, &why);
  check(status == PLUG_OK || status == PLUG_ESTATE || (status == PLUG_EINVAL && why != NULL));
  if (status == PLUG_OK) {
    check(redis_json_valid(input, REDIS_JSON_MAX_DEPTH));
    check(redis_utf8_valid(in.topic) && redis_utf8_valid(in.payload));
    check_round_trip(in.topic, in.content_type, in.payload);
  }
  redis_buf_fini(&scratch);
  check_round_trip(topic, redis_str("text/plain;charset=UTF-8"), input);
  check_round_trip(topic, redis_str("application/json"), input);
  return 0;
}
