#include "cli/ws_client.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>

#include "websocket/ws_reader.h"

bool ws_client_make_key(char key[WS_KEY_LEN + 1])
{
  unsigned char bytes[16];
  return RAND_bytes(bytes, sizeof bytes) == 1 &&
         EVP_EncodeBlock((unsigned char *)key, bytes, sizeof bytes) == WS_KEY_LEN;
}

void ws_client_put_request(struct buf *out, const char *authority, const char *path,
                           const char *key, const struct text_list *headers)
{
  buf_putf(out,
           "GET %s HTTP/1.1\r\n"
           "Host: %s\r\n"
           "Upgrade: websocket\r\n"
           "Connection: Upgrade\r\n"
           "Sec-WebSocket-Key: %s\r\n"
           "Sec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Protocol: v12.stomp, v11.stomp, v10.stomp\r\n"
           "User-Agent: plugctl/" PLUGBOARD_VERSION "\r\n",
           path, authority, key);
  for (size_t i = 0; i < headers->n; i++)
    buf_putf(out, "%s\r\n", headers->items[i]);
  buf_put_str(out, STR("\r\n"));
}

static struct plug_str line_at(const char *at, const char *end)
{
  const char *eol = memchr(at, '\n', (size_t)(end - at));
  const char *stop = eol ? eol : end;
  return str_from(at, (size_t)(stop - at) - (stop > at && stop[-1] == '\r'));
}

static enum ws_client_answer garbage(char why[240], const char *text)
{
  snprintf(why, 240, "%s", text);
  return WS_CLIENT_GARBAGE;
}

/* HTTP/1.x NNN text */
static bool read_status(struct plug_str line, unsigned *status)
{
  if (line.len < 12 || !str_has_prefix(line, STR("HTTP/1.")) || line.ptr[8] != ' ')
    return false;
  *status = 0;
  for (size_t i = 9; i < 12; i++) {
    if (line.ptr[i] < '0' || line.ptr[i] > '9')
      return false;
    *status = *status * 10 + (unsigned)(line.ptr[i] - '0');
  }
  return line.len == 12 || line.ptr[12] == ' ';
}

/* The end of the head: behind its empty line; NULL: it has not come. */
static const char *end_of_head(const char *bytes, size_t len)
{
  for (const char *at = bytes, *end = bytes + len; at < end;) {
    const char *eol = memchr(at, '\n', (size_t)(end - at));
    if (!eol)
      return NULL;
    if (eol == at || (eol == at + 1 && *at == '\r'))
      return eol + 1;
    at = eol + 1;
  }
  return NULL;
}

static enum ws_client_answer refused(unsigned status, struct plug_str line, struct plug_str body,
                                     char why[240])
{
  struct plug_str text = line_at(body.ptr, body.ptr + body.len);
  snprintf(why, 240, "%.*s%s%.*s", line.len > 80 ? 80 : (int)line.len, line.ptr,
           text.len ? ": " : "", text.len > 120 ? 120 : (int)text.len, text.ptr);
  return status / 100 == 5 ? WS_CLIENT_UNAVAILABLE : WS_CLIENT_REFUSED;
}

enum ws_client_answer ws_client_read_answer(const char *bytes, size_t len, const char *key,
                                            size_t *used, char why[240])
{
  static const struct plug_str start = {"HTTP/1.", 7};
  size_t n = len < start.len ? len : start.len;
  if (n && memcmp(bytes, start.ptr, n) != 0)
    return garbage(why, "what answers is no HTTP server");
  const char *end = end_of_head(bytes, len);
  if (!end)
    return len < WS_CLIENT_ANSWER_MAX ? WS_CLIENT_MORE
                                      : garbage(why, "the answer to the handshake has no end");
  struct plug_str line = line_at(bytes, end);
  unsigned status;
  if (!read_status(line, &status))
    return garbage(why, "what answers is no HTTP server");
  if (status != 101)
    return refused(status, line, str_from(end, (size_t)(bytes + len - end)), why);
  char accept[WS_ACCEPT_LEN + 1];
  bool upgrade = false, connection = false, accepted = false;
  if (!ws_upgrade_accept(str_of(key), accept))
    return garbage(why, "SHA-1 is not to be had");
  for (const char *at = line.ptr + line.len; at < end;) {
    at = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
    if (at >= end)
      break;
    struct plug_str value = line_at(at, end), name;
    if (!value.len || !str_split(&value, ':', &name))
      continue;
    value = str_trim(value);
    if (str_eq_nocase(name, STR("Upgrade")))
      upgrade = str_eq_nocase(value, STR("websocket"));
    else if (str_eq_nocase(name, STR("Sec-WebSocket-Accept")))
      accepted = str_eq(value, str_of(accept));
    else if (str_eq_nocase(name, STR("Sec-WebSocket-Extensions")) && value.len)
      return garbage(why, "the server uses an extension that was not asked for");
    else if (str_eq_nocase(name, STR("Connection")))
      for (struct plug_str item; str_split(&value, ',', &item);)
        connection = connection || str_eq_nocase(item, STR("upgrade"));
  }
  if (!upgrade || !connection || !accepted)
    return garbage(why, "the answer to the handshake is not that of a WebSocket server");
  *used = (size_t)(end - bytes);
  return WS_CLIENT_OPEN;
}

void ws_client_put_frame(struct buf *out, unsigned opcode, struct plug_str payload)
{
  uint8_t head[14] = {(uint8_t)(0x80 | opcode)}, mask[4];
  size_t n = 2, form = payload.len < 126 ? 0 : payload.len < 65536 ? 2 : 8;
  head[1] = (uint8_t)(0x80 | (form == 2 ? 126 : form == 8 ? 127 : payload.len));
  for (size_t i = form; i--;)
    head[n++] = (uint8_t)((uint64_t)payload.len >> 8 * i);
  if (RAND_bytes(mask, sizeof mask) != 1) { /* its generator seeds itself once and fails never */
    out->failed = true;
    return;
  }
  memcpy(head + n, mask, sizeof mask);
  buf_put(out, head, n + sizeof mask);
  size_t at = out->len;
  buf_put_str(out, payload);
  if (!out->failed)
    ws_unmask(out->data + at, payload.len, mask, 0);
}
