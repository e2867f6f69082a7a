#include "config/address.h"

#include "base/str.h"

#include <arpa/inet.h>

/* A scope ("fe80::1%eth0") is kept for the resolver to judge. */
static bool is_v6(struct plug_str host)
{
  char text[INET6_ADDRSTRLEN];
  struct in6_addr address;
  const char *scope = host.len ? memchr(host.ptr, '%', host.len) : NULL;
  size_t len = scope ? (size_t)(scope - host.ptr) : host.len;
  if (len == 0 || len >= sizeof(text) || (scope && len + 1 == host.len))
    return false;
  memcpy(text, host.ptr, len);
  text[len] = '\0';
  return inet_pton(AF_INET6, text, &address) == 1;
}

static bool is_name_or_v4(struct plug_str host)
{
  if (host.len == 0 || host.len > 253) /* the longest name that DNS can carry */
    return false;
  for (size_t i = 0; i < host.len; i++) {
    char c = host.ptr[i];
    bool known = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '.' || c == '-' || c == '_';
    if (!known)
      return false;
  }
  return true;
}

bool address_parse(struct plug_str text, struct plug_str *host, uint16_t *port)
{
  const char *colon = text.len ? memrchr(text.ptr, ':', text.len) : NULL;
  if (!colon)
    return false;
  struct plug_str before = str_from(text.ptr, (size_t)(colon - text.ptr));
  struct plug_str digits = str_from(colon + 1, text.len - before.len - 1);
  uint64_t number;
  if (digits.len > 5 || !str_to_u64(digits, &number) || number > UINT16_MAX)
    return false;

  bool bracketed = before.len >= 2 && before.ptr[0] == '[' && before.ptr[before.len - 1] == ']';
  if (bracketed)
    before = str_from(before.ptr + 1, before.len - 2);
  if (bracketed ? !is_v6(before) : !is_name_or_v4(before))
    return false;
  *host = before;
  *port = (uint16_t)number;
  return true;
}
