/* Whatever bytes come from the cluster: a message or a sentence, and a message survives being
 * written and read again. */
#include <stdlib.h>

#include "base/str.h"
#include "message/envelope.h"
#include "message/message.h"

static void require(bool condition)
{
  if (!condition)
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const char *why = NULL;
  const struct plug_msg *msg = envelope_parse(str_from((const char *)data, size), &why);
  if (!msg) {
    require(why != NULL);
    return 0;
  }
  require(msg->topic.len > 0 && msg->origin.len > 0);
  struct plug_str wire = message_encoded(msg);
  const struct plug_msg *again = envelope_parse(wire, &why);
  require(again != NULL && again->id == msg->id && again->flags == msg->flags);
  require(again->n_headers == msg->n_headers && str_eq(again->payload, msg->payload));
  require(str_eq(message_encoded(again), wire));
  message_unref(again);
  message_unref(msg);
  require(message_count_alive() <= 0);
  return 0;
}
