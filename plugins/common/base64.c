#include "base64.h"

#include <string.h>

/* The value of each character plus one; 0: not in the alphabet. */
#define BASE64_COMMON                                                                             \
  ['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6, ['G'] = 7, ['H'] = 8,         \
  ['I'] = 9, ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,  \
  ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24, \
  ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, \
  ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, \
  ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, \
  ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56, \
  ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62

static const unsigned char url_alphabet[256] = {BASE64_COMMON, ['-'] = 63, ['_'] = 64};
static const unsigned char plain_alphabet[256] = {BASE64_COMMON, ['+'] = 63, ['/'] = 64};
static const unsigned char any_alphabet[256] = {
    BASE64_COMMON, ['-'] = 63, ['_'] = 64, ['+'] = 63, ['/'] = 64};

static bool decode(const unsigned char alphabet[256], struct plug_str in, unsigned char *out,
                   size_t *out_len)
{
  const unsigned char *p = (const unsigned char *)in.ptr;
  size_t whole = in.len / 4, rest = in.len % 4;
  unsigned char *start = out;
  if (rest == 1)
    return false;
  for (size_t i = 0; i < whole; i++, p += 4) {
    unsigned a = alphabet[p[0]], b = alphabet[p[1]], c = alphabet[p[2]], d = alphabet[p[3]];
    if (a == 0 || b == 0 || c == 0 || d == 0)
      return false;
    unsigned bits = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1);
    *out++ = (unsigned char)(bits >> 16);
    *out++ = (unsigned char)(bits >> 8);
    *out++ = (unsigned char)bits;
  }
  if (rest > 0) {
    unsigned a = alphabet[p[0]], b = alphabet[p[1]], c = rest == 3 ? alphabet[p[2]] : 1;
    if (a == 0 || b == 0 || c == 0)
      return false;
    unsigned bits = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6;
    *out++ = (unsigned char)(bits >> 16);
    if (rest == 3)
      *out++ = (unsigned char)(bits >> 8);
    if ((bits & (rest == 3 ? 0xFFu : 0xFFFFu)) != 0)
      return false; /* another text would give the same bytes */
  }
  *out_len = (size_t)(out - start);
  return true;
}

bool base64url_decode(struct plug_str in, unsigned char *out, size_t *out_len)
{
  return decode(url_alphabet, in, out, out_len);
}

/* Takes the padding off; false: there is some, but too much or too little. */
static bool strip(struct plug_str *in)
{
  size_t padding = 0;
  while (in->len > 0 && in->ptr[in->len - 1] == '=') {
    in->len--;
    padding++;
  }
  return padding == 0 || (padding <= 2 && (in->len + padding) % 4 == 0);
}

bool base64_decode(struct plug_str in, unsigned char *out, size_t *out_len)
{
  return in.len % 4 == 0 && strip(&in) && decode(plain_alphabet, in, out, out_len);
}

bool base64_decode_any(struct plug_str in, unsigned char *out, size_t *out_len)
{
  return strip(&in) && decode(any_alphabet, in, out, out_len);
}
