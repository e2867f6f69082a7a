/* Which characters may stand where in HTTP (RFC 9110 5.5, 5.6.2; RFC 3986), as one table of bits.
 */
#ifndef HTTP_HTTP_CHARS_H
#define HTTP_HTTP_CHARS_H

#include <stdbool.h>
#include <stdint.h>

#define HTTP_TCHAR 1u /* of a token: methods, header names */
#define HTTP_VALUE                                                                                 \
  2u                    /* of a header's value: visible characters, blank, tab, bytes from 0x80 on \
                         */
#define HTTP_TARGET  4u /* of a request target: visible ASCII, but no fragment */
#define HTTP_REGNAME 8u /* of a host's name: unreserved, sub-delims, escapes */
#define HTTP_DIGIT   16u
#define HTTP_HEX     32u

extern const uint8_t http_chars[256];

static inline bool http_is(char c, unsigned kind)
{
  return (http_chars[(unsigned char)c] & kind) != 0;
}

#endif
