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

/* "https://a.com/" is "https://a.com"; "file://" stays. */
static struct plug_str without_slash(struct plug_str s)
{
  bool only_scheme = s.len >= 3 && memcmp(s.ptr + s.len - 3, "://", 3) == 0;
  if (s.len && s.ptr[s.len - 1] == '/' && !only_scheme)
    s.len--;
  return s;
}

/* A page's origin has http or https; what programs send for a WebSocket has ws or wss at times. */
static struct plug_str page_scheme(struct plug_str scheme)
{
  if (str_eq_nocase(scheme, STR("ws")))
    return STR("http");
  return str_eq_nocase(scheme, STR("wss")) ? STR("https") : scheme;
}

/* 0 if it is no port. */
static unsigned port_number(struct plug_str s)
{
  uint64_t value;
  return s.len <= 5 && str_to_u64(s, &value) && value <= UINT16_MAX ? (unsigned)value : 0;
}

static unsigned default_port(struct plug_str scheme)
{
  scheme = page_scheme(scheme);
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

/* What '*' does not match: an origin has none of these, so what follows one is not a host. */
static bool is_border(char c)
{
  return c == '/' || c == '?' || c == '#' || c == '\\' || c == '@';
}

/* '*' is any run of other characters; on a mismatch only the last star needs to be tried again. */
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
    } else if (star != SIZE_MAX && !is_border(text.ptr[star_text])) {
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

/* Scheme and host apart: a star matches within one of them. A pattern without a scheme takes any.
 */
static bool parts_match(struct plug_str pattern, struct plug_str scheme, struct plug_str host)
{
  struct plug_str scheme_glob, host_glob;
  if (!split_origin(pattern, &scheme_glob, &host_glob))
    return glob_matches(pattern, host);
  return glob_matches(page_scheme(scheme_glob), page_scheme(scheme)) &&
         glob_matches(host_glob, host);
}

static bool pattern_matches(struct plug_str pattern, struct plug_str origin)
{
  struct plug_str ports, item, scheme, host;
  pattern = without_slash(pattern);
  if (str_eq(pattern, STR("*")))
    return true;
  if (!split_origin(origin, &scheme, &host)) /* "null" and what is no origin at all */
    return str_eq(pattern, origin);
  if (!take_ports(&pattern, &ports) && !take_port(&pattern, &ports))
    return parts_match(pattern, scheme, host);
  unsigned port = take_port_or_default(&host, scheme);
  if (!parts_match(pattern, scheme, host))
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
         str_eq_nocase(page_scheme(scheme), page_scheme(request->scheme)) &&
         str_eq_nocase(theirs, ours);
}

bool origin_allowed(const struct plug_str *patterns, size_t n, const struct origin_request *request)
{
  if (request->origin.len == 0)
    return true;
  struct plug_str origin = without_slash(request->origin);
  /* As nearly every page of the server's own has it: nothing to take apart. */
  size_t scheme = request->scheme.len;
  if (origin.len == scheme + 3 + request->host.len && request->host.len &&
      str_has_prefix(origin, request->scheme) && memcmp(origin.ptr + scheme, "://", 3) == 0 &&
      memcmp(origin.ptr + scheme + 3, request->host.ptr, request->host.len) == 0 &&
      take_port_or_default(&(struct plug_str){request->host.ptr, request->host.len},
                           request->scheme))
    return true;
  if (is_same_origin(request, origin))
    return true;
  for (size_t i = 0; i < n; i++)
    if (pattern_matches(patterns[i], origin))
      return true;
  return false;
}

/* --- hosts -------------------------------------------------------------------------------- */

static bool is_ipv4(struct plug_str host)
{
  size_t dots = 0;
  for (size_t i = 0; i < host.len; i++) {
    dots += host.ptr[i] == '.';
    if (!is_digit(host.ptr[i]) && host.ptr[i] != '.')
      return false;
  }
  return dots == 3;
}

bool origin_host_allowed(const struct plug_str *patterns, size_t n, struct plug_str host)
{
  struct plug_str port;
  bool bracket = host.len && host.ptr[0] == '[';
  (void)take_port(&host, &port);
  if (bracket || is_ipv4(host) || str_eq_nocase(host, STR("localhost")))
    return true;
  for (size_t i = 0; i < n; i++)
    if (glob_matches(patterns[i], host))
      return true;
  return false;
}
