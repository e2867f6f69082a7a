/* What SockJS clients send: bodies, with and without a form around them. What was taken comes back
 * out of its own encoding unchanged. */
#include "sockjs/sockjs_message.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/str.h"
#include "sockjs/sockjs_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct taken {
  struct buf list; /* encoded anew */
  struct buf text;
  unsigned n;
};

static void encode(void *ctx, char *message, size_t len)
{
  struct taken *taken = ctx;
  buf_put_char(&taken->list, taken->n++ ? ',' : '[');
  sockjs_put_string(&taken->list, str_from(message, len));
  buf_put(&taken->text, message, len);
  if (len)
    message[len - 1] = 'x';
}

static void collect(void *ctx, char *message, size_t len)
{
  buf_put(ctx, message, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct buf body = {0}, again = {0};
  struct taken taken = {0};
  struct plug_str payload;
  if (!size)
    return 0;
  buf_put(&body, data + 1, size - 1);
  sockjs_messages_unwrap(&body, data[0] & 1, &payload);
  if (sockjs_messages_read(payload, data[0] & 2, encode, &taken) == SOCKJS_MESSAGES && taken.n) {
    buf_put_char(&taken.list, ']');
    invariant(sockjs_messages_read(str_from(taken.list.data, taken.list.len), false, collect,
                                   &again) == SOCKJS_MESSAGES);
    invariant(str_eq(str_from(again.data, again.len), str_from(taken.text.data, taken.text.len)));
  }
  buf_free(&body);
  buf_free(&again);
  buf_free(&taken.list);
  buf_free(&taken.text);
  return 0;
}
