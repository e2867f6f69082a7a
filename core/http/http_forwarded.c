#include "http/http_forwarded.h"

#include <string.h>

#include "base/ip.h"
#include "base/str.h"

static struct plug_str scheme_of(struct plug_str text)
{
  if (str_eq_nocase(text, STR("https")) || str_eq_nocase(text, STR("wss")))
    return STR("https");
  if (str_eq_nocase(text, STR("http")) || str_eq_nocase(text, STR("ws")))
    return STR("http");
  return STR("");
}

/* What a quoted value is; nothing that is asked for here has escapes in it, or half its quotes. */
static struct plug_str unquoted(struct plug_str value)
{
  if (!value.len || value.ptr[0] != '"')
    return value;
  bool whole = value.len >= 2 && value.ptr[value.len - 1] == '"';
  struct plug_str inner = whole ? str_from(value.ptr + 1, value.len - 2) : STR("");
  bool plain =
      !inner.len || (!memchr(inner.ptr, '"', inner.len) && !memchr(inner.ptr, '\\', inner.len));
  return plain ? inner : STR("");
}

/* Takes the text up to sep, as far as it is not within quotes, off *rest. */
static bool split(struct plug_str *rest, char sep, struct plug_str *item)
{
  if (!rest->ptr)
    return false;
  bool quoted = false;
  size_t i = 0;
  for (; i < rest->len && (quoted || rest->ptr[i] != sep); i++) {
    if (rest->ptr[i] == '"')
      quoted = !quoted;
    else if (quoted && rest->ptr[i] == '\\' && i + 1 < rest->len)
      i++; /* RFC 9110 5.6.4: the next one is itself */
  }
  *item = str_trim(str_from(rest->ptr, i));
  *rest = i < rest->len ? str_from(rest->ptr + i + 1, rest->len - i - 1) : str_from(NULL, 0);
  return true;
}

/* The first member of the list that all fields of this name make together. */
static struct plug_str first_of(const struct http_head *head, enum http_name name)
{
  for (size_t i = head->firsts[name]; head->counts[name] && i < head->n_fields; i++) {
    if (head->fields[i].id != name)
      continue;
    struct plug_str rest = head->fields[i].value, member;
    while (split(&rest, ',', &member))
      if (member.len)
        return member;
  }
  return STR("");
}

/* for=192.0.2.60;proto=https;host=example.org */
static void read_element(struct plug_str element, struct http_forwarded *forwarded)
{
  struct plug_str pair;
  while (split(&element, ';', &pair)) {
    const char *equals = pair.len ? memchr(pair.ptr, '=', pair.len) : NULL;
    if (!equals)
      continue;
    struct plug_str name = str_trim(str_from(pair.ptr, (size_t)(equals - pair.ptr)));
    struct plug_str text =
        unquoted(str_trim(str_from(equals + 1, pair.len - (size_t)(equals - pair.ptr) - 1)));
    if (str_eq_nocase(name, STR("proto")))
      forwarded->scheme = scheme_of(text);
    else if (str_eq_nocase(name, STR("host")))
      forwarded->host = text;
  }
}

void http_forwarded_read(const struct http_head *head, struct http_forwarded *forwarded)
{
  *forwarded = (struct http_forwarded){0};
  read_element(first_of(head, HTTP_FORWARDED), forwarded);
  if (!forwarded->scheme.len)
    forwarded->scheme = scheme_of(first_of(head, HTTP_X_FORWARDED_PROTO));
  if (!forwarded->host.len)
    forwarded->host = first_of(head, HTTP_X_FORWARDED_HOST);
}

bool http_forwarded_address(struct plug_str text, uint8_t address[16])
{
  bool bracket = text.len && text.ptr[0] == '[';
  const char *end = !text.len ? NULL : memchr(text.ptr, bracket ? ']' : ':', text.len);
  if (bracket) {
    if (!end || !memchr(text.ptr, ':', (size_t)(end - text.ptr)))
      return false;
    text = str_from(text.ptr + 1, (size_t)(end - text.ptr) - 1);
  } else if (end && memrchr(text.ptr, ':', text.len) == end) {
    text.len = (size_t)(end - text.ptr); /* one colon: a port */
  }
  return ip_parse(text, address);
}

/* Goes through a list from its end: false when *rest is used up. */
static bool take_last(struct plug_str *rest, struct plug_str *member)
{
  if (!rest->ptr)
    return false;
  const char *comma = rest->len ? memrchr(rest->ptr, ',', rest->len) : NULL;
  size_t at = comma ? (size_t)(comma - rest->ptr) + 1 : 0;
  *member = str_trim(str_from(rest->ptr + at, rest->len - at));
  *rest = comma ? str_from(rest->ptr, at - 1) : str_from(NULL, 0);
  return true;
}

bool http_forwarded_client(const struct http_head *head,
                           bool (*is_known)(const void *ctx, const uint8_t address[16]),
                           const void *ctx, uint8_t address[16])
{
  bool found = false;
  for (size_t i = head->n_fields; i-- > 0;) {
    if (head->fields[i].id != HTTP_X_FORWARDED_FOR)
      continue;
    struct plug_str rest = head->fields[i].value, member;
    while (take_last(&rest, &member)) {
      uint8_t said[16];
      if (!http_forwarded_address(member, said))
        return found; /* what stands before it cannot be trusted either */
      memcpy(address, said, sizeof said);
      found = true;
      if (!is_known(ctx, address))
        return true;
    }
  }
  return found;
}
