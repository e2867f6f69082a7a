#include "hub/frame.h"

#include <stdlib.h>
#include <string.h>

#include "base/block.h"

uint8_t frame_put_long_ws_header(char *out, uint8_t ws_opcode, size_t len)
{
  out[0] = (char)ws_opcode;
  out[1] = 127;
  for (unsigned i = 0; i < 8; i++)
    out[2 + i] = (char)((uint64_t)len >> (56 - 8 * i));
  return 10;
}

struct frame *frame_alloc(size_t len, uint16_t n_messages, bool droppable)
{
  if (len > UINT32_MAX)
    return NULL;
  struct frame *frame = block_alloc(sizeof *frame + len + 1);
  if (!frame)
    return NULL;
  *frame = (struct frame){
      .refs = 1, .len = (uint32_t)len, .n_messages = n_messages, .droppable = droppable};
  frame->bytes[len] = '\n';
  return frame;
}

struct frame *frame_new(uint8_t ws_opcode, bool droppable, const struct plug_str *parts,
                        size_t n_parts)
{
  size_t len = 0;
  for (size_t i = 0; i < n_parts; i++)
    len += parts[i].len;
  if (len > UINT32_MAX - FRAME_WS_HEADER_MAX)
    return NULL;
  struct frame *frame = frame_alloc(frame_ws_header_len(len) + len, 1, droppable);
  if (!frame)
    return NULL;
  frame->ws_header = frame_put_ws_header(frame->bytes, ws_opcode, len);
  char *at = frame->bytes + frame->ws_header;
  for (size_t i = 0; i < n_parts; i++) {
    if (parts[i].len)
      memcpy(at, parts[i].ptr, parts[i].len);
    at += parts[i].len;
  }
  return frame;
}

/* The length that the WebSocket header at p gives; *header: its own. */
static size_t read_ws_header(const char *p, uint8_t *header)
{
  size_t len = (unsigned char)p[1];
  if (len < 126) {
    *header = 2;
    return len;
  }
  *header = len == 126 ? 4 : 10;
  len = 0;
  for (uint8_t i = 2; i < *header; i++)
    len = len << 8 | (unsigned char)p[i];
  return len;
}

static void parts_free(struct frame **parts, uint32_t n)
{
  while (n--)
    frame_unref(parts[n]);
  free(parts);
}

struct frame *const *frame_split(struct frame *burst)
{
  if (burst->parts)
    return burst->parts;
  struct frame **parts = malloc(burst->n_messages * sizeof(struct frame *));
  if (!parts)
    return NULL;
  const char *at = burst->bytes;
  for (uint32_t i = 0; i < burst->n_messages; i++) {
    uint8_t header;
    size_t len = read_ws_header(at, &header);
    parts[i] = frame_alloc(header + len, 1, burst->droppable);
    if (!parts[i]) {
      parts_free(parts, i);
      return NULL;
    }
    parts[i]->ws_header = header;
    memcpy(parts[i]->bytes, at, header + len);
    at += header + len;
  }
  burst->parts = parts;
  return parts;
}

struct frame *frame_find_form(const struct frame *frame, uint8_t form)
{
  struct frame *found = frame->forms;
  while (found && found->form != form)
    found = found->forms;
  return found;
}

void frame_add_form(struct frame *frame, struct frame *encoded, uint8_t form)
{
  encoded->form = form;
  encoded->forms = frame->forms;
  frame->forms = encoded;
}

static void forms_free(struct frame *form)
{
  while (form) {
    struct frame *next = form->forms;
    form->forms = NULL;
    frame_unref(form);
    form = next;
  }
}

void frame_unref(struct frame *frame)
{
  if (--frame->refs)
    return;
  if (frame->parts) {
    if (frame->n_messages > 1)
      parts_free(frame->parts, frame->n_messages);
    else
      forms_free(frame->forms);
  }
  block_free(frame, sizeof *frame + frame->len + 1);
}
