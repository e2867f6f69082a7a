#include "config/option.h"

#include "base/str.h"
#include "config/address.h"
#include "config/fault.h"

#include <stdio.h>
#include <string.h>

const struct plug_option *option_find(const struct option_table *table, const char *key)
{
  for (size_t i = 0; i < table->n; i++)
    if (strcmp(table->options[i].name, key) == 0)
      return &table->options[i];
  return NULL;
}

static bool is_number(uint32_t type)
{
  return type == PLUG_OPT_INTEGER || type == PLUG_OPT_DURATION || type == PLUG_OPT_BYTES;
}

struct unit {
  const char *name;
  uint64_t factor;
};

/* Splits off the digits and multiplies them by the unit that follows. */
static bool parse_with_unit(struct plug_str text, const struct unit *units, size_t n, uint64_t *out)
{
  size_t digits = 0;
  while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
    digits++;
  uint64_t number;
  if (!str_to_u64(str_from(text.ptr, digits), &number))
    return false;
  struct plug_str unit = str_from(text.ptr + digits, text.len - digits);
  for (size_t i = 0; i < n; i++) {
    if (!str_eq(unit, str_of(units[i].name)))
      continue;
    return !__builtin_mul_overflow(number, units[i].factor, out);
  }
  return false;
}

static bool parse_duration(struct plug_str text, uint64_t *out)
{
  static const struct unit units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
  if (str_eq(text, STR("0"))) {
    *out = 0;
    return true;
  }
  return parse_with_unit(text, units, sizeof(units) / sizeof(*units), out);
}

static bool parse_bytes(struct plug_str text, uint64_t *out)
{
  static const struct unit units[] = {{"", 1},         {"k", 1u << 10}, {"K", 1u << 10},
                                      {"m", 1u << 20}, {"M", 1u << 20}, {"g", 1u << 30},
                                      {"G", 1u << 30}};
  return parse_with_unit(text, units, sizeof(units) / sizeof(*units), out);
}

static bool parse_bool(struct plug_str text, uint64_t *out)
{
  static const char *const words[] = {"off", "on", "false", "true", "no", "yes", "0", "1"};
  for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
    if (str_eq_nocase(text, str_of(words[i]))) {
      *out = i % 2;
      return true;
    }
  return false;
}

plug_status option_parse_i64(uint32_t type, struct plug_str text, int64_t *out)
{
  uint64_t magnitude = 0;
  bool negative = false;
  bool parsed = false;
  switch (type) {
  case PLUG_OPT_INTEGER:
    negative = text.len && text.ptr[0] == '-';
    parsed = str_to_u64(str_from(text.ptr + negative, text.len - negative), &magnitude);
    break;
  case PLUG_OPT_DURATION:
    parsed = parse_duration(text, &magnitude);
    break;
  case PLUG_OPT_BYTES:
    parsed = parse_bytes(text, &magnitude);
    break;
  case PLUG_OPT_BOOL:
    parsed = parse_bool(text, &magnitude);
    break;
  default:
    break;
  }
  if (!parsed || magnitude > INT64_MAX)
    return PLUG_EINVAL;
  *out = negative ? -(int64_t)magnitude : (int64_t)magnitude;
  return PLUG_OK;
}

/* The items of lists are compared one by one: blanks around them do not count. */
static bool same_list(struct plug_str a, struct plug_str b)
{
  struct plug_str one, other;
  while (a.len && b.len)
    if (str_split(&a, ',', &one) != str_split(&b, ',', &other) || !str_eq(one, other))
      return false;
  return a.len == b.len;
}

bool option_same_value(const struct plug_option *option, struct plug_str a, struct plug_str b)
{
  int64_t one, other;
  if (option->type == PLUG_OPT_LIST)
    return same_list(a, b);
  if (option_parse_i64(option->type, a, &one) == PLUG_OK &&
      option_parse_i64(option->type, b, &other) == PLUG_OK)
    return one == other;
  return str_eq(a, b);
}

/* "low..high", both written as values of the type. */
static bool range_parse(const struct plug_option *option, int64_t *low, int64_t *high)
{
  const char *dots = strstr(option->range, "..");
  if (!dots)
    return false;
  struct plug_str from = str_from(option->range, (size_t)(dots - option->range));
  return option_parse_i64(option->type, from, low) == PLUG_OK &&
         option_parse_i64(option->type, str_of(dots + 2), high) == PLUG_OK && *low <= *high;
}

static bool choice_has(const struct plug_option *option, struct plug_str value)
{
  struct plug_str words = str_of(option->range), word;
  while (str_split(&words, '|', &word))
    if (str_eq(word, value))
      return true;
  return false;
}

static bool list_is_complete(struct plug_str list)
{
  struct plug_str item;
  if (list.len == 0)
    return true;
  while (str_split(&list, ',', &item))
    if (item.len == 0)
      return false;
  return true;
}

static const char *number_fault(const struct plug_option *option, struct plug_str value)
{
  uint64_t bare;
  switch (option->type) {
  case PLUG_OPT_DURATION:
    return str_to_u64(value, &bare) ? "has no unit: ms, s, m or h"
                                    : "is not a duration (examples: 250ms, 10s, 5m, 1h)";
  case PLUG_OPT_BYTES:
    return "is not a size (examples: 512, 64k, 16m)";
  default:
    return "is not a whole number";
  }
}

/* Writes what is wrong with value to why; false if something is. */
static bool value_check(const struct plug_option *option, struct plug_str value, char *why,
                        size_t size)
{
  struct fault_quote quote;
  struct plug_str host;
  uint16_t port;
  int64_t number, low, high;
  const char *fault = NULL;

  if (value.len == 0 && (option->flags & PLUG_OPT_REQUIRED)) {
    snprintf(why, size, "must not be empty");
    return false;
  }
  switch (option->type) {
  case PLUG_OPT_INTEGER:
  case PLUG_OPT_DURATION:
  case PLUG_OPT_BYTES:
    if (option_parse_i64(option->type, value, &number)) {
      fault = number_fault(option, value);
    } else if (option->range && range_parse(option, &low, &high) &&
               (number < low || number > high)) {
      snprintf(why, size, "%.*s is out of range %s", STR_ARG(value), option->range);
      return false;
    }
    break;
  case PLUG_OPT_BOOL:
    if (option_parse_i64(option->type, value, &number))
      fault = "is neither on nor off";
    break;
  case PLUG_OPT_PATH:
    if (value.len == 0)
      fault = "is not a path";
    break;
  case PLUG_OPT_HOSTPORT:
    if (!address_parse(value, &host, &port))
      fault = "is not an address (examples: 127.0.0.1:8080, [::1]:8080)";
    break;
  case PLUG_OPT_LIST:
    if (!list_is_complete(value))
      fault = "has an empty item between its commas";
    break;
  case PLUG_OPT_CHOICE:
    if (!choice_has(option, value)) {
      snprintf(why, size, "%s is not one of %s", fault_quote(&quote, value), option->range);
      return false;
    }
    break;
  default:
    break; /* STRING and SECRET: any text */
  }
  if (fault)
    snprintf(why, size, "%s %s", fault_quote(&quote, value), fault);
  return !fault;
}

/* What is wrong with the option itself, its default apart; NULL if nothing is. */
static const char *option_fault(const struct plug_option *option, bool own)
{
  const uint32_t reload = OPTION_LIVE | OPTION_FIXED,
                 known = PLUG_OPT_REQUIRED | (own ? reload : 0);
  int64_t low, high;
  if (option->type < PLUG_OPT_STRING || option->type > PLUG_OPT_CHOICE)
    return "unknown type";
  if (option->flags & ~known)
    return "unknown flags";
  if (own && (option->flags & reload) != OPTION_LIVE && (option->flags & reload) != OPTION_FIXED)
    return "nothing says whether a reload applies it";
  if (!option->help)
    return "no help text";
  if (option->def && (option->flags & PLUG_OPT_REQUIRED))
    return "required and yet with a default";
  if (option->type == PLUG_OPT_CHOICE) {
    if (!option->range || choice_has(option, str_of("")))
      return "a choice without words, or with an empty one";
  } else if (option->range && (!is_number(option->type) || !range_parse(option, &low, &high))) {
    return "malformed range";
  }
  return NULL;
}

static bool is_option_name(const char *name)
{
  for (const char *c = name; *c; c++)
    if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '-'))
      return false;
  return *name != '\0';
}

plug_status option_table_check(const struct option_table *table, bool own, struct plug_err *err)
{
  for (size_t i = 0; i < table->n; i++) {
    const struct plug_option *option = &table->options[i];
    if (!option->name || !is_option_name(option->name))
      return fault_at(err, NULL, 0, "option %zu has no name of the form [a-z0-9-]+", i);
    if (option_find(table, option->name) != option)
      return fault_at(err, NULL, 0, "option '%s': there are two of that name", option->name);
    const char *fault = option_fault(option, own);
    if (fault)
      return fault_at(err, NULL, 0, "option '%s': %s", option->name, fault);
    char why[192];
    if (option->def && !value_check(option, str_of(option->def), why, sizeof(why)))
      return fault_at(err, NULL, 0, "option '%s': default: %s", option->name,
                      option->type == PLUG_OPT_SECRET ? "not usable" : why);
  }
  return PLUG_OK;
}

static const char *option_name_at(const void *ctx, size_t i)
{
  return ((const struct option_table *)ctx)->options[i].name;
}

static plug_status entry_check(const struct option_table *table, const struct config_entry *entry,
                               const char *name, struct plug_err *err)
{
  const struct plug_option *option = option_find(table, entry->key);
  if (!option) {
    const char *near = option_nearest(entry->key, option_name_at, table, table->n);
    return fault_at(err, entry->file, entry->line, "unknown key '%s' in [%s]%s%s%s", entry->key,
                    name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
  }
  char why[192];
  if (!value_check(option, str_of(entry->value), why, sizeof(why)))
    return fault_at(err, entry->file, entry->line, "[%s] %s: %s", name, entry->key, why);
  return PLUG_OK;
}

plug_status option_check(const struct option_table *table, const struct config_section *section,
                         const char *name, struct plug_err *err)
{
  if (section) {
    const struct list *head = &section->entries;
    for (const struct list *link = head->next; link != head; link = link->next) {
      plug_status status =
          entry_check(table, container_of(link, const struct config_entry, link), name, err);
      if (status)
        return status;
    }
  }
  for (size_t i = 0; i < table->n; i++) {
    const struct plug_option *option = &table->options[i];
    if (!(option->flags & PLUG_OPT_REQUIRED) || (section && section->damaged) ||
        (section && config_section_find(section, option->name)))
      continue;
    return fault_at(err, section ? section->file : NULL, section ? section->line : 0,
                    "[%s] needs the key '%s'", name, option->name);
  }
  return PLUG_OK;
}

plug_status option_str(const struct option_table *table, const struct config_section *section,
                       const char *key, struct plug_str *out)
{
  const struct plug_option *option = option_find(table, key);
  if (!option)
    return PLUG_EINVAL;
  const struct config_entry *entry = section ? config_section_find(section, key) : NULL;
  if (!entry && !option->def)
    return PLUG_EINVAL;
  *out = str_of(entry ? entry->value : option->def);
  return PLUG_OK;
}

plug_status option_i64(const struct option_table *table, const struct config_section *section,
                       const char *key, int64_t *out)
{
  struct plug_str text;
  plug_status status = option_str(table, section, key, &text);
  return status ? status : option_parse_i64(option_find(table, key)->type, text, out);
}

const char *option_nearest(const char *name, const char *(*name_at)(const void *ctx, size_t i),
                           const void *ctx, size_t n)
{
  const char *nearest = NULL;
  size_t len = strlen(name);
  /* A third of the name may be wrong, at most three letters: beyond that it is another word. */
  unsigned limit = len < 3 ? 1 : len > 9 ? 3 : (unsigned)len / 3;
  for (size_t i = 0; i < n; i++) {
    unsigned distance = str_distance(str_of(name), str_of(name_at(ctx, i)), limit + 1);
    if (distance <= limit) {
      nearest = name_at(ctx, i);
      if (distance == 0)
        break;
      limit = distance - 1;
    }
  }
  return nearest;
}

static const char *type_name(uint32_t type)
{
  static const char *const names[] = {
      [PLUG_OPT_STRING] = "text",       [PLUG_OPT_INTEGER] = "number", [PLUG_OPT_BOOL] = "on/off",
      [PLUG_OPT_DURATION] = "duration", [PLUG_OPT_BYTES] = "size",     [PLUG_OPT_PATH] = "path",
      [PLUG_OPT_HOSTPORT] = "address",  [PLUG_OPT_LIST] = "list",      [PLUG_OPT_SECRET] = "secret",
      [PLUG_OPT_CHOICE] = "choice",
  };
  return type >= PLUG_OPT_STRING && type <= PLUG_OPT_CHOICE ? names[type] : "?";
}

/* A cell of a Markdown table: a bar would end it. */
static void put_cell(struct buf *out, const char *text)
{
  for (; *text; text++) {
    if (*text == '|')
      buf_put_char(out, '\\');
    buf_put_char(out, *text);
  }
}

static void put_default(struct buf *out, const struct plug_option *option)
{
  if (option->flags & PLUG_OPT_REQUIRED)
    buf_putf(out, "required");
  else if (!option->def)
    buf_putf(out, "–");
  else if (!*option->def)
    buf_putf(out, "empty");
  else if (option->type == PLUG_OPT_SECRET)
    buf_putf(out, "hidden");
  else {
    buf_putf(out, "`");
    put_cell(out, option->def);
    buf_putf(out, "`");
  }
}

static void put_range(struct buf *out, const struct plug_option *option)
{
  struct plug_str words = str_of(option->range), word;
  const char *between = "";
  if (!option->range)
    return;
  while (str_split(&words, option->type == PLUG_OPT_CHOICE ? '|' : '\n', &word)) {
    buf_putf(out, "%s`%.*s`", between, STR_ARG(word));
    between = ", ";
  }
}

void option_put_reference(struct buf *out, const struct option_table *table)
{
  const uint32_t reload = OPTION_LIVE | OPTION_FIXED;
  bool own = table->n && (table->options[0].flags & reload);
  buf_putf(out, "| key | type | default | values | %smeaning |\n|---|---|---|---|%s---|\n",
           own ? "reload | " : "", own ? "---|" : "");
  for (size_t i = 0; i < table->n; i++) {
    const struct plug_option *option = &table->options[i];
    buf_putf(out, "| `%s` | %s | ", option->name, type_name(option->type));
    put_default(out, option);
    buf_putf(out, " | ");
    put_range(out, option);
    buf_putf(out, " | %s", !own ? "" : option->flags & OPTION_LIVE ? "yes | " : "no | ");
    put_cell(out, option->help);
    buf_putf(out, " |\n");
  }
}
