#include "hub/frame.h"

#include <stdlib.h>
#include <string.h>

static uint8_t put_ws_header(char *out, uint8_t opcode, size_t len)
{
  out[0] = (char)opcode;
  if (len < 126) {
    out[1] = (char)len;
    return 2;
  }
  if (len < 65536) {
    out[1] = 126;
    out[2] = (char)(len >> 8);
    out[3] = (char)len;
    return 4;
  }
  out[1] = 127;
  for (unsigned i = 0; i < 8; i++)
    out[2 + i] = (char)((uint64_t)len >> (56 - 8 * i));
  return 10;
}

struct frame *frame_new(uint8_t ws_opcode, bool droppable, const struct plug_str *parts,
                        size_t n_parts)
{
  size_t len = 0;
  for (size_t i = 0; i < n_parts; i++)
    len += parts[i].len;
  if (len > UINT32_MAX - FRAME_WS_HEADER_MAX)
    return NULL;
  char header[FRAME_WS_HEADER_MAX];
  uint8_t ws_header = put_ws_header(header, ws_opcode, len);
  struct frame *frame = malloc(sizeof *frame + ws_header + len);
  if (!frame)
    return NULL;
  frame->refs = 1;
  frame->len = (uint32_t)(ws_header + len);
  frame->ws_header = ws_header;
  frame->droppable = droppable;
  memcpy(frame->bytes, header, ws_header);
  char *at = frame->bytes + ws_header;
  for (size_t i = 0; i < n_parts; i++) {
    if (parts[i].len)
      memcpy(at, parts[i].ptr, parts[i].len);
    at += parts[i].len;
  }
  return frame;
}

void frame_unref(struct frame *frame)
{
  if (--frame->refs == 0)
    free(frame);
}
