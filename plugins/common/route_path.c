#include "route_path.h"

#include <stdlib.h>

/* The words of a "a|b" are names or numbers. */
static bool are_words(struct plug_str words)
{
  size_t len = 0, n = 1;
  for (size_t i = 0; i < words.len; i++) {
    char c = words.ptr[i];
    if (c == '|') {
      if (!len)
        return false;
      len = 0;
      n++;
    } else if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_') {
      len++;
    } else {
      return false;
    }
  }
  return len > 0 && n > 1;
}

static plug_status parse_variable(struct route_path *path, struct plug_str text,
                                  struct plug_err *err)
{
  if (path->n == PLUG_APP_VARIABLES_MAX)
    return route_fault(err, "there are more than %d variables", PLUG_APP_VARIABLES_MAX);
  struct route_variable *variable = &path->variables[path->n];
  const char *colon = memchr(text.ptr, ':', text.len);
  size_t len = colon ? (size_t)(colon - text.ptr) : text.len;
  struct plug_str type = colon ? route_slice(colon + 1, text.len - len - 1) : route_str("");
  *variable = (struct route_variable){.name = route_slice(text.ptr, len)};
  if (!route_is_name(variable->name))
    return route_fault(err, "'{%.*s}' is no variable: a name starts with a letter", (int)text.len,
                       text.ptr);
  for (size_t i = 0; i < path->n; i++)
    if (path->variables[i].name.len == len &&
        memcmp(path->variables[i].name.ptr, text.ptr, len) == 0)
      return route_fault(err, "{%.*s} is there twice", (int)len, text.ptr);
  static const struct {
    const char *name;
    enum route_type type;
  } types[] = {{"uuid", ROUTE_UUID}, {"int", ROUTE_INT}, {"slug", ROUTE_SLUG}};
  bool known = !colon;
  for (size_t i = 0; colon && i < sizeof types / sizeof *types; i++)
    if (route_eq(type, types[i].name)) {
      variable->type = types[i].type;
      known = true;
    }
  if (!known && are_words(type)) {
    variable->type = ROUTE_ENUM;
    variable->words = type;
    known = true;
  }
  if (!known)
    return route_fault(err,
                       "'{%.*s}': there are the types uuid, int, slug, and words as in "
                       "{%.*s:news|chat}",
                       (int)text.len, text.ptr, (int)len, text.ptr);
  path->n++;
  return PLUG_OK;
}

static plug_status fill(struct route_path *path, struct plug_str text, struct plug_err *err)
{
  char *to = path->claim;
  for (size_t i = 0; i < text.len;) {
    char c = path->text[i];
    if (c == '}')
      return route_fault(err, "a '}' without its '{'");
    if ((unsigned char)c < 0x20)
      return route_fault(err, "has a control character");
    if (c != '{') {
      *to++ = c;
      i++;
      continue;
    }
    const char *begin = path->text + i + 1;
    const char *end = memchr(begin, '}', text.len - i - 1);
    if (!end)
      return route_fault(err, "a '{' without its '}'");
    bool whole = i > 0 && path->text[i - 1] == '/' &&
                 ((size_t)(end + 1 - path->text) == text.len || end[1] == '/');
    if (!whole)
      return route_fault(err, "'{%.*s}' is not a whole segment", (int)(end - begin), begin);
    plug_status status = parse_variable(path, route_slice(begin, (size_t)(end - begin)), err);
    if (status != PLUG_OK)
      return status;
    struct plug_str name = path->variables[path->n - 1].name;
    *to++ = '{';
    memcpy(to, name.ptr, name.len);
    to += name.len;
    *to++ = '}';
    i = (size_t)(end + 1 - path->text);
  }
  *to = '\0';
  return PLUG_OK;
}

plug_status route_path_parse(struct route_path *path, struct plug_str text, struct plug_err *err)
{
  *path = (struct route_path){0};
  if (!text.len || text.ptr[0] != '/')
    return route_fault(err, "must start with a slash, as in /rooms/{room}/chat");
  path->text = malloc(text.len + 1);
  path->claim = malloc(text.len + 1);
  if (!path->text || !path->claim) {
    route_path_fini(path);
    return PLUG_ENOMEM;
  }
  memcpy(path->text, text.ptr, text.len);
  path->text[text.len] = '\0';
  plug_status status = fill(path, text, err);
  if (status != PLUG_OK)
    route_path_fini(path);
  return status;
}

void route_path_fini(struct route_path *path)
{
  free(path->text);
  free(path->claim);
  *path = (struct route_path){0};
}

static bool is_uuid(struct plug_str s)
{
  if (s.len != 36)
    return false;
  for (size_t i = 0; i < 36; i++) {
    char c = s.ptr[i];
    bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !hex)
      return false;
  }
  return true;
}

static bool is_int(struct plug_str s)
{
  size_t i = s.len && s.ptr[0] == '-';
  size_t digits = s.len - i;
  if (!digits || digits > 18 || (digits > 1 && s.ptr[i] == '0') || (i && s.ptr[i] == '0'))
    return false;
  for (; i < s.len; i++)
    if (s.ptr[i] < '0' || s.ptr[i] > '9')
      return false;
  return true;
}

static bool is_slug(struct plug_str s)
{
  for (size_t i = 0; i < s.len; i++) {
    char c = s.ptr[i];
    if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
          c == '_'))
      return false;
  }
  return s.len > 0;
}

static bool is_word(struct plug_str words, struct plug_str s)
{
  const char *at = words.ptr, *end = words.ptr + words.len;
  while (at < end) {
    const char *bar = memchr(at, '|', (size_t)(end - at));
    size_t len = (size_t)((bar ? bar : end) - at);
    if (len == s.len && memcmp(at, s.ptr, len) == 0)
      return true;
    at += len + 1;
  }
  return false;
}

bool route_variable_check(const struct route_variable *variable, struct plug_str value, char *out,
                          struct route_refusal *refusal)
{
  static const char *const wanted[] = {[ROUTE_ANY] = "a name",
                                       [ROUTE_UUID] = "a UUID",
                                       [ROUTE_INT] = "a whole number",
                                       [ROUTE_SLUG] = "of letters, digits, '-' and '_'"};
  bool fits = value.len > 0;
  switch (variable->type) {
  case ROUTE_ANY:
    break;
  case ROUTE_UUID:
    fits = is_uuid(value);
    break;
  case ROUTE_INT:
    fits = is_int(value);
    break;
  case ROUTE_SLUG:
    fits = is_slug(value);
    break;
  case ROUTE_ENUM:
    fits = is_word(variable->words, value);
    break;
  }
  if (!fits && variable->type == ROUTE_ENUM)
    return route_refuse(refusal, "bad-path", "%.*s is none of %.*s", (int)variable->name.len,
                        variable->name.ptr, (int)variable->words.len, variable->words.ptr);
  if (!fits)
    return route_refuse(refusal, "bad-path", "%.*s is not %s", (int)variable->name.len,
                        variable->name.ptr, wanted[variable->type]);
  memcpy(out, value.ptr, value.len);
  for (size_t i = 0; variable->type == ROUTE_UUID && i < value.len; i++)
    if (out[i] >= 'A' && out[i] <= 'F')
      out[i] = (char)(out[i] - 'A' + 'a');
  return true;
}
