#include "http/http_head.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/str.h"
#include "http/http_chars.h"

static enum http_result refuse(struct http_fault *fault, uint16_t status, const char *text)
{
  *fault = (struct http_fault){.status = status, .text = text};
  return HTTP_REFUSED;
}

#define BAD(text) refuse(fault, 400, text)

bool http_is_token(struct plug_str text)
{
  for (size_t i = 0; i < text.len; i++)
    if (!http_is(text.ptr[i], HTTP_TCHAR))
      return false;
  return text.len != 0;
}

/* --- lists -------------------------------------------------------------------------------- */

bool http_list_next(struct plug_str *rest, struct plug_str *member)
{
  while (str_split(rest, ',', member))
    if (member->len)
      return true;
  return false;
}

/* Of equal length and in any case, eight bytes at a time, the last eight perhaps for the second
 * time. known is of letters and '-', to which no other characters of a token become equal by the
 * bit that makes letters small. */
static bool is_name(const char *known, const char *name, size_t len)
{
  const uint64_t small = 0x2020202020202020u;
  uint64_t a, b, differ = 0;
  if (len >= 8) {
    for (size_t i = 0; i + 8 <= len; i += 8) {
      memcpy(&a, known + i, 8);
      memcpy(&b, name + i, 8);
      differ |= a ^ b;
    }
    memcpy(&a, known + len - 8, 8);
    memcpy(&b, name + len - 8, 8);
    return ((differ | (a ^ b)) & ~small) == 0;
  }
  for (size_t i = 0; i < len; i++)
    differ |= (uint64_t)(uint8_t)(known[i] ^ name[i]);
  return (differ & ~small) == 0;
}

static enum http_name name_of(struct plug_str name)
{
  static const struct plug_str names[HTTP_NAMES] = {
      [HTTP_ACCESS_CONTROL_REQUEST_HEADERS] = {"access-control-request-headers", 30},
      [HTTP_CONNECTION] = {"connection", 10},
      [HTTP_CONTENT_LENGTH] = {"content-length", 14},
      [HTTP_CONTENT_TYPE] = {"content-type", 12},
      [HTTP_COOKIE] = {"cookie", 6},
      [HTTP_EXPECT] = {"expect", 6},
      [HTTP_FORWARDED] = {"forwarded", 9},
      [HTTP_HOST] = {"host", 4},
      [HTTP_IF_NONE_MATCH] = {"if-none-match", 13},
      [HTTP_ORIGIN] = {"origin", 6},
      [HTTP_SEC_FETCH_SITE] = {"sec-fetch-site", 14},
      [HTTP_SEC_WEBSOCKET_EXTENSIONS] = {"sec-websocket-extensions", 24},
      [HTTP_SEC_WEBSOCKET_KEY] = {"sec-websocket-key", 17},
      [HTTP_SEC_WEBSOCKET_PROTOCOL] = {"sec-websocket-protocol", 22},
      [HTTP_SEC_WEBSOCKET_VERSION] = {"sec-websocket-version", 21},
      [HTTP_TRANSFER_ENCODING] = {"transfer-encoding", 17},
      [HTTP_UPGRADE] = {"upgrade", 7},
      [HTTP_X_FORWARDED_FOR] = {"x-forwarded-for", 15},
      [HTTP_X_FORWARDED_HOST] = {"x-forwarded-host", 16},
      [HTTP_X_FORWARDED_PROTO] = {"x-forwarded-proto", 17},
  };
  /* Those of a length, so that few are looked at. */
  static const uint8_t by_len[][3] = {
      [4] = {HTTP_HOST},
      [6] = {HTTP_ORIGIN, HTTP_COOKIE, HTTP_EXPECT},
      [7] = {HTTP_UPGRADE},
      [9] = {HTTP_FORWARDED},
      [10] = {HTTP_CONNECTION},
      [12] = {HTTP_CONTENT_TYPE},
      [13] = {HTTP_IF_NONE_MATCH},
      [14] = {HTTP_CONTENT_LENGTH, HTTP_SEC_FETCH_SITE},
      [15] = {HTTP_X_FORWARDED_FOR},
      [16] = {HTTP_X_FORWARDED_HOST},
      [17] = {HTTP_SEC_WEBSOCKET_KEY, HTTP_X_FORWARDED_PROTO, HTTP_TRANSFER_ENCODING},
      [21] = {HTTP_SEC_WEBSOCKET_VERSION},
      [22] = {HTTP_SEC_WEBSOCKET_PROTOCOL},
      [24] = {HTTP_SEC_WEBSOCKET_EXTENSIONS},
      [30] = {HTTP_ACCESS_CONTROL_REQUEST_HEADERS},
  };
  if (name.len >= sizeof by_len / sizeof *by_len)
    return HTTP_OTHER;
  const uint8_t *ids = by_len[name.len];
  for (size_t i = 0; i < sizeof by_len[0] && ids[i]; i++)
    if (is_name(names[ids[i]].ptr, name.ptr, name.len))
      return (enum http_name)ids[i];
  return HTTP_OTHER;
}

bool http_head_lists(const struct http_head *head, enum http_name name, struct plug_str wanted)
{
  for (size_t i = head->firsts[name]; head->counts[name] && i < head->n_fields; i++) {
    if (head->fields[i].id != name)
      continue;
    struct plug_str rest = head->fields[i].value, member;
    while (http_list_next(&rest, &member))
      if (str_eq_nocase(member, wanted))
        return true;
  }
  return false;
}

/* --- the request line (RFC 9112 3) --------------------------------------------------------- */

static const struct plug_str methods[HTTP_METHODS] = {
    [HTTP_GET] = {"GET", 3},         [HTTP_HEAD] = {"HEAD", 4},     [HTTP_POST] = {"POST", 4},
    [HTTP_PUT] = {"PUT", 3},         [HTTP_DELETE] = {"DELETE", 6}, [HTTP_CONNECT] = {"CONNECT", 7},
    [HTTP_OPTIONS] = {"OPTIONS", 7}, [HTTP_TRACE] = {"TRACE", 5},   [HTTP_PATCH] = {"PATCH", 5},
};

/* Methods are case-sensitive (RFC 9110 9.1). */
static enum http_result read_method(struct http_head *head, struct plug_str text,
                                    struct http_fault *fault)
{
  if (!http_is_token(text))
    return BAD("The request line does not begin with a method.");
  for (uint8_t i = 0; i < HTTP_METHODS; i++)
    if (str_eq(text, methods[i])) {
      head->method = i;
      return HTTP_DONE;
    }
  return refuse(fault, 501, "This method is not known.");
}

/* RFC 9112 2.3. A higher minor version is read as the highest that is known (RFC 9110 2.5). */
static enum http_result read_version(struct http_head *head, struct plug_str text,
                                     struct http_fault *fault)
{
  if (text.len != 8 || memcmp(text.ptr, "HTTP/", 5) != 0 || !http_is(text.ptr[5], HTTP_DIGIT) ||
      text.ptr[6] != '.' || !http_is(text.ptr[7], HTTP_DIGIT))
    return BAD("The request line does not end with a version, as in HTTP/1.1.");
  if (text.ptr[5] != '1')
    return refuse(fault, 505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
  head->minor = text.ptr[7] == '0' ? 0 : 1;
  return HTTP_DONE;
}

/* Is every '%' followed by two hexadecimal digits (RFC 3986 2.1)? */
static bool escapes_are_whole(struct plug_str text)
{
  for (size_t i = 0; i < text.len; i++)
    if (text.ptr[i] == '%' && (text.len - i < 3 || !http_is(text.ptr[i + 1], HTTP_HEX) ||
                               !http_is(text.ptr[i + 2], HTTP_HEX)))
      return false;
  return true;
}

/* What stands between brackets. No version of RFC 3986's IPvFuture has ever been defined. */
static bool is_ipv6(struct plug_str text)
{
  char address[INET6_ADDRSTRLEN];
  struct in6_addr parsed;
  if (text.len >= sizeof address)
    return false;
  memcpy(address, text.ptr, text.len);
  address[text.len] = '\0';
  return inet_pton(AF_INET6, address, &parsed) == 1;
}

static bool is_regname(struct plug_str text)
{
  for (size_t i = 0; i < text.len; i++)
    if (!http_is(text.ptr[i], HTTP_REGNAME))
      return false;
  return text.len != 0 && escapes_are_whole(text);
}

/* uri-host [":" port] (RFC 9110 7.2; RFC 3986 3.2.2): no user information. *port is what follows
 * the colon. */
static bool split_authority(struct plug_str text, struct plug_str *port)
{
  bool bracket = text.len && text.ptr[0] == '[';
  const char *end = text.len ? memchr(text.ptr, bracket ? ']' : ':', text.len) : NULL;
  *port = str_from(NULL, 0);
  if (bracket && !end)
    return false;
  size_t len = end ? (size_t)(end - text.ptr) : text.len;
  if (bracket ? !is_ipv6(str_from(text.ptr + 1, len - 1)) : !is_regname(str_from(text.ptr, len)))
    return false;
  len += bracket;
  if (len == text.len)
    return true;
  *port = str_from(text.ptr + len + 1, text.len - len - 1);
  if (text.ptr[len] != ':' || port->len > 5)
    return false;
  for (size_t i = 0; i < port->len; i++)
    if (!http_is(port->ptr[i], HTTP_DIGIT))
      return false;
  return true;
}

static bool is_authority(struct plug_str text)
{
  struct plug_str port;
  return split_authority(text, &port);
}

/* path["?"query]; escapes in the path must be whole. */
static enum http_result read_path(struct http_head *head, struct plug_str text,
                                  struct http_fault *fault)
{
  const char *mark = text.len ? memchr(text.ptr, '?', text.len) : NULL;
  head->path = mark ? str_from(text.ptr, (size_t)(mark - text.ptr)) : text;
  head->has_query = mark != NULL;
  head->query = mark ? str_from(mark + 1, text.len - head->path.len - 1) : str_from(NULL, 0);
  return escapes_are_whole(head->path) ? HTTP_DONE
                                       : BAD("The path has a '%' without two hexadecimal digits.");
}

/* RFC 9112 3.2: origin-form, absolute-form, authority-form (CONNECT), asterisk-form (OPTIONS). */
static enum http_result read_target(struct http_head *head, struct plug_str text,
                                    struct http_fault *fault)
{
  for (size_t i = 0; i < text.len; i++)
    if (!http_is(text.ptr[i], HTTP_TARGET))
      return BAD("The request target has a character that cannot be in it.");
  head->target = text;
  if (head->method == HTTP_CONNECT) {
    struct plug_str port; /* RFC 9112 3.2.3: not optional */
    if (!split_authority(text, &port) || !port.len)
      return BAD("The target of CONNECT is not of the form host:port.");
    return HTTP_DONE;
  }
  if (text.len && text.ptr[0] == '/')
    return read_path(head, text, fault);
  if (str_eq(text, STR("*")) && head->method == HTTP_OPTIONS) {
    head->asterisk = true;
    return HTTP_DONE;
  }
  const char *mark = text.len ? memmem(text.ptr, text.len, "://", 3) : NULL;
  if (!mark)
    return BAD("The request target begins neither with '/' nor with 'http://'.");
  head->scheme = str_from(text.ptr, (size_t)(mark - text.ptr));
  if (!str_eq_nocase(head->scheme, STR("http")) && !str_eq_nocase(head->scheme, STR("https")))
    return BAD("The scheme of the request target is neither http nor https.");
  struct plug_str rest = str_from(mark + 3, text.len - head->scheme.len - 3);
  size_t end = 0;
  while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
    end++;
  head->absolute = true;
  head->host = str_from(rest.ptr, end);
  if (!is_authority(head->host))
    return BAD("The host in the request target is missing or not valid.");
  rest = str_from(rest.ptr + end, rest.len - end);
  enum http_result result = read_path(head, rest, fault);
  if (result == HTTP_DONE && head->path.len == 0)
    head->path = STR("/");
  return result;
}

static enum http_result read_request_line(struct http_head *head, struct plug_str line,
                                          struct http_fault *fault)
{
  const char *first = line.len ? memchr(line.ptr, ' ', line.len) : NULL;
  const char *last = line.len ? memrchr(line.ptr, ' ', line.len) : NULL;
  if (!first || first == last)
    return BAD("The request line is not of the form METHOD TARGET HTTP/1.1.");
  const char *end = line.ptr + line.len;
  struct plug_str version = str_from(last + 1, (size_t)(end - last - 1));
  struct plug_str method = str_from(line.ptr, (size_t)(first - line.ptr));
  if (!http_is_token(method))
    return BAD("The request line does not begin with a method.");
  /* The version first: what a later one means by method and target is not known. */
  enum http_result result = read_version(head, version, fault);
  if (result == HTTP_DONE)
    result = read_method(head, method, fault);
  if (result == HTTP_DONE)
    result = read_target(head, str_from(first + 1, (size_t)(last - first - 1)), fault);
  return result;
}

/* --- fields (RFC 9112 5) ------------------------------------------------------------------- */

/* Has a value only characters that it may have? Eight at a time: none below a blank but tabs, and
 * no DEL. The carry of a byte with its upper bit set (obs-text) stays within it. */
static bool is_value(struct plug_str value)
{
  const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
  size_t i = 0;
  for (; i + 8 <= value.len; i += 8) {
    uint64_t v;
    memcpy(&v, value.ptr + i, 8);
    uint64_t low = ((v & ~highs) + (0x80 - 0x20) * ones) | v; /* upper bit clear: below a blank */
    uint64_t del = ((v ^ (0x7f * ones)) & ~highs) + 0x7f * ones; /* upper bit clear: DEL, or 0xff */
    if ((low & (del | v) & highs) != highs)
      break; /* a tab, or worse */
  }
  for (; i < value.len; i++)
    if (!http_is(value.ptr[i], HTTP_VALUE))
      return false;
  return true;
}

static enum http_result read_field(struct http_head *head, const struct http_limits *limits,
                                   struct plug_str line, struct http_fault *fault)
{
  if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
    return BAD("A header line is folded."); /* RFC 9112 5.2 */
  const char *colon = memchr(line.ptr, ':', line.len);
  size_t i = colon ? (size_t)(colon - line.ptr) : 0;
  enum http_name id = colon ? name_of(str_from(line.ptr, i)) : HTTP_OTHER;
  /* A name that is known is one, but for a CR, which that bit makes of a '-'. */
  if (id == HTTP_OTHER || memchr(line.ptr, '\r', i))
    for (i = 0; i < line.len && http_is(line.ptr[i], HTTP_TCHAR);)
      i++;
  if (i == line.len || line.ptr[i] != ':')
    return BAD(i && i < line.len && (line.ptr[i] == ' ' || line.ptr[i] == '\t')
                   ? "A header has a blank in or behind its name."
                   : "A header line is not of the form 'name: value'.");
  if (i == 0)
    return BAD("A header line has no name.");
  struct plug_str value = str_trim(str_from(line.ptr + i + 1, line.len - i - 1));
  if (!is_value(value))
    return BAD("A header has a control character in its value.");
  if (head->n_fields == limits->n_fields || head->n_fields == HTTP_FIELDS_CAP)
    return refuse(fault, 431, "The request has too many header lines.");
  struct plug_str name = str_from(line.ptr, i);
  head->fields[head->n_fields] = (struct http_field){.name = name, .value = value, .id = id};
  if (head->counts[id]++ == 0)
    head->firsts[id] = (uint16_t)head->n_fields;
  head->n_fields++;
  return HTTP_DONE;
}

/* RFC 9112 3.2: exactly one Host in HTTP/1.1; an absolute target goes before it. */
static enum http_result judge_host(struct http_head *head, struct http_fault *fault)
{
  size_t n = head->counts[HTTP_HOST];
  if (n > 1)
    return BAD("There is more than one Host header.");
  if (n == 0)
    return head->minor ? BAD("The Host header is missing.") : HTTP_DONE;
  struct plug_str value = http_head_field(head, HTTP_HOST)->value;
  if (!is_authority(value))
    return BAD("The Host header is not a host with or without a port.");
  if (!head->absolute)
    head->host = value;
  return HTTP_DONE;
}

static enum http_result judge_codings(struct http_head *head, struct http_fault *fault)
{
  bool chunked = false;
  size_t n = 0;
  for (size_t i = 0; i < head->n_fields; i++) {
    if (head->fields[i].id != HTTP_TRANSFER_ENCODING)
      continue;
    struct plug_str rest = head->fields[i].value, member;
    while (http_list_next(&rest, &member)) {
      if (chunked)
        return BAD("In Transfer-Encoding something follows 'chunked'.");
      chunked = str_eq_nocase(member, STR("chunked"));
      n++;
    }
  }
  if (!chunked) /* RFC 9112 6.3: 400 and not 501 */
    return n ? BAD("The last transfer coding of a request has to be 'chunked'.")
             : BAD("The Transfer-Encoding header is empty.");
  if (n > 1)
    return refuse(fault, 501, "The only transfer coding known here is 'chunked'.");
  head->framing = HTTP_CHUNKED;
  return HTTP_DONE;
}

/* RFC 9112 6: both a length and a coding, two lengths, or a coding in HTTP/1.0 are how requests are
 * smuggled past a proxy. */
static enum http_result judge_framing(struct http_head *head, struct http_fault *fault)
{
  size_t codings = head->counts[HTTP_TRANSFER_ENCODING];
  size_t lengths = head->counts[HTTP_CONTENT_LENGTH];
  if (codings && lengths)
    return BAD("The request has both Content-Length and Transfer-Encoding.");
  if (codings && head->minor == 0)
    return BAD("HTTP/1.0 has no Transfer-Encoding.");
  if (codings)
    return judge_codings(head, fault);
  if (lengths > 1)
    return BAD("There is more than one Content-Length header.");
  if (lengths == 0)
    return HTTP_DONE;
  struct plug_str value = http_head_field(head, HTTP_CONTENT_LENGTH)->value;
  if (!str_to_u64(value, &head->content_length))
    return BAD("The Content-Length is not a number.");
  head->framing = HTTP_SIZED;
  return HTTP_DONE;
}

static enum http_result judge_expectation(struct http_head *head, struct http_fault *fault)
{
  for (size_t i = 0; head->counts[HTTP_EXPECT] && i < head->n_fields; i++) {
    if (head->fields[i].id != HTTP_EXPECT)
      continue;
    struct plug_str rest = head->fields[i].value, member;
    while (http_list_next(&rest, &member)) {
      if (!str_eq_nocase(member, STR("100-continue")))
        return refuse(fault, 417, "The only expectation known here is 100-continue.");
      head->wants_continue = head->minor >= 1; /* RFC 9110 10.1.1: ignored in HTTP/1.0 */
    }
  }
  return HTTP_DONE;
}

static void judge_connection(struct http_head *head)
{
  bool close = false, keep = false;
  for (size_t i = head->firsts[HTTP_CONNECTION];
       head->counts[HTTP_CONNECTION] && i < head->n_fields; i++) {
    if (head->fields[i].id != HTTP_CONNECTION)
      continue;
    struct plug_str rest = head->fields[i].value, member;
    while (http_list_next(&rest, &member)) {
      close |= str_eq_nocase(member, STR("close"));
      keep |= str_eq_nocase(member, STR("keep-alive"));
      head->wants_upgrade |= str_eq_nocase(member, STR("upgrade"));
    }
  }
  head->keep_alive = !close && (head->minor >= 1 || keep);
}

static enum http_result judge(struct http_head *head, struct http_fault *fault)
{
  enum http_result result = judge_host(head, fault);
  if (result == HTTP_DONE)
    result = judge_framing(head, fault);
  if (result == HTTP_DONE)
    result = judge_expectation(head, fault);
  if (result == HTTP_DONE)
    judge_connection(head);
  return result;
}

/* --- lines (RFC 9112 2) -------------------------------------------------------------------- */

/* What can be told from the first byte: a client that speaks something else need not wait for a
 * deadline. */
static enum http_result judge_first_byte(unsigned char c, struct http_fault *fault)
{
  if (c == 0x16)
    return BAD("This port speaks plain HTTP, not TLS.");
  if (!http_is((char)c, HTTP_TCHAR))
    return BAD("The request line does not begin with a method.");
  return HTTP_DONE;
}

/* The lines of a head that is complete: len bytes, which end with CR LF CR LF. */
static enum http_result read_lines(const char *bytes, size_t start, size_t len,
                                   const struct http_limits *limits, struct http_head *head,
                                   struct http_fault *fault)
{
  const char *at = bytes + start, *end = bytes + len - 2; /* without the empty line */
  bool first = true;
  head->len = (uint32_t)len;
  while (at < end) {
    const char *lf = memchr(at, '\n', (size_t)(end - at)); /* there is one: checked on the way */
    struct plug_str line = str_from(at, (size_t)(lf - 1 - at));
    enum http_result result =
        first ? read_request_line(head, line, fault) : read_field(head, limits, line, fault);
    if (result != HTTP_DONE) {
      /* It may be in no part of a line, so one that is sound has none. */
      if (line.len && memchr(line.ptr, '\r', line.len))
        return BAD("A carriage return stands where no line ends.");
      return result;
    }
    first = false;
    at = lf + 1;
  }
  return judge(head, fault);
}

static void clear(struct http_head *head)
{
  memset(head, 0, offsetof(struct http_head, fields));
}

/* RFC 9112 2.2: one empty line in front of a request does not count. */
static size_t skip_empty_line(const char *bytes, size_t len)
{
  return len >= 2 && bytes[0] == '\r' && bytes[1] == '\n' ? 2 : 0;
}

/* len: bytes of the head so far. */
static enum http_result check_limits(const struct http_reader *reader,
                                     const struct http_limits *limits, size_t len,
                                     struct http_fault *fault)
{
  bool line_ends_first = reader->line + (uint64_t)limits->line_bytes <= limits->head_bytes;
  if (!reader->in_fields && line_ends_first && len - reader->line > limits->line_bytes)
    return refuse(fault, 414, "The request line is too long.");
  if (len > limits->head_bytes)
    return refuse(fault, 431, "The head of the request is too large.");
  return HTTP_DONE;
}

enum http_result http_head_read(struct http_reader *reader, const struct http_limits *limits,
                                const char *bytes, size_t len, struct http_head *head,
                                struct http_fault *fault)
{
  size_t start = skip_empty_line(bytes, len);
  if (reader->line < start)
    reader->line = (uint32_t)start;
  if (reader->scanned < start)
    reader->scanned = (uint32_t)start;
  if (len > start && (start || bytes[0] != '\r' || len > 1)) {
    enum http_result result = judge_first_byte((unsigned char)bytes[start], fault);
    if (result != HTTP_DONE)
      return result;
  }
  while (reader->scanned < len) {
    const char *lf = memchr(bytes + reader->scanned, '\n', len - reader->scanned);
    if (!lf)
      break;
    size_t at = (size_t)(lf - bytes);
    /* The limits first, as if every byte had come alone. */
    enum http_result result = check_limits(reader, limits, at + 1, fault);
    if (result != HTTP_DONE)
      return result;
    if (at == reader->line || bytes[at - 1] != '\r')
      return BAD("A line ends without a carriage return.");
    bool empty = at - reader->line == 1;
    reader->scanned = reader->line = (uint32_t)at + 1;
    if (empty) {
      *reader = (struct http_reader){0};
      clear(head);
      return read_lines(bytes, start, at + 1, limits, head, fault);
    }
    reader->in_fields = true;
  }
  enum http_result result = check_limits(reader, limits, len, fault);
  if (result != HTTP_DONE)
    return result;
  reader->scanned = (uint32_t)len;
  return HTTP_MORE;
}
