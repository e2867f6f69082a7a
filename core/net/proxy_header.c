#include "net/proxy_header.h"

#include <string.h>

#include "base/ip.h"
#include "base/str.h"

static const char v2_signature[12] = "\r\n\r\n\0\r\nQUIT\n";

enum { V1_MAX = 107, V2_HEAD = 16 };

/* --- version 1: one line of text ------------------------------------------------------------ */

static bool read_port(struct plug_str text, uint16_t *port)
{
  uint64_t number;
  if (text.len > 5 || !str_to_u64(text, &number) || number > UINT16_MAX ||
      (text.len > 1 && text.ptr[0] == '0'))
    return false;
  *port = (uint16_t)number;
  return true;
}

static bool read_address(struct plug_str text, bool v6, uint8_t address[16])
{
  return text.len && (memchr(text.ptr, ':', text.len) != NULL) == v6 && ip_parse(text, address);
}

/* "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443", "PROXY UNKNOWN ..." */
static bool read_line(struct plug_str line, struct proxy_header *header)
{
  struct plug_str word[6];
  size_t n = 0;
  while (n < 6 && str_split(&line, ' ', &word[n]))
    n++;
  if (n >= 2 && str_eq(word[1], STR("UNKNOWN")))
    return true;
  if (n != 6 || line.ptr)
    return false;
  bool v6 = str_eq(word[1], STR("TCP6"));
  uint8_t target[16];
  uint16_t target_port;
  header->has_peer = true;
  if ((!v6 && !str_eq(word[1], STR("TCP4"))) || !read_address(word[2], v6, header->peer.address) ||
      !read_address(word[3], v6, target) || !read_port(word[5], &target_port))
    return false;
  return read_port(word[4], &header->peer.port);
}

static enum proxy_result read_v1(const char *bytes, size_t len, struct proxy_header *header)
{
  const char *lf = memchr(bytes, '\n', len < V1_MAX ? len : V1_MAX);
  if (!lf)
    return len < V1_MAX ? PROXY_MORE : PROXY_BAD;
  size_t line = (size_t)(lf - bytes);
  if (bytes[line - 1] != '\r' || !read_line(str_from(bytes, line - 1), header))
    return PROXY_BAD;
  header->len = line + 1;
  return PROXY_DONE;
}

/* --- version 2: binary ---------------------------------------------------------------------- */

static enum proxy_result read_v2(const unsigned char *bytes, size_t len,
                                 struct proxy_header *header)
{
  if (len < V2_HEAD)
    return PROXY_MORE;
  unsigned command = bytes[12] & 0x0f, family = bytes[13];
  size_t rest = (size_t)bytes[14] << 8 | bytes[15];
  if (bytes[12] >> 4 != 2 || command > 1 || V2_HEAD + rest > PROXY_HEADER_MAX)
    return PROXY_BAD;
  if (len < V2_HEAD + rest)
    return PROXY_MORE;
  header->len = V2_HEAD + rest;
  const unsigned char *at = bytes + V2_HEAD;
  if (command == 0)
    return PROXY_DONE; /* LOCAL */
  if (family == 0x11 && rest >= 12) {
    ip_set_v4(header->peer.address, at);
    header->peer.port = (uint16_t)(at[8] << 8 | at[9]);
  } else if (family == 0x21 && rest >= 36) {
    memcpy(header->peer.address, at, 16);
    header->peer.port = (uint16_t)(at[32] << 8 | at[33]);
  } else {
    /* UNSPEC and UNIX have no address that counts here; an address that is cut off is none. */
    return family == 0x11 || family == 0x21 ? PROXY_BAD : PROXY_DONE;
  }
  header->has_peer = true;
  return PROXY_DONE;
}

enum proxy_result proxy_header_read(const char *bytes, size_t len, struct proxy_header *header)
{
  static const char v1[] = "PROXY ";
  size_t n = len < sizeof v1 - 1 ? len : sizeof v1 - 1;
  *header = (struct proxy_header){0};
  if (len == 0)
    return PROXY_MORE;
  if (memcmp(bytes, v1, n) == 0)
    return n == sizeof v1 - 1 ? read_v1(bytes, len, header) : PROXY_MORE;
  n = len < sizeof v2_signature ? len : sizeof v2_signature;
  if (memcmp(bytes, v2_signature, n) != 0)
    return PROXY_BAD;
  return n == sizeof v2_signature ? read_v2((const unsigned char *)bytes, len, header) : PROXY_MORE;
}
