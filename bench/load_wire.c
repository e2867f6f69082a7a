#include "load_wire.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const uint8_t mask_key[4] = {0x5a, 0xc3, 0x17, 0x9e};

static void bytes_grow(struct bytes *b, size_t more)
{
  if (b->cap - b->len >= more)
    return;
  size_t cap = b->cap ? b->cap : 256;
  while (cap - b->len < more)
    cap *= 2;
  uint8_t *at = realloc(b->at, cap);
  if (!at) {
    fputs("plugload: out of memory\n", stderr);
    exit(1);
  }
  b->at = at;
  b->cap = cap;
}

void bytes_put(struct bytes *b, const void *data, size_t len)
{
  if (len == 0)
    return;
  bytes_grow(b, len);
  memcpy(b->at + b->len, data, len);
  b->len += len;
}

void bytes_put_text(struct bytes *b, const char *text)
{
  bytes_put(b, text, strlen(text));
}

void bytes_printf(struct bytes *b, const char *format, ...)
{
  char text[1024];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (n < 0 || (size_t)n >= sizeof text) {
    fputs("plugload: formatted text is too long\n", stderr);
    exit(1);
  }
  bytes_put(b, text, (size_t)n);
}

void bytes_free(struct bytes *b)
{
  free(b->at);
  *b = (struct bytes){0};
}

size_t ws_put_frame(struct bytes *out, int opcode, const void *payload, size_t len)
{
  uint8_t head[14];
  size_t n = 2;
  head[0] = (uint8_t)(0x80 | opcode);
  if (len < 126) {
    head[1] = (uint8_t)(0x80 | len);
  } else if (len < 65536) {
    head[1] = 0x80 | 126;
    head[2] = (uint8_t)(len >> 8);
    head[3] = (uint8_t)len;
    n = 4;
  } else {
    head[1] = 0x80 | 127;
    for (int i = 0; i < 8; i++)
      head[2 + i] = (uint8_t)((uint64_t)len >> (56 - 8 * i));
    n = 10;
  }
  memcpy(head + n, mask_key, 4);
  bytes_put(out, head, n + 4);
  size_t at = out->len;
  bytes_put(out, payload, len);
  for (size_t i = 0; i < len; i++)
    out->at[at + i] ^= mask_key[i % 4];
  return at;
}

void stamp_put_masked(uint8_t *out, const struct stamp *stamp, size_t phase)
{
  stamp_put(out, stamp);
  for (size_t i = 0; i < STAMP_LEN; i++)
    out[i] ^= mask_key[(phase + i) % 4];
}
