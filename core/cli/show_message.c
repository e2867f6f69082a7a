#include "cli/show_message.h"

#include <stdio.h>

#include "base/day.h"
#include "base/text.h"
#include "cli/say.h"

static json_t *to_json(const struct stomp_frame *frame)
{
  const struct plug_str *destination = stomp_frame_header(frame, STR("destination"));
  char time[DAY_TEXT_SIZE];
  json_t *object = json_object(), *headers = json_object();
  for (size_t i = 0; headers && i < frame->n_headers; i++) {
    const struct stomp_header *header = &frame->headers[i];
    json_t *value = json_stringn(header->value.ptr ? header->value.ptr : "", header->value.len);
    if (json_object_getn(headers, header->name.ptr, header->name.len))
      json_decref(value); /* the first counts */
    else
      json_object_setn_new(headers, header->name.ptr, header->name.len, value);
  }
  json_object_set_new(object, "received_at", json_string(day_text(day_now_ms(), time)));
  if (destination)
    json_object_set_new(object, "destination", json_stringn(destination->ptr, destination->len));
  bool good = json_object_set_new(object, "headers", headers) == 0;
  good = say_put_body(object, frame->body) && good;
  if (good)
    return object;
  json_decref(object);
  return NULL;
}

/* What a terminal shows is escaped; a pipe gets the bytes. */
static void put_text(struct buf *out, const struct stomp_frame *frame, bool verbose)
{
  bool colours = say_colours(stdout);
  if (verbose) {
    for (size_t i = 0; i < frame->n_headers; i++) {
      buf_put_str(out, colours ? STR("\033[2m") : STR(""));
      text_put_shown(out, frame->headers[i].name, TEXT_LINE);
      buf_put_str(out, STR(": "));
      text_put_shown(out, frame->headers[i].value, TEXT_LINE);
      buf_put_str(out, colours ? STR("\033[0m\n") : STR("\n"));
    }
    buf_put_char(out, '\n');
  }
  if (say_is_terminal(stdout))
    text_put_shown(out, frame->body, TEXT_LINES);
  else
    buf_put_str(out, frame->body);
  buf_put_str(out, verbose ? STR("\n\n") : STR("\n"));
}

bool show_message(const struct stomp_frame *frame, bool json, bool verbose)
{
  if (json)
    return say_json(to_json(frame));
  struct buf out = {0};
  put_text(&out, frame, verbose);
  return say_buf(&out);
}
