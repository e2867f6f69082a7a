#include "config/origin_match.h"

#include "base/str.h"

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

static char lower(char c)
{
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static struct plug_str without_slash(struct plug_str s)
{
  if (s.len && s.ptr[s.len - 1] == '/')
    s.len--;
  return s;
}

/* 0 if it is no port. */
static unsigned port_number(struct plug_str s)
{
  uint64_t value;
  return s.len <= 5 && str_to_u64(s, &value) && value <= UINT16_MAX ? (unsigned)value : 0;
}

static unsigned default_port(struct plug_str scheme)
{
  if (str_eq_nocase(scheme, STR("http")))
    return 80;
  return str_eq_nocase(scheme, STR("https")) ? 443 : 0;
}

/* Takes ":digits" off the end; false if there is none. */
static bool take_port(struct plug_str *s, struct plug_str *port)
{
  size_t i = s->len;
  while (i > 0 && is_digit(s->ptr[i - 1]))
    i--;
  if (i == s->len || i == 0 || s->ptr[i - 1] != ':')
    return false;
  *port = str_from(s->ptr + i, s->len - i);
  s->len = i - 1;
  return true;
}

/* Takes ":[...]" off the end; *ports is what is between the brackets. */
static bool take_ports(struct plug_str *pattern, struct plug_str *ports)
{
  if (pattern->len < 3 || pattern->ptr[pattern->len - 1] != ']')
    return false;
  for (size_t i = pattern->len - 2; i > 0; i--)
    if (pattern->ptr[i] == '[' && pattern->ptr[i - 1] == ':') {
      *ports = str_from(pattern->ptr + i + 1, pattern->len - i - 2);
      pattern->len = i - 1;
      return true;
    }
  return false;
}

/* Splits "scheme://authority"; false if it is not of that form. */
static bool split_origin(struct plug_str origin, struct plug_str *scheme,
                         struct plug_str *authority)
{
  const char *at = origin.len ? memmem(origin.ptr, origin.len, "://", 3) : NULL;
  if (!at)
    return false;
  *scheme = str_from(origin.ptr, (size_t)(at - origin.ptr));
  *authority = str_from(at + 3, origin.len - scheme->len - 3);
  return true;
}

/* Takes the port off host[:port], or says the scheme's default; 0 if there is neither. */
static unsigned take_port_or_default(struct plug_str *host, struct plug_str scheme)
{
  struct plug_str port;
  return take_port(host, &port) ? port_number(port) : default_port(scheme);
}

/* '*' is any run of characters; on a mismatch only the last star needs to be tried again. */
static bool glob_matches(struct plug_str glob, struct plug_str text)
{
  size_t g = 0, t = 0, star = SIZE_MAX, star_text = 0;
  while (t < text.len) {
    if (g < glob.len && glob.ptr[g] == '*') {
      star = g++;
      star_text = t;
    } else if (g < glob.len && lower(glob.ptr[g]) == lower(text.ptr[t])) {
      g++;
      t++;
    } else if (star != SIZE_MAX) {
      g = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (g < glob.len && glob.ptr[g] == '*')
    g++;
  return g == glob.len;
}

static bool pattern_matches(struct plug_str pattern, struct plug_str origin)
{
  struct plug_str ports, item, scheme, host;
  pattern = without_slash(pattern);
  if (!take_ports(&pattern, &ports) && !take_port(&pattern, &ports))
    return glob_matches(pattern, origin);
  if (!split_origin(origin, &scheme, &host))
    return false;
  unsigned port = take_port_or_default(&host, scheme);
  struct plug_str portless = str_from(origin.ptr, (size_t)(host.ptr - origin.ptr) + host.len);
  if (!glob_matches(pattern, portless))
    return false;
  if (str_eq(ports, STR("*")))
    return true;
  while (port && str_split(&ports, ',', &item))
    if (port_number(item) == port)
      return true;
  return false;
}

static bool is_same_origin(const struct origin_request *request, struct plug_str origin)
{
  struct plug_str scheme, theirs, ours = request->host;
  if (!split_origin(origin, &scheme, &theirs))
    return false;
  unsigned their_port = take_port_or_default(&theirs, scheme);
  unsigned our_port = take_port_or_default(&ours, request->scheme);
  return their_port != 0 && their_port == our_port && ours.len > 0 &&
         str_eq_nocase(scheme, request->scheme) && str_eq_nocase(theirs, ours);
}

bool origin_allowed(const struct plug_str *patterns, size_t n, const struct origin_request *request)
{
  if (request->origin.len == 0)
    return true;
  struct plug_str origin = without_slash(request->origin);
  if (is_same_origin(request, origin))
    return true;
  for (size_t i = 0; i < n; i++)
    if (pattern_matches(patterns[i], origin))
      return true;
  return false;
}
