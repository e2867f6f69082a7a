#include "net/sign_in.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <time.h>

#include "base/counter.h"
#include "base/str.h"
#include "base/utf8.h"
#include "config/origin_match.h"
#include "config/settings_page.h"
#include "http/http_escape.h"

/* --- names -------------------------------------------------------------------------------- */

static const char *decode(struct plug_str text, char out[SIGN_IN_NAME_MAX], size_t *len)
{
  *len = 0;
  for (size_t i = 0; i < text.len; i++) {
    char c = text.ptr[i] == '+' ? ' ' : text.ptr[i];
    if (c == '%') {
      int byte = http_escape_byte(text, i);
      if (byte < 0)
        return "The query has an escape that is none.";
      c = (char)byte;
      i += HTTP_ESCAPE_LEN - 1;
    }
    if (*len == SIGN_IN_NAME_MAX)
      return "The name is too long.";
    out[(*len)++] = c;
  }
  return NULL;
}

const char *sign_in_read_name(struct plug_str query, char out[SIGN_IN_NAME_MAX], size_t *len)
{
  struct plug_str item, name = {NULL, 0};
  bool found = false;
  while (query.len && str_split(&query, '&', &item)) {
    if (!str_has_prefix(item, STR("name=")))
      continue;
    if (found)
      return "There is more than one name.";
    found = true;
    name = str_from(item.ptr + 5, item.len - 5);
  }
  return found ? decode(name, out, len) : "There is no name: POST to this path with ?name=NAME.";
}

/* The character at the start of valid UTF-8, and how many bytes it takes. */
static uint32_t first_char(struct plug_str text, size_t *bytes)
{
  const unsigned char *at = (const unsigned char *)text.ptr;
  *bytes = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
  uint32_t c = *bytes == 1 ? at[0] : at[0] & (0x7fu >> *bytes);
  for (size_t i = 1; i < *bytes; i++)
    c = c << 6 | (at[i] & 0x3fu);
  return c;
}

static bool is_ascii_letter_or_digit(uint32_t c)
{
  return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* Outside of ASCII everything but what is not seen, or changes how its neighbours are: controls,
 * spaces, marks of direction, private use, noncharacters. */
static bool is_in_name(uint32_t c)
{
  static const struct {
    uint32_t first, last;
  } hidden[] = {{0x80, 0xa0},       {0xad, 0xad},     {0x61c, 0x61c},     {0x115f, 0x1160},
                {0x1680, 0x1680},   {0x180b, 0x180f}, {0x2000, 0x206f},   {0x3000, 0x3000},
                {0x3164, 0x3164},   {0xe000, 0xf8ff}, {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},
                {0xffa0, 0xffa0},   {0xfff0, 0xffff}, {0x1d173, 0x1d17a}, {0x1fffe, 0x1ffff},
                {0xe0000, 0x10ffff}};
  if (c < 0x80)
    return is_ascii_letter_or_digit(c) || c == '.' || c == '_' || c == '-' || c == '\'' || c == ' ';
  for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
    if (c >= hidden[i].first && c <= hidden[i].last)
      return false;
  return true;
}

const char *sign_in_name_fault(struct plug_str name)
{
  if (!utf8_valid(name.ptr, name.len))
    return "The name is not UTF-8.";
  uint32_t before = ' ';
  size_t chars = 0;
  for (size_t bytes; name.len; name = str_from(name.ptr + bytes, name.len - bytes)) {
    uint32_t c = first_char(name, &bytes);
    if (!is_in_name(c))
      return "A name has letters and digits, and in between blanks and . _ - '";
    if (c == ' ' && before == ' ')
      return "A name neither starts with a blank nor has two side by side.";
    before = c;
    chars++;
  }
  if (chars == 0)
    return "The name is empty.";
  if (before == ' ')
    return "A name does not end with a blank.";
  return chars > SIGN_IN_CHARS_MAX ? "A name has at most 32 characters." : NULL;
}

/* --- tokens ------------------------------------------------------------------------------- */

/* RFC 7515 2: the URL alphabet, without padding. */
static void put_base64url(struct buf *out, const void *bytes, size_t len)
{
  if (!buf_reserve(out, 4 * ((len + 2) / 3) + 1))
    return;
  unsigned char *at = (unsigned char *)out->data + out->len;
  int n = EVP_EncodeBlock(at, bytes, (int)len);
  while (n > 0 && at[n - 1] == '=')
    n--;
  for (int i = 0; i < n; i++)
    at[i] = at[i] == '+' ? '-' : at[i] == '/' ? '_' : at[i];
  out->len += (size_t)n;
}

bool sign_in_put_token(struct buf *out, struct plug_str secret, struct plug_str name, int64_t now_s)
{
  static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned mac_len = 0;
  size_t start = out->len;
  json_t *claims =
      json_pack("{s:s, s:s, s:s%, s:s%, s:I, s:I}", "iss", PAGE_ISSUER, "aud", PAGE_ISSUER, "sub",
                name.ptr, name.len, "name", name.ptr, name.len, "iat", (json_int_t)now_s, "exp",
                (json_int_t)(now_s + SIGN_IN_LIFETIME_S));
  char *text = claims ? json_dumps(claims, JSON_COMPACT) : NULL;
  json_decref(claims);
  if (!text)
    return false;
  put_base64url(out, header, sizeof header - 1);
  buf_put_str(out, STR("."));
  put_base64url(out, text, strlen(text));
  free(text);
  if (out->failed ||
      !HMAC(EVP_sha256(), secret.ptr, (int)secret.len, (const unsigned char *)out->data + start,
            out->len - start, mac, &mac_len))
    return false;
  buf_put_str(out, STR("."));
  put_base64url(out, mac, mac_len);
  return !out->failed;
}

/* --- requests ----------------------------------------------------------------------------- */

static _Thread_local struct buf body;

void sign_in_drop_scratch(void)
{
  buf_free(&body);
}

static enum http_route refuse(struct http_reply *reply, uint16_t status, const char *headers,
                              const char *text)
{
  COUNT(sign_ins_refused);
  reply->answer.status = status;
  reply->answer.headers = headers;
  reply->text = text;
  return HTTP_ROUTE_ANSWER;
}

/* A page of somebody else's could not read the token, and has no business asking for one either. */
static bool is_own_page(const struct http_head *head, const struct http_forwarded *forwarded)
{
  const struct http_field *origin = http_head_field(head, HTTP_ORIGIN);
  const struct http_field *site = http_head_field(head, HTTP_SEC_FETCH_SITE);
  struct origin_request request = {.origin = origin ? origin->value : STR(""),
                                   .scheme = forwarded->scheme,
                                   .host = forwarded->host};
  if (head->counts[HTTP_ORIGIN] > 1 || head->counts[HTTP_SEC_FETCH_SITE] > 1)
    return false;
  if (site && !str_eq(site->value, STR("same-origin")) && !str_eq(site->value, STR("none")))
    return false;
  return origin_allowed(NULL, 0, &request);
}

enum http_route sign_in_route(const struct net_env *env, const struct http_head *head,
                              const struct http_forwarded *forwarded, struct http_reply *reply)
{
  static const char no_store[] = "cache-control: no-store\r\n";
  char name[SIGN_IN_NAME_MAX];
  size_t len = 0;
  if (head->method != HTTP_POST)
    return refuse(reply, 405, "allow: POST\r\n", "Signing in is a POST request.");
  if (!is_own_page(head, forwarded))
    return refuse(reply, 403, no_store,
                  "Only the server's own page may sign people in. Behind a proxy that ends TLS, "
                  "[http] trusted-proxies has to know the proxy.");
  const char *fault = sign_in_read_name(head->query, name, &len);
  if (!fault)
    fault = sign_in_name_fault(str_from(name, len));
  if (fault)
    return refuse(reply, 400, no_store, fault);
  body.len = 0;
  body.failed = false;
  buf_put_str(&body, STR("{\"token\":\""));
  if (!sign_in_put_token(&body, str_of(env->settings->page.secret), str_from(name, len),
                         (int64_t)time(NULL)))
    return refuse(reply, 503, no_store, "There is no memory for a token.");
  buf_put_str(&body, STR("\"}\n"));
  if (body.failed)
    return refuse(reply, 503, no_store, "There is no memory for a token.");
  COUNT(sign_ins);
  reply->answer.status = 200;
  reply->answer.headers = no_store;
  reply->answer.type = "application/json";
  reply->body = str_from(body.data, body.len);
  return HTTP_ROUTE_ANSWER;
}
