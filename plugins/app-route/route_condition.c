#include "route_condition.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "route_rate.h"

#define TERMS_MAX 32

enum term_kind { AUTHENTICATED, ROLE, PRESENT, NOT_BLANK, BOOLEAN, STRING, NUMBER, RATE };

struct term {
  enum term_kind kind;
  struct plug_str word; /* the role, or the member's path */
  bool has_low, has_high, by_sender;
  double low, high;
  struct route_rate *rate;
};

struct route_condition {
  size_t n;
  bool needs_body;
  pthread_mutex_t lock; /* of the rates' buckets */
  struct term terms[TERMS_MAX];
  char text[];
};

/* --- parsing ------------------------------------------------------------------------------ */

static bool parse_number(struct plug_str text, double *out)
{
  char copy[40], *end;
  if (!text.len || text.len >= sizeof copy ||
      (!(text.ptr[0] >= '0' && text.ptr[0] <= '9') && text.ptr[0] != '-'))
    return false;
  memcpy(copy, text.ptr, text.len);
  copy[text.len] = '\0';
  if (strspn(copy, "0123456789.-+eE") != text.len)
    return false;
  *out = strtod(copy, &end);
  return *end == '\0' && *out >= -1e300 && *out <= 1e300;
}

/* False: it is no range. */
static bool parse_range(struct plug_str text, struct term *term)
{
  const char *dots = NULL;
  for (size_t i = 0; i + 1 < text.len && !dots; i++)
    if (text.ptr[i] == '.' && text.ptr[i + 1] == '.')
      dots = text.ptr + i;
  if (!dots)
    return false;
  struct plug_str low = route_slice(text.ptr, (size_t)(dots - text.ptr));
  struct plug_str high = route_slice(dots + 2, text.len - low.len - 2);
  term->has_low = low.len > 0;
  term->has_high = high.len > 0;
  return (term->has_low || term->has_high) && (!low.len || parse_number(low, &term->low)) &&
         (!high.len || parse_number(high, &term->high)) &&
         !(low.len && high.len && term->low > term->high);
}

static bool parse_whole(struct plug_str text, uint64_t *out, size_t *used)
{
  size_t i = 0;
  *out = 0;
  for (; i < text.len && i < 10 && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
    *out = *out * 10 + (uint64_t)(text.ptr[i] - '0');
  *used = i;
  return i > 0;
}

/* "10/5s" */
static bool parse_rate(struct plug_str text, uint64_t *n, uint64_t *period_ms)
{
  static const struct {
    const char *unit;
    uint64_t ms;
  } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
  uint64_t amount;
  size_t used;
  if (!parse_whole(text, n, &used) || used == text.len || text.ptr[used] != '/')
    return false;
  text = route_slice(text.ptr + used + 1, text.len - used - 1);
  if (!parse_whole(text, &amount, &used))
    return false;
  text = route_slice(text.ptr + used, text.len - used);
  for (size_t i = 0; i < sizeof units / sizeof *units; i++)
    if (route_eq(text, units[i].unit)) {
      *period_ms = amount * units[i].ms;
      return *n >= 1 && *n <= 1000000 && *period_ms >= 1 && *period_ms <= 86400000 &&
             *period_ms * 1000 / *n >= 1;
    }
  return false;
}

static plug_status parse_rate_term(struct term *term, struct plug_str *rest, size_t keys,
                                   struct plug_err *err)
{
  struct plug_str who, what;
  uint64_t n, period_ms;
  if (!route_word(rest, &who) || !(route_eq(who, "sender") || route_eq(who, "room")) ||
      !route_word(rest, &what) || !parse_rate(what, &n, &period_ms))
    return route_fault(err, "a rate is written as in 'rate sender 10/5s' or 'rate room 100/1s'");
  term->kind = RATE;
  term->by_sender = route_eq(who, "sender");
  term->rate = calloc(1, sizeof *term->rate);
  return term->rate && route_rate_init(term->rate, n, period_ms, keys) ? PLUG_OK : PLUG_ENOMEM;
}

static plug_status parse_body_term(struct term *term, struct plug_str member, struct plug_str *rest,
                                   struct plug_err *err)
{
  static const struct {
    const char *name;
    enum term_kind kind;
  } tests[] = {{"present", PRESENT},
               {"not-blank", NOT_BLANK},
               {"boolean", BOOLEAN},
               {"string", STRING},
               {"number", NUMBER}};
  struct plug_str test = {"", 0}, left = *rest, range;
  route_word(&left, &test);
  term->word = route_slice(member.ptr + 5, member.len - 5);
  struct plug_str path = term->word;
  while (path.len) {
    const char *dot = memchr(path.ptr, '.', path.len);
    size_t len = dot ? (size_t)(dot - path.ptr) : path.len;
    if (!route_is_name(route_slice(path.ptr, len)) || len > 100)
      return route_fault(err, "'%.*s' is no member", (int)member.len, member.ptr);
    path = route_slice(path.ptr + len + (dot != NULL), path.len - len - (dot != NULL));
  }
  for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
    if (!route_eq(test, tests[i].name))
      continue;
    term->kind = tests[i].kind;
    *rest = left;
    if ((term->kind == STRING || term->kind == NUMBER) && route_word(&left, &range) &&
        !route_eq(range, "and")) {
      if (!parse_range(range, term))
        return route_fault(err, "'%.*s' is no range, as in 1..2000 or ..2000", (int)range.len,
                           range.ptr);
      *rest = left;
    }
    return PLUG_OK;
  }
  return route_fault(err,
                     "behind '%.*s' stands present, not-blank, boolean, string or number, the "
                     "latter two with a range",
                     (int)member.len, member.ptr);
}

static plug_status parse_term(struct route_condition *condition, struct plug_str *rest, size_t keys,
                              struct plug_err *err)
{
  struct plug_str word;
  if (condition->n == TERMS_MAX)
    return route_fault(err, "has more than %d terms", TERMS_MAX);
  if (!route_word(rest, &word))
    return route_fault(err, "a condition is missing");
  struct term *term = &condition->terms[condition->n++];
  *term = (struct term){.kind = AUTHENTICATED};
  if (route_eq(word, "authenticated"))
    return PLUG_OK;
  if (route_eq(word, "role")) {
    term->kind = ROLE;
    return route_word(rest, &term->word) && term->word.len
               ? PLUG_OK
               : route_fault(err, "behind 'role' stands its name");
  }
  if (route_eq(word, "rate"))
    return parse_rate_term(term, rest, keys, err);
  if (route_starts(word, "body.") && word.len > 5) {
    condition->needs_body = true;
    return parse_body_term(term, word, rest, err);
  }
  return route_fault(err,
                     "'%.*s' is no condition: there are authenticated, role, rate and body.MEMBER",
                     (int)(word.len < 80 ? word.len : 80), word.ptr);
}

struct route_condition *route_condition_parse(struct plug_str text, size_t rate_keys,
                                              struct plug_err *err)
{
  struct route_condition *condition = calloc(1, sizeof *condition + text.len + 1);
  plug_status status = condition ? PLUG_OK : PLUG_ENOMEM;
  if (condition && pthread_mutex_init(&condition->lock, NULL) != 0) {
    free(condition);
    condition = NULL;
    status = PLUG_ENOMEM;
  }
  if (condition && text.len)
    memcpy(condition->text, text.ptr, text.len);
  struct plug_str rest = condition ? route_slice(condition->text, text.len) : text, word;
  while (status == PLUG_OK) {
    status = parse_term(condition, &rest, rate_keys, err);
    if (status != PLUG_OK || !route_word(&rest, &word))
      break;
    if (!route_eq(word, "and"))
      status = route_fault(err, "'and' is expected, not '%.*s'",
                           (int)(word.len < 80 ? word.len : 80), word.ptr);
  }
  if (status == PLUG_OK)
    return condition;
  err->code = status;
  route_condition_free(condition);
  return NULL;
}

void route_condition_free(struct route_condition *condition)
{
  if (!condition)
    return;
  for (size_t i = 0; i < condition->n; i++)
    if (condition->terms[i].rate) {
      route_rate_fini(condition->terms[i].rate);
      free(condition->terms[i].rate);
    }
  pthread_mutex_destroy(&condition->lock);
  free(condition);
}

bool route_condition_needs_body(const struct route_condition *condition)
{
  return condition && condition->needs_body;
}

/* --- checking ----------------------------------------------------------------------------- */

/* As Java's trim, which the validation of Spring applications uses. */
static bool is_blank(const json_t *text)
{
  const char *s = json_string_value(text);
  for (size_t i = 0; i < json_string_length(text); i++)
    if ((unsigned char)s[i] > ' ')
      return false;
  return true;
}

static size_t count_characters(const json_t *text)
{
  const char *s = json_string_value(text);
  size_t n = 0;
  for (size_t i = 0; i < json_string_length(text); i++)
    n += ((unsigned char)s[i] & 0xc0) != 0x80;
  return n;
}

static bool in_range(const struct term *term, double value, const char *what,
                     struct route_refusal *refusal)
{
  if (term->has_low && value < term->low)
    return route_refuse(refusal, "bad-body", "body.%.*s%s less than %.15g", (int)term->word.len,
                        term->word.ptr, what, term->low);
  if (term->has_high && value > term->high)
    return route_refuse(refusal, "bad-body", "body.%.*s%s more than %.15g", (int)term->word.len,
                        term->word.ptr, what, term->high);
  return true;
}

static bool check_body(const struct term *term, json_t *body, struct route_refusal *refusal)
{
  const json_t *value = route_member(body, term->word);
  const char *wanted = NULL;
  if (!value || json_is_null(value))
    return route_refuse(refusal, "bad-body", "body.%.*s is missing", (int)term->word.len,
                        term->word.ptr);
  if ((term->kind == NOT_BLANK || term->kind == STRING) && !json_is_string(value))
    wanted = "a string";
  else if (term->kind == NUMBER && !json_is_number(value))
    wanted = "a number";
  else if (term->kind == BOOLEAN && !json_is_boolean(value))
    wanted = "true or false";
  if (wanted)
    return route_refuse(refusal, "bad-body", "body.%.*s is not %s", (int)term->word.len,
                        term->word.ptr, wanted);
  if (term->kind == NOT_BLANK && is_blank(value))
    return route_refuse(refusal, "bad-body", "body.%.*s is blank", (int)term->word.len,
                        term->word.ptr);
  if (term->kind == STRING)
    return in_range(term, (double)count_characters(value), " has a number of characters", refusal);
  return term->kind != NUMBER || in_range(term, json_number_value(value), " is", refusal);
}

static bool has_role(const struct plug_identity *who, struct plug_str role)
{
  for (size_t i = 0; who && i < who->n_roles; i++)
    if (who->roles[i].len == role.len && memcmp(who->roles[i].ptr, role.ptr, role.len) == 0)
      return true;
  return false;
}

static bool check_term(const struct term *term, const struct route_values *values,
                       struct route_refusal *refusal)
{
  const struct plug_identity *who = values->who;
  switch (term->kind) {
  case AUTHENTICATED:
    return who || route_refuse(refusal, "not-authenticated", "only who is signed in may do this");
  case ROLE:
    return has_role(who, term->word) ||
           route_refuse(refusal, "forbidden", "the role %.*s is needed", (int)term->word.len,
                        term->word.ptr);
  case RATE:
    return true;
  default:
    return check_body(term, values->roots[ROUTE_BODY], refusal);
  }
}

static bool check_rate(const struct term *term, const struct route_values *values,
                       struct plug_str room, uint64_t now_us, struct route_take *take,
                       struct route_refusal *refusal)
{
  const struct plug_identity *who = values->who;
  struct plug_str sender = who ? who->user : values->session;
  if (route_rate_check(term->rate, term->by_sender ? sender : room, now_us, take))
    return true;
  return route_refuse(refusal, "rate-limited", "%s: at most %llu in %llu ms",
                      term->by_sender ? "too many messages" : "too many messages here",
                      (unsigned long long)term->rate->n,
                      (unsigned long long)term->rate->period_us / 1000);
}

bool route_condition_check(const struct route_condition *condition,
                           const struct route_values *values, struct route_refusal *refusal)
{
  for (size_t i = 0; condition && i < condition->n; i++)
    if (!check_term(&condition->terms[i], values, refusal))
      return false;
  return true;
}

bool route_condition_take(struct route_condition *condition, const struct route_values *values,
                          struct plug_str room, uint64_t now_us, struct route_refusal *refusal)
{
  struct route_take takes[TERMS_MAX];
  size_t n = 0;
  bool good = true;
  if (!condition)
    return true;
  pthread_mutex_lock(&condition->lock);
  for (size_t i = 0; good && i < condition->n; i++)
    if (condition->terms[i].kind == RATE)
      good = check_rate(&condition->terms[i], values, room, now_us, &takes[n++], refusal);
  for (size_t i = 0; good && i < n; i++)
    route_rate_take(&takes[i]);
  pthread_mutex_unlock(&condition->lock);
  return good;
}
