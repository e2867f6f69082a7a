#include "websocket/ws_deflate.h"

#include <zlib.h>

#include "base/str.h"

#define LEVEL      6
#define MEMORY     8
#define STEP_BYTES 16384u

/* What ends each flushed block, and is left away on the wire (RFC 7692 7.2.1). */
static const unsigned char tail[4] = {0, 0, 0xff, 0xff};

static _Thread_local z_stream packer, unpacker;
static _Thread_local bool has_packer, has_unpacker;

void ws_deflate_drop_streams(void)
{
  if (has_packer)
    deflateEnd(&packer);
  if (has_unpacker)
    inflateEnd(&unpacker);
  has_packer = has_unpacker = false;
}

/* --- negotiation -------------------------------------------------------------------------- */

/* A parameter of an offer (RFC 7692 7.1). *seen keeps them apart: none may be given twice. */
static bool parameter_is_fine(struct plug_str parameter, unsigned *seen)
{
  static const struct plug_str names[] = {{"server_no_context_takeover", 26},
                                          {"client_no_context_takeover", 26},
                                          {"client_max_window_bits", 22},
                                          {"server_max_window_bits", 22}};
  struct plug_str value = parameter, name;
  bool has_value = str_split(&value, '=', &name) && value.ptr;
  value = str_trim(value);
  if (has_value && value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
    value = str_from(value.ptr + 1, value.len - 2);
  unsigned i = 0;
  while (i < 4 && !str_eq_nocase(name, names[i]))
    i++;
  if (i == 4 || (*seen & 1u << i))
    return false;
  *seen |= 1u << i;
  uint64_t bits = 15;
  if (has_value &&
      (i < 2 || !str_to_u64(value, &bits) || value.ptr[0] == '0' || bits < 8 || bits > 15))
    return false;
  /* A smaller window would need streams of its own. */
  return i != 3 || (has_value && bits == 15);
}

static bool offer_is_fine(struct plug_str offer)
{
  struct plug_str item;
  unsigned seen = 0;
  if (!str_split(&offer, ';', &item) || !str_eq_nocase(item, STR("permessage-deflate")))
    return false;
  while (offer.ptr && str_split(&offer, ';', &item))
    if (!parameter_is_fine(item, &seen))
      return false;
  return true;
}

bool ws_deflate_is_offered(const struct http_head *head)
{
  for (size_t i = 0; i < head->n_fields; i++) {
    struct plug_str rest = head->fields[i].value, offer;
    if (head->fields[i].id != HTTP_SEC_WEBSOCKET_EXTENSIONS)
      continue;
    while (http_list_next(&rest, &offer))
      if (offer_is_fine(offer))
        return true;
  }
  return false;
}

/* --- messages ----------------------------------------------------------------------------- */

bool ws_deflate(struct buf *out, struct plug_str message)
{
  if (!has_packer) {
    packer = (z_stream){0};
    if (deflateInit2(&packer, LEVEL, Z_DEFLATED, -MAX_WBITS, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
      return false;
    has_packer = true;
  }
  deflateReset(&packer);
  packer.next_in = (unsigned char *)(uintptr_t)message.ptr;
  packer.avail_in = (unsigned)message.len;
  do {
    if (!buf_reserve(out, STEP_BYTES))
      return false;
    packer.next_out = (unsigned char *)out->data + out->len;
    packer.avail_out = (unsigned)(out->cap - out->len);
    deflate(&packer, Z_SYNC_FLUSH);
    out->len = out->cap - packer.avail_out;
  } while (packer.avail_out == 0);
  out->len -= sizeof tail;
  return true;
}

static enum ws_inflate unpack(struct buf *out, const void *bytes, size_t len, size_t max)
{
  unpacker.next_in = (unsigned char *)(uintptr_t)bytes;
  unpacker.avail_in = (unsigned)len;
  for (;;) {
    if (!buf_reserve(out, STEP_BYTES))
      return WS_INFLATE_NO_MEMORY;
    unpacker.next_out = (unsigned char *)out->data + out->len;
    unpacker.avail_out = STEP_BYTES;
    int result = inflate(&unpacker, Z_SYNC_FLUSH);
    size_t got = STEP_BYTES - unpacker.avail_out;
    out->len += got;
    if (out->len > max)
      return WS_INFLATE_TOO_LARGE;
    if (result == Z_MEM_ERROR)
      return WS_INFLATE_NO_MEMORY;
    if (result == Z_STREAM_END) {
      /* RFC 7692 7.2.3.4: a final block may end a message; what follows is another. */
      if (!unpacker.avail_in)
        return WS_INFLATED;
      inflateReset(&unpacker);
      continue;
    }
    if (result != Z_OK && result != Z_BUF_ERROR)
      return WS_INFLATE_BAD;
    if (!unpacker.avail_in && unpacker.avail_out)
      return WS_INFLATED;
    if (result == Z_BUF_ERROR && !got)
      return WS_INFLATE_BAD;
  }
}

enum ws_inflate ws_inflate(struct buf *out, struct plug_str packed, size_t max)
{
  if (!has_unpacker) {
    unpacker = (z_stream){0};
    if (inflateInit2(&unpacker, -MAX_WBITS) != Z_OK)
      return WS_INFLATE_NO_MEMORY;
    has_unpacker = true;
  }
  inflateReset(&unpacker);
  enum ws_inflate result = packed.len ? unpack(out, packed.ptr, packed.len, max) : WS_INFLATED;
  return result == WS_INFLATED ? unpack(out, tail, sizeof tail, max) : result;
}
