#include "hook_value.h"

#include <stdio.h>
#include <string.h>

static const struct unit {
  const char *name;
  uint64_t factor;
} no_units[] = {{"", 1}, {NULL, 0}},
  durations[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {NULL, 0}},
  sizes[] = {{"", 1}, {"k", 1024}, {"m", 1 << 20}, {"g", 1 << 30}, {NULL, 0}};

static bool parse_number(uint32_t type, struct plug_str text, uint64_t *out)
{
  const struct unit *unit = type == PLUG_OPT_DURATION ? durations
                            : type == PLUG_OPT_BYTES  ? sizes
                                                      : no_units;
  uint64_t number = 0;
  size_t n = 0;
  for (; n < text.len && n < 12 && text.ptr[n] >= '0' && text.ptr[n] <= '9'; n++)
    number = number * 10 + (uint64_t)(text.ptr[n] - '0');
  struct plug_str rest = {text.ptr + n, text.len - n};
  if (n == 0)
    return false;
  *out = number;
  if (number == 0 && rest.len == 0)
    return true;
  for (; unit->name; unit++)
    if (hook_eq(rest, unit->name)) {
      *out = number > UINT64_MAX / unit->factor ? UINT64_MAX : number * unit->factor;
      return true;
    }
  return false;
}

/* range: "a|b|c". */
static bool find_choice(const char *range, struct plug_str text, uint64_t *out)
{
  for (*out = 0;; ++*out) {
    size_t len = strcspn(range, "|");
    if (len == text.len && len && memcmp(range, text.ptr, len) == 0)
      return true;
    if (!range[len])
      return false;
    range += len + 1;
  }
}

static bool in_range(const struct plug_option *option, uint64_t value)
{
  uint64_t least = 0, most = 0;
  const char *dots = strstr(option->range, "..");
  parse_number(option->type, (struct plug_str){option->range, (size_t)(dots - option->range)},
               &least);
  parse_number(option->type, (struct plug_str){dots + 2, strlen(dots + 2)}, &most);
  return value >= least && value <= most;
}

bool hook_value_parse(const struct plug_option *option, struct plug_str text, uint64_t *out,
                      char why[160])
{
  static const char *const forms[] = {[PLUG_OPT_INTEGER] = "a number",
                                      [PLUG_OPT_DURATION] = "a duration such as 250ms, 10s or 5m",
                                      [PLUG_OPT_BYTES] = "a size such as 512, 64k or 16m"};
  if (option->type == PLUG_OPT_CHOICE) {
    if (find_choice(option->range, text, out))
      return true;
    snprintf(why, 160, "is not one of %s", option->range);
    return false;
  }
  if (!parse_number(option->type, text, out))
    snprintf(why, 160, "is not %s", forms[option->type]);
  else if (!in_range(option, *out))
    snprintf(why, 160, "is not within %s", option->range);
  else
    return true;
  return false;
}

static bool is_blank(char c)
{
  return c == ' ' || c == '\t';
}

bool hook_value_item(struct plug_str *rest, struct plug_str *item)
{
  while (rest->len) {
    size_t len = 0, depth = 0;
    for (; len < rest->len && (depth || rest->ptr[len] != ','); len++) {
      depth += rest->ptr[len] == '{';
      depth -= depth && rest->ptr[len] == '}';
    }
    size_t used = len < rest->len ? len + 1 : len;
    *item = (struct plug_str){rest->ptr, len};
    rest->ptr += used;
    rest->len -= used;
    while (item->len && is_blank(item->ptr[0])) {
      item->ptr++;
      item->len--;
    }
    while (item->len && is_blank(item->ptr[item->len - 1]))
      item->len--;
    if (item->len)
      return true;
  }
  return false;
}
