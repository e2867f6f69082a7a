#include "jwt_source.h"

#include "jwt_text.h"
#include "jwt_token.h"

static const struct plug_str none = {NULL, 0};

bool jwt_sources_have(const struct jwt_sources *sources, enum jwt_source source)
{
  for (size_t i = 0; i < sources->n; i++)
    if (sources->v[i] == source)
      return true;
  return false;
}

bool jwt_sources_parse(struct jwt_sources *sources, struct plug_str list, struct plug_str *bad)
{
  static const char *const names[JWT_N_SOURCES] = {"header", "passcode", "handshake", "cookie",
                                                   "query"};
  sources->n = 0;
  while (jwt_list_next(&list, bad)) {
    int i = 0;
    while (i < JWT_N_SOURCES && !jwt_str_is(*bad, names[i]))
      i++;
    if (i == JWT_N_SOURCES || jwt_sources_have(sources, (enum jwt_source)i))
      return false;
    sources->v[sources->n++] = (enum jwt_source)i;
  }
  *bad = none;
  return sources->n > 0;
}

/* What follows "Bearer"; the value as it is when it is one word; nothing when it is of another
 * scheme. */
static struct plug_str strip_scheme(struct plug_str value)
{
  value = jwt_str_trim(value);
  const char *blank = value.len > 0 ? memchr(value.ptr, ' ', value.len) : NULL;
  if (blank == NULL)
    return value.len > 0 ? value : none;
  struct plug_str scheme = {value.ptr, (size_t)(blank - value.ptr)};
  if (!jwt_str_eq_nocase(scheme, jwt_str("bearer")))
    return none;
  return jwt_str_trim((struct plug_str){blank, value.len - scheme.len});
}

static struct plug_str find_header(const struct plug_kv *v, size_t n, const char *name)
{
  for (size_t i = 0; i < n; i++)
    if (jwt_str_eq_nocase(v[i].key, jwt_str(name)))
      return v[i].value;
  return none;
}

/* The value of name in "a=b<separator>name=value". */
static struct plug_str find_pair(struct plug_str text, char separator, const char *name)
{
  while (text.len > 0) {
    const char *end = memchr(text.ptr, separator, text.len);
    struct plug_str pair = {text.ptr, end != NULL ? (size_t)(end - text.ptr) : text.len};
    size_t used = end != NULL ? pair.len + 1 : pair.len;
    pair = jwt_str_trim(pair);
    const char *equals = pair.len > 0 ? memchr(pair.ptr, '=', pair.len) : NULL;
    if (equals != NULL &&
        jwt_str_is((struct plug_str){pair.ptr, (size_t)(equals - pair.ptr)}, name)) {
      struct plug_str value = {equals + 1, (size_t)(pair.ptr + pair.len - equals - 1)};
      if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
        value = (struct plug_str){value.ptr + 1, value.len - 2};
      return value.len > 0 ? value : none;
    }
    text.ptr += used;
    text.len -= used;
  }
  return none;
}

/* All cookies of one name; a client may split them over several headers. */
static struct plug_str find_cookie(const struct plug_auth_request *r, const char *name)
{
  for (size_t i = 0; i < r->n_http_headers; i++) {
    if (!jwt_str_eq_nocase(r->http_headers[i].key, jwt_str("cookie")))
      continue;
    struct plug_str value = find_pair(r->http_headers[i].value, ';', name);
    if (value.ptr != NULL)
      return value;
  }
  return none;
}

/* A passcode may as well be a password that is another plugin's to judge: only what cannot be
 * anything but a token is taken for one. */
static struct plug_str token_in_passcode(struct plug_str passcode)
{
  struct plug_str token = strip_scheme(passcode);
  if (token.ptr == NULL || (token.len == passcode.len && !jwt_token_looks_like(token)))
    return none;
  return token;
}

static struct plug_str find(const struct jwt_sources *s, enum jwt_source source,
                            const struct plug_auth_request *r)
{
  switch (source) {
  case JWT_SOURCE_HEADER:
    return strip_scheme(find_header(r->headers, r->n_headers, s->header));
  case JWT_SOURCE_PASSCODE:
    return token_in_passcode(r->passcode);
  case JWT_SOURCE_HANDSHAKE:
    return strip_scheme(find_header(r->http_headers, r->n_http_headers, s->handshake_header));
  case JWT_SOURCE_COOKIE:
    return find_cookie(r, s->cookie);
  case JWT_SOURCE_QUERY:
    return find_pair(r->query, '&', s->query);
  default:
    return none;
  }
}

/* The body of a renewal without line ends around it. */
static struct plug_str body_of(const struct plug_auth_request *r)
{
  struct plug_str body = r->body;
  while (body.len > 0 && (unsigned char)body.ptr[body.len - 1] <= ' ')
    body.len--;
  while (body.len > 0 && (unsigned char)body.ptr[0] <= ' ') {
    body.ptr++;
    body.len--;
  }
  return strip_scheme(body);
}

struct plug_str jwt_sources_find(const struct jwt_sources *sources,
                                 const struct plug_auth_request *request)
{
  struct plug_str token = none;
  for (size_t i = 0; i < sources->n && token.ptr == NULL; i++)
    token = find(sources, sources->v[i], request);
  if (token.ptr == NULL && request->stage == PLUG_STAGE_REFRESH)
    token = body_of(request);
  return token;
}
