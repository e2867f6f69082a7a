#include "redis_url.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_PORT = 6379 };

static bool starts_with(struct plug_str s, const char *prefix)
{
  size_t n = strlen(prefix);
  return s.len >= n && memcmp(s.ptr, prefix, n) == 0;
}

static struct plug_str skip(struct plug_str s, size_t n)
{
  return (struct plug_str){s.ptr + n, s.len - n};
}

/* The last c in s, or NULL. */
static const char *last_of(struct plug_str s, char c)
{
  return s.len == 0 ? NULL : memrchr(s.ptr, c, s.len);
}

static int hex_digit(char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  c = (char)(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static plug_status percent_decode(struct plug_str s, char **out, const char **why)
{
  char *text = calloc(1, s.len + 1); /* zeroed: redis_secret_free measures it */
  if (text == NULL) {
    *why = "out of memory";
    return PLUG_ENOMEM;
  }
  size_t n = 0;
  for (size_t i = 0; i < s.len; i++) {
    char c = s.ptr[i];
    if (c == '%') {
      int high = i + 2 < s.len ? hex_digit(s.ptr[i + 1]) : -1;
      int low = i + 2 < s.len ? hex_digit(s.ptr[i + 2]) : -1;
      if (high < 0 || low < 0) {
        *why = "the url has a % that is not followed by two hexadecimal digits (write % as %25)";
        goto bad;
      }
      c = (char)(high * 16 + low);
      i += 2;
    }
    if (c == '\0') {
      *why = "the url has a NUL byte in its user name or password";
      goto bad;
    }
    text[n++] = c;
  }
  text[n] = '\0';
  *out = text;
  return PLUG_OK;
bad:
  redis_secret_free(text);
  return PLUG_EINVAL;
}

static bool parse_number(struct plug_str s, unsigned long max, unsigned long *out)
{
  unsigned long value = 0;
  if (s.len == 0 || s.len > 9)
    return false;
  for (size_t i = 0; i < s.len; i++) {
    if (s.ptr[i] < '0' || s.ptr[i] > '9')
      return false;
    value = value * 10 + (unsigned long)(s.ptr[i] - '0');
  }
  *out = value;
  return value <= max;
}

static bool is_host(struct plug_str s)
{
  for (size_t i = 0; i < s.len; i++)
    if (!isalnum((unsigned char)s.ptr[i]) && (s.ptr[i] == '\0' || !strchr("-_.:%", s.ptr[i])))
      return false;
  return s.len > 0 && s.len <= REDIS_HOST_MAX;
}

plug_status redis_addr_parse(struct plug_str text, uint16_t default_port, struct redis_addr *addr,
                             const char **why)
{
  memset(addr, 0, sizeof *addr);
  struct plug_str host = text, port = {NULL, 0};
  bool has_port = false;
  if (text.len > 0 && text.ptr[0] == '[') {
    const char *close = memchr(text.ptr, ']', text.len);
    if (close == NULL) {
      *why = "an address starts with [ and has no ]";
      return PLUG_EINVAL;
    }
    host = (struct plug_str){text.ptr + 1, (size_t)(close - text.ptr) - 1};
    struct plug_str rest = skip(text, host.len + 2);
    has_port = rest.len > 0;
    if (has_port && rest.ptr[0] != ':') {
      *why = "after an address in [brackets] only :port may follow";
      return PLUG_EINVAL;
    }
    port = has_port ? skip(rest, 1) : port;
  } else {
    const char *colon = text.len == 0 ? NULL : memchr(text.ptr, ':', text.len);
    if (colon != NULL) {
      host.len = (size_t)(colon - text.ptr);
      port = skip(text, host.len + 1);
      has_port = true;
    }
  }
  if (!is_host(host)) {
    *why = "an address names no host, or something that is none";
    return PLUG_EINVAL;
  }
  unsigned long number = default_port;
  if (has_port && (!parse_number(port, 65535, &number) || number == 0)) {
    *why = "an address has a port that is not a number from 1 to 65535";
    return PLUG_EINVAL;
  }
  memcpy(addr->host, host.ptr, host.len);
  addr->port = (uint16_t)number;
  return PLUG_OK;
}

static plug_status parse_unix(struct plug_str path, struct redis_url *url, const char **why)
{
  while (path.len > 1 && path.ptr[0] == '/' && path.ptr[1] == '/')
    path = skip(path, 1);
  if (path.len == 0 || path.ptr[0] != '/') {
    *why = "unix: must be followed by the absolute path of a socket";
    return PLUG_EINVAL;
  }
  if (path.len > REDIS_PATH_MAX || memchr(path.ptr, '\0', path.len) != NULL) {
    *why = "the path of the UNIX socket is longer than 107 bytes";
    return PLUG_EINVAL;
  }
  memcpy(url->addr.path, path.ptr, path.len);
  return PLUG_OK;
}

static plug_status parse_login(struct plug_str login, struct redis_url *url, const char **why)
{
  const char *colon = login.len == 0 ? NULL : memchr(login.ptr, ':', login.len);
  if (colon == NULL) {
    *why = "the url has a user name without a password: write user:password@ or :password@";
    return PLUG_EINVAL;
  }
  struct plug_str user = {login.ptr, (size_t)(colon - login.ptr)};
  struct plug_str password = skip(login, user.len + 1);
  plug_status status = PLUG_OK;
  if (user.len > 0)
    status = percent_decode(user, &url->user, why);
  if (status == PLUG_OK && password.len > 0)
    status = percent_decode(password, &url->password, why);
  if (status == PLUG_OK && user.len > 0 && password.len == 0) {
    *why = "the url has a user name without a password: write user:password@ or :password@";
    status = PLUG_EINVAL;
  }
  return status;
}

plug_status redis_url_parse(struct plug_str text, struct redis_url *url, const char **why)
{
  memset(url, 0, sizeof *url);
  if (starts_with(text, "unix:"))
    return parse_unix(skip(text, 5), url, why);
  url->tls = starts_with(text, "rediss://");
  if (!url->tls && !starts_with(text, "redis://")) {
    *why = "the url must start with redis://, rediss:// or unix:/";
    return PLUG_EINVAL;
  }
  struct plug_str rest = skip(text, url->tls ? 9 : 8);
  plug_status status = PLUG_OK;
  /* The last @ ends the login, so that a password with a bare @ or / works too. */
  const char *at = last_of(rest, '@');
  if (at != NULL) {
    size_t n = (size_t)(at - rest.ptr);
    status = parse_login((struct plug_str){rest.ptr, n}, url, why);
    rest = skip(rest, n + 1);
  }
  if (status != PLUG_OK)
    goto bad;
  const char *slash = rest.len == 0 ? NULL : memchr(rest.ptr, '/', rest.len);
  if (slash != NULL) {
    struct plug_str db = skip(rest, (size_t)(slash - rest.ptr) + 1);
    unsigned long number;
    rest.len = (size_t)(slash - rest.ptr);
    url->has_db = db.len > 0;
    if (url->has_db && !parse_number(db, 999999999, &number)) {
      *why = "after the slash of the url only a database number may follow";
      status = PLUG_EINVAL;
      goto bad;
    }
  }
  status = redis_addr_parse(rest, DEFAULT_PORT, &url->addr, why);
  if (status == PLUG_OK)
    return PLUG_OK;
bad:
  redis_url_fini(url);
  return status;
}

void redis_url_fini(struct redis_url *url)
{
  redis_secret_free(url->user);
  redis_secret_free(url->password);
  memset(url, 0, sizeof *url);
}

const char *redis_addr_text(const struct redis_addr *addr, char out[REDIS_ADDR_TEXT])
{
  if (addr->path[0] != '\0')
    snprintf(out, REDIS_ADDR_TEXT, "unix:%s", addr->path);
  else if (strchr(addr->host, ':') != NULL)
    snprintf(out, REDIS_ADDR_TEXT, "[%s]:%u", addr->host, addr->port);
  else
    snprintf(out, REDIS_ADDR_TEXT, "%s:%u", addr->host, addr->port);
  return out;
}

bool redis_addr_eq(const struct redis_addr *a, const struct redis_addr *b)
{
  return strcmp(a->host, b->host) == 0 && strcmp(a->path, b->path) == 0 && a->port == b->port;
}

void redis_secret_free(char *secret)
{
  if (secret == NULL)
    return;
  explicit_bzero(secret, strlen(secret));
  free(secret);
}
