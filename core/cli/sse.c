#include "cli/sse.h"

#include <stdio.h>

static void take_field(struct sse *sse, struct plug_str line)
{
  const char *colon = memchr(line.ptr, ':', line.len);
  struct plug_str name = str_from(line.ptr, colon ? (size_t)(colon - line.ptr) : line.len);
  struct plug_str value = {0};
  if (colon)
    value = str_from(colon + 1, (size_t)(line.ptr + line.len - colon - 1));
  if (value.len && value.ptr[0] == ' ')
    value = str_from(value.ptr + 1, value.len - 1);
  if (str_eq(name, STR("data"))) {
    buf_put_str(&sse->data, value);
    buf_put_char(&sse->data, '\n');
  } else if (str_eq(name, STR("event")) && value.len < sizeof sse->event) {
    snprintf(sse->event, sizeof sse->event, "%.*s", STR_ARG(value));
  }
  /* Comments begin with a colon: their name is empty. */
}

/* The line that is complete; false: on_event wants no more. */
static bool end_line(struct sse *sse,
                     bool (*on_event)(void *ctx, const char *event, struct plug_str data),
                     void *ctx)
{
  bool goes_on = true;
  if (sse->line.len) {
    take_field(sse, str_from(sse->line.data, sse->line.len));
    sse->line.len = 0;
    return true;
  }
  if (sse->data.len)
    goes_on = on_event(ctx, sse->event[0] ? sse->event : "message",
                       str_from(sse->data.data, sse->data.len - 1));
  sse->data.len = 0;
  sse->event[0] = '\0';
  return goes_on;
}

bool sse_feed(struct sse *sse, const char *bytes, size_t len,
              bool (*on_event)(void *ctx, const char *event, struct plug_str data), void *ctx,
              bool *too_long)
{
  *too_long = false;
  for (const char *at = bytes, *end = bytes + len; at < end;) {
    if (sse->cr && *at == '\n') {
      sse->cr = false;
      at++;
      continue;
    }
    sse->cr = false;
    const char *stop = at;
    while (stop < end && *stop != '\n' && *stop != '\r')
      stop++;
    buf_put(&sse->line, at, (size_t)(stop - at));
    *too_long =
        sse->line.failed || sse->data.failed || sse->line.len + sse->data.len > SSE_EVENT_MAX;
    if (*too_long)
      return false;
    if (stop == end)
      return true;
    sse->cr = *stop == '\r';
    at = stop + 1;
    if (!end_line(sse, on_event, ctx))
      return false;
  }
  return true;
}

void sse_fini(struct sse *sse)
{
  buf_free(&sse->line);
  buf_free(&sse->data);
}
