#include "net/wire.h"

#include "base/str.h"
#include "http/http_answer.h"
#include "sockjs/sockjs_frame.h"
#include "websocket/ws_deflate.h"

static const enum sockjs_transport transports[WIRES] = {
    [WIRE_SOCKJS_WEBSOCKET] = SOCKJS_WEBSOCKET,
    [WIRE_SOCKJS_XHR] = SOCKJS_XHR_STREAMING,
    [WIRE_SOCKJS_EVENTSOURCE] = SOCKJS_EVENTSOURCE,
    [WIRE_SOCKJS_HTMLFILE] = SOCKJS_HTMLFILE,
};

/* Scratch of the worker's thread; small again after a large message. */
#define KEEP_BYTES 65536u
static _Thread_local struct buf framed, wrapped;

static struct buf *begin(struct buf *buf)
{
  if (buf->cap > KEEP_BYTES || buf->failed)
    buf_free(buf);
  buf->len = 0;
  return buf;
}

void wire_drop_scratch(void)
{
  buf_free(&framed);
  buf_free(&wrapped);
  ws_deflate_drop_streams();
}

/* The form that both of a pair share: the old one leaves the chunk's ends away. */
static uint8_t form_of(unsigned wire)
{
  return (uint8_t)(wire >= WIRE_SOCKJS_XHR_OLD && wire < WIRES
                       ? wire - WIRE_SOCKJS_XHR_OLD + WIRE_SOCKJS_XHR
                       : wire);
}

/* text is a SockJS frame. */
static struct frame *encode(uint8_t form, struct plug_str text, bool droppable)
{
  if (form == WIRE_SOCKJS_WEBSOCKET)
    return frame_new(FRAME_WS_TEXT, droppable, &text, 1);
  struct buf *out = begin(&wrapped);
  sockjs_put_frame(out, transports[form], NULL, text);
  if (out->failed)
    return NULL;
  char head[HTTP_CHUNK_HEAD_MAX];
  size_t head_len = http_chunk_put_head(head, out->len);
  struct frame *frame = frame_alloc(head_len + out->len + 2, 1, droppable);
  if (!frame)
    return NULL;
  frame->ws_header = (uint8_t)head_len;
  memcpy(frame->bytes, head, head_len);
  memcpy(frame->bytes + head_len, out->data, out->len);
  memcpy(frame->bytes + head_len + out->len, "\r\n", 2);
  return frame;
}

static struct frame *encode_message(const struct frame *frame, uint8_t form)
{
  struct buf *out = begin(&framed);
  struct plug_str message =
      str_from(frame->bytes + frame->ws_header, frame->len - frame->ws_header);
  bool list = form != WIRE_JSON;
  if (list)
    buf_put_str(out, STR("a["));
  sockjs_put_string(out, message);
  if (list)
    buf_put_char(out, ']');
  if (out->failed)
    return NULL;
  struct plug_str text = str_from(out->data, out->len);
  if (list)
    return encode(form, text, frame->droppable);
  struct frame *encoded = frame_alloc(text.len, 1, frame->droppable);
  if (encoded)
    memcpy(encoded->bytes, text.ptr, text.len);
  return encoded;
}

/* RFC 6455 5.5: of the WebSocket itself, a pong, say. */
static bool is_control(const struct frame *frame)
{
  return !frame->form && ((unsigned char)frame->bytes[0] & 0x08u) != 0;
}

/* Shorter ones do not become much shorter. */
#define DEFLATE_LEAST 128u

/* RFC 7692 6.1: RSV1 says that the message is compressed. */
static struct frame *encode_deflated(struct frame *frame)
{
  struct buf *out = begin(&framed);
  size_t len = frame->len - frame->ws_header;
  if (!ws_deflate(out, str_from(frame->bytes + frame->ws_header, len)))
    return NULL;
  struct plug_str bytes = str_from(out->data, out->len);
  uint8_t opcode = (uint8_t)frame->bytes[0];
  if (bytes.len < len)
    return frame_new(opcode | 0x40u, frame->droppable, &bytes, 1);
  bytes = str_from(frame->bytes + frame->ws_header, len); /* it has not become shorter */
  return frame_new(opcode, frame->droppable, &bytes, 1);
}

static struct frame *form_in(struct frame *frame, unsigned wire)
{
  uint8_t form = form_of(wire);
  if (frame->form == form || (form == WIRE_SOCKJS_WEBSOCKET && is_control(frame)) ||
      (form == WIRE_WEBSOCKET_DEFLATE && (is_control(frame) || frame->len < DEFLATE_LEAST)))
    return frame;
  struct frame *encoded = frame_find_form(frame, form);
  if (encoded)
    return encoded;
  encoded = form == WIRE_WEBSOCKET_DEFLATE ? encode_deflated(frame) : encode_message(frame, form);
  if (encoded)
    frame_add_form(frame, encoded, form);
  return encoded;
}

struct plug_str wire_encoded(struct frame *frame, unsigned wire)
{
  if (frame->form == WIRE_RAW)
    return str_from(frame->bytes, frame->len);
  struct frame *encoded = form_in(frame, wire);
  if (!encoded)
    return str_from(NULL, 0);
  if (form_of(wire) == wire)
    return str_from(encoded->bytes, encoded->len);
  return str_from(encoded->bytes + encoded->ws_header, encoded->len - encoded->ws_header - 2u);
}

struct frame *wire_sockjs_frame(enum wire wire, struct plug_str text)
{
  uint8_t form = form_of(wire);
  struct frame *frame = encode(form, text, false);
  if (frame)
    frame->form = form;
  return frame;
}

size_t wire_payload_len(struct frame *frame, unsigned wire)
{
  if (frame->form == WIRE_RAW)
    return frame->len;
  if (wire < WIRE_SOCKJS_XHR || wire >= WIRES)
    return wire_bytes(frame, wire).len;
  struct frame *encoded = form_in(frame, wire);
  return encoded ? encoded->len - encoded->ws_header - 2u : 0; /* without the chunk's ends */
}
