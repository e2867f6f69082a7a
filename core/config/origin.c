#include "config/origin.h"

#include "base/str.h"

bool origin_split(struct plug_str *rest, struct plug_str *item)
{
  if (!rest->ptr)
    return false;
  bool bracket = false;
  for (size_t i = 0; i < rest->len; i++) {
    char c = rest->ptr[i];
    if (c == '[')
      bracket = true;
    else if (c == ']')
      bracket = false;
    else if (c == ',' && !bracket) {
      *item = str_trim(str_from(rest->ptr, i));
      *rest = str_from(rest->ptr + i + 1, rest->len - i - 1);
      return true;
    }
  }
  *item = str_trim(*rest);
  *rest = str_from(NULL, 0);
  return true;
}

static size_t find(struct plug_str text, struct plug_str what)
{
  const char *at = text.len ? memmem(text.ptr, text.len, what.ptr, what.len) : NULL;
  return at ? (size_t)(at - text.ptr) : text.len;
}

static bool is_port_list(struct plug_str list)
{
  if (str_eq(list, STR("*")))
    return true;
  struct plug_str port;
  while (str_split(&list, ',', &port)) {
    uint64_t number;
    if (!str_to_u64(port, &number) || number == 0 || number > UINT16_MAX)
      return false;
  }
  return true;
}

/* What follows "://", without a port list: a name with wildcards, or an IPv6 address in brackets.
 */
static const char *check_host(struct plug_str host)
{
  if (host.len == 0 || host.ptr[0] == ':')
    return "a host is missing after '://'";
  if (memchr(host.ptr, '/', host.len))
    return "an origin has no path";
  if (host.ptr[0] == '[') {
    size_t close = find(host, STR("]"));
    if (close == host.len)
      return "'[' without a closing ']'";
    if (close + 1 < host.len && host.ptr[close + 1] != ':')
      return "only a port may follow ']'";
    host = str_from(host.ptr + close + 1, host.len - close - 1);
  }
  if (host.len && memchr(host.ptr, '[', host.len))
    return "'[' may only start a port list, as in ':[8080,8081]'";
  if (host.len && memchr(host.ptr, ']', host.len))
    return "']' without a '['";
  return NULL;
}

const char *origin_check(struct plug_str pattern)
{
  size_t after_scheme = find(pattern, STR("://")) + 3;
  if (pattern.len > after_scheme &&
      pattern.ptr[pattern.len - 1] == '/') /* matching ignores it, too */
    pattern.len--;
  for (size_t i = 0; i < pattern.len; i++)
    if ((unsigned char)pattern.ptr[i] <= ' ' || (unsigned char)pattern.ptr[i] >= 0x7F)
      return "an origin is plain ASCII without blanks";

  size_t scheme_end = find(pattern, STR("://"));
  bool has_scheme = scheme_end < pattern.len;
  if (!has_scheme && !str_eq(pattern, STR("null")) && !str_has_prefix(pattern, STR("*")))
    return "it can never match: an origin starts with a scheme, as in 'https://'";

  size_t ports = find(pattern, STR(":["));
  if (ports < pattern.len) {
    if (pattern.ptr[pattern.len - 1] != ']')
      return "a port list ':[' must end the pattern with ']'";
    if (!is_port_list(str_from(pattern.ptr + ports + 2, pattern.len - ports - 3)))
      return "a port list is ':[*]' or ports between commas, as in ':[8080,8081]'";
    pattern.len = ports;
  }
  if (scheme_end == 0)
    return "a scheme is missing before '://'";
  /* Pages of files have no host; those of http always have one. */
  bool web = str_has_prefix(pattern, STR("http")) || str_has_prefix(pattern, STR("ws"));
  if (has_scheme && !web && pattern.len == scheme_end + 3)
    return NULL;
  if (has_scheme)
    return check_host(str_from(pattern.ptr + scheme_end + 3, pattern.len - scheme_end - 3));
  return find(pattern, STR("[")) < pattern.len || find(pattern, STR("]")) < pattern.len
             ? "'[' may only start a port list, as in ':[8080,8081]'"
             : NULL;
}
