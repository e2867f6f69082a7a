#include "hub/destination.h"

#include "base/scan.h"
#include "base/str.h"
#include "base/utf8.h"
#include "hub/pattern.h"

static struct plug_str without_slash(struct plug_str prefix)
{
  while (prefix.len && prefix.ptr[prefix.len - 1] == '/')
    prefix.len--;
  return prefix;
}

static bool covers(struct plug_str prefix, struct plug_str destination)
{
  prefix = without_slash(prefix);
  /* Where the segment ends is a look at one byte, which most prefixes of another length fail. */
  bool ends = destination.len > prefix.len ? destination.ptr[prefix.len] == '/'
                                           : destination.len == prefix.len;
  return ends && str_has_prefix(destination, prefix);
}

/* The length of the longest covering prefix plus one; 0: none. */
static size_t longest(const struct destination_prefixes *prefixes, struct plug_str destination,
                      bool plain)
{
  size_t best = 0;
  for (size_t i = 0; i < prefixes->n; i++) {
    struct plug_str prefix = prefixes->items[i];
    bool hit = plain ? str_has_prefix(destination, prefix) : covers(prefix, destination);
    size_t len = without_slash(prefix).len + 1;
    if (hit && len > best)
      best = len;
  }
  return best;
}

size_t destination_longest(const struct destination_prefixes *prefixes, struct plug_str destination)
{
  size_t best = prefixes->n, best_len = 0;
  for (size_t i = 0; i < prefixes->n; i++) {
    size_t len = without_slash(prefixes->items[i]).len + 1;
    if (len > best_len && covers(prefixes->items[i], destination)) {
      best = i;
      best_len = len;
    }
  }
  return best;
}

/* A pattern up to the slash before its first segment with a wildcard. */
static struct plug_str literal_part(struct plug_str destination)
{
  if (!pattern_is(destination))
    return destination;
  size_t end = 0;
  for (size_t i = 0; i < destination.len; i++) {
    char c = destination.ptr[i];
    if (c == '*' || c == '?' || c == '{')
      break;
    if (c == '/')
      end = i + 1;
  }
  return str_from(destination.ptr, end);
}

enum destination_kind destination_classify(const struct destination_rules *rules,
                                           struct plug_str destination)
{
  if (destination.len == 0 || destination.ptr[0] != '/')
    return DESTINATION_NONE;
  struct plug_str literal = literal_part(destination);
  size_t app = longest(&rules->app, literal, false);
  size_t broker = rules->spring ? longest(&rules->broker, destination, true)
                                : longest(&rules->broker, literal, false);
  size_t user = rules->user.len && covers(rules->user, literal) ? rules->user.len + 1 : 0;
  if (user > app && user > broker)
    return DESTINATION_USER;
  if (app == 0 && broker == 0)
    return DESTINATION_NONE;
  return app > broker ? DESTINATION_APP : DESTINATION_BROKER;
}

struct plug_str destination_app_path(const struct destination_rules *rules,
                                     struct plug_str destination)
{
  size_t prefix = longest(&rules->app, destination, false);
  size_t skip = prefix ? prefix - 1 : 0;
  return str_from(destination.ptr + skip, destination.len - skip);
}

bool destination_may_send(const struct destination_rules *rules, struct plug_str destination)
{
  enum destination_kind kind = destination_classify(rules, destination);
  if (kind != DESTINATION_BROKER && kind != DESTINATION_USER)
    return false;
  return (rules->spring && kind == DESTINATION_BROKER
              ? longest(&rules->client_send, destination, true)
              : longest(&rules->client_send, literal_part(destination), false)) > 0;
}

void destination_put_prefixes(struct buf *out, const struct destination_prefixes *prefixes)
{
  for (size_t i = 0; i < prefixes->n; i++) {
    if (i)
      buf_put_str(out, STR(", "));
    buf_put_str(out, prefixes->items[i]);
  }
}

static bool has_control(struct plug_str s)
{
  for (size_t i = 0; i < s.len; i++) {
    unsigned char c = (unsigned char)s.ptr[i];
    if (c < 0x20 || c == 0x7f)
      return true;
    /* U+0080 to U+009F */
    if (c == 0xc2 && i + 1 < s.len && (unsigned char)s.ptr[i + 1] < 0xa0)
      return true;
  }
  return false;
}

#ifdef __SSE2__
/* A control character, or no ASCII. */
static inline __m128i is_odd(__m128i x)
{
  __m128i high_or_low = _mm_cmplt_epi8(x, _mm_set1_epi8(0x20)); /* above 0x7f is negative */
  return _mm_or_si128(high_or_low, _mm_cmpeq_epi8(x, _mm_set1_epi8(0x7f)));
}
#endif

/* Nothing but printable ASCII, as nearly all. */
static bool is_plain(struct plug_str s)
{
#ifdef __SSE2__
  return s.len >= SCAN_LEAST && !scan_finds(s.ptr, s.len, is_odd);
#else
  (void)s;
  return false;
#endif
}

bool destination_valid(struct plug_str destination, size_t max_len, const char **why)
{
  if (destination.len == 0)
    *why = "The destination is empty";
  else if (destination.len > max_len)
    *why = "The destination is too long";
  else if (destination.ptr[0] != '/')
    *why = "A destination starts with a slash";
  else if (is_plain(destination))
    return true;
  else if (!utf8_valid(destination.ptr, destination.len))
    *why = "The destination is not UTF-8";
  else if (has_control(destination))
    *why = "A destination contains no control characters";
  else
    return true;
  return false;
}
