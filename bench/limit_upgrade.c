#include "limit_upgrade.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define KEY_SUFFIX "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

enum { KEY_LEN = 24, HASH_LEN = 20 };

static uint32_t rotate(uint32_t x, int n)
{
  return x << n | x >> (32 - n);
}

static void sha1_block(uint32_t h[5], const uint8_t *block)
{
  uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
  for (int i = 0; i < 16; i++)
    w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
           (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
  for (int i = 16; i < 80; i++)
    w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  for (int i = 0; i < 80; i++) {
    uint32_t f, k;
    if (i < 20) {
      f = (b & c) | (~b & d);
      k = 0x5a827999;
    } else if (i < 40) {
      f = b ^ c ^ d;
      k = 0x6ed9eba1;
    } else if (i < 60) {
      f = (b & c) | (b & d) | (c & d);
      k = 0x8f1bbcdc;
    } else {
      f = b ^ c ^ d;
      k = 0xca62c1d6;
    }
    uint32_t next = rotate(a, 5) + f + e + k + w[i];
    e = d;
    d = c;
    c = rotate(b, 30);
    b = a;
    a = next;
  }
  h[0] += a;
  h[1] += b;
  h[2] += c;
  h[3] += d;
  h[4] += e;
}

/* Key and suffix are 60 bytes: with the padding two blocks. */
static void hash_key(const char *key, uint8_t out[HASH_LEN])
{
  uint8_t blocks[128] = {0};
  uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  size_t len = KEY_LEN + sizeof KEY_SUFFIX - 1;
  memcpy(blocks, key, KEY_LEN);
  memcpy(blocks + KEY_LEN, KEY_SUFFIX, sizeof KEY_SUFFIX - 1);
  blocks[len] = 0x80;
  blocks[126] = (uint8_t)(len * 8 >> 8);
  blocks[127] = (uint8_t)(len * 8);
  sha1_block(h, blocks);
  sha1_block(h, blocks + 64);
  for (int i = 0; i < HASH_LEN; i++)
    out[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

static void put_base64(const uint8_t in[HASH_LEN], char out[29])
{
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int i = 0, o = 0; i < HASH_LEN; i += 3) {
    uint32_t v = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 |
                 (i + 2 < HASH_LEN ? (uint32_t)in[i + 2] : 0U);
    for (int shift = 18; shift >= 0; shift -= 6)
      out[o++] = digits[v >> shift & 63];
  }
  out[27] = '='; /* 20 bytes leave a group of two */
  out[28] = 0;
}

static const char *find_header(const char *request, size_t len, const char *name)
{
  size_t name_len = strlen(name);
  const char *end = request + len;
  for (const char *line = request; (line = memchr(line, '\n', (size_t)(end - line)));) {
    line++;
    if ((size_t)(end - line) > name_len && strncasecmp(line, name, name_len) == 0)
      return line + name_len + strspn(line + name_len, " ");
  }
  return NULL;
}

size_t limit_upgrade(const char *request, size_t request_len, char out[UPGRADE_ANSWER_CAP])
{
  uint8_t hash[HASH_LEN];
  char accept[29];
  const char *key = find_header(request, request_len, "Sec-WebSocket-Key:");
  if (!key || (size_t)(request + request_len - key) < KEY_LEN + 2)
    return 0;
  hash_key(key, hash);
  put_base64(hash, accept);
  return (size_t)snprintf(out, UPGRADE_ANSWER_CAP,
                          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n"
                          "Sec-WebSocket-Protocol: v12.stomp\r\n\r\n",
                          accept);
}
