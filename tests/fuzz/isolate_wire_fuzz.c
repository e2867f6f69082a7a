/* What the process of a plugin may send to the server: any bytes, in any pieces. */
#include <stdlib.h>

#include "isolate/said.h"

static void use(struct plug_str s)
{
  volatile char sum = 0;
  for (size_t i = 0; i < s.len; i++)
    sum = (char)(sum ^ s.ptr[i]);
}

static void look_at(const struct wire_frame *frame)
{
  struct said said;
  struct said_description description;
  struct said_metric metric;
  struct said_option option;
  if (frame->kind == WIRE_ECHO) {
    struct said_echo echo;
    (void)said_read_echo(frame, &echo);
  }
  if (said_read(frame, &said))
    return;
  use(said.text);
  use(said.area);
  use(said.user);
  use(said.info);
  use(said.change.topic);
  use(said.change.user);
  use(said.change.info);
  if (said.kind == WIRE_METRICS)
    for (uint32_t i = 0; i < said.n; i++)
      (void)wire_u64(&said.items);
  if (said.kind == WIRE_METRICS && !wire_is_done(&said.items))
    abort();
  for (uint32_t i = 0; said.kind == WIRE_CREATED && i < said.n; i++)
    if (said_next_metric(&said.items, &metric)) {
      use(metric.name);
      use(metric.help);
    }
  if (said.kind != WIRE_DESCRIPTION || said_read_description(frame, &description))
    return;
  use(description.id);
  use(description.build);
  for (uint32_t i = 0; i < description.n_options; i++)
    if (said_next_option(&description.options, &option)) {
      use(option.name);
      use(option.help);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct plug_str rest = {(const char *)data, size};
  struct wire_frame frame;
  while (wire_next(&rest, &frame, 4096) == WIRE_NEXT)
    look_at(&frame);
  return 0;
}
