#include "isolate/wire.h"

#include "message/envelope.h"

size_t wire_begin(struct buf *out, enum wire_kind kind)
{
  size_t begin = out->len;
  const uint32_t head[] = {0, (uint32_t)kind};
  buf_put(out, head, sizeof head);
  return begin;
}

void wire_put_u32(struct buf *out, uint32_t v)
{
  buf_put(out, &v, sizeof v);
}

void wire_put_u64(struct buf *out, uint64_t v)
{
  buf_put(out, &v, sizeof v);
}

void wire_put_str(struct buf *out, struct plug_str s)
{
  if (s.len > UINT32_MAX)
    out->failed = true; /* the format cannot say it */
  wire_put_u32(out, (uint32_t)s.len);
  buf_put_str(out, s);
}

void wire_put_msg(struct buf *out, const struct plug_msg *msg)
{
  size_t at = out->len;
  wire_put_u32(out, 0);
  envelope_put(out, msg);
  if (out->failed)
    return;
  size_t len = out->len - at - sizeof(uint32_t);
  uint32_t said = (uint32_t)len;
  if (said != len)
    out->failed = true;
  memcpy(out->data + at, &said, sizeof said);
}

bool wire_end(struct buf *out, size_t begin, size_t max)
{
  size_t len = out->len - begin - WIRE_HEAD_LEN;
  if (out->failed || len > max || len > UINT32_MAX) {
    out->len = begin;
    out->failed = false;
    return false;
  }
  uint32_t said = (uint32_t)len;
  memcpy(out->data + begin, &said, sizeof said);
  return true;
}

enum wire_next wire_next(struct plug_str *rest, struct wire_frame *frame, size_t max)
{
  uint32_t len;
  if (rest->len < WIRE_HEAD_LEN)
    return WIRE_MORE;
  memcpy(&len, rest->ptr, sizeof len);
  memcpy(&frame->kind, rest->ptr + sizeof len, sizeof frame->kind);
  if (len > max)
    return WIRE_BROKEN;
  if (rest->len - WIRE_HEAD_LEN < len)
    return WIRE_MORE;
  frame->body = (struct plug_str){rest->ptr + WIRE_HEAD_LEN, len};
  rest->ptr += WIRE_HEAD_LEN + len;
  rest->len -= WIRE_HEAD_LEN + len;
  return WIRE_NEXT;
}

static bool take(struct wire_reader *r, void *out, size_t n)
{
  if (r->bad || r->rest.len < n) {
    r->bad = true;
    memset(out, 0, n);
    return false;
  }
  memcpy(out, r->rest.ptr, n);
  r->rest.ptr += n;
  r->rest.len -= n;
  return true;
}

uint32_t wire_u32(struct wire_reader *r)
{
  uint32_t v;
  take(r, &v, sizeof v);
  return v;
}

uint64_t wire_u64(struct wire_reader *r)
{
  uint64_t v;
  take(r, &v, sizeof v);
  return v;
}

struct plug_str wire_str(struct wire_reader *r)
{
  uint32_t len = wire_u32(r);
  if (r->bad || len > r->rest.len) {
    r->bad = true;
    return (struct plug_str){"", 0};
  }
  struct plug_str s = {r->rest.ptr, len};
  r->rest.ptr += len;
  r->rest.len -= len;
  return s;
}

uint32_t wire_count(struct wire_reader *r, size_t least)
{
  uint32_t n = wire_u32(r);
  if (!r->bad && n <= r->rest.len / least)
    return n;
  r->bad = true;
  return 0;
}

bool wire_is_done(const struct wire_reader *r)
{
  return !r->bad && r->rest.len == 0;
}
