#include "api/api_json.h"

#include <stdio.h>

#include "base/str.h"
#include "base/utf8.h"

json_t *api_json_read(struct plug_str body, struct api_fault *fault)
{
  json_error_t error;
  if (!body.len) {
    api_refuse(fault, 400, "bad-json", NULL, "the body is empty; a JSON object is expected");
    return NULL;
  }
  json_t *root = json_loadb(body.ptr, body.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
  if (!root) {
    utf8_mend(error.text);
    api_refuse(fault, 400, "bad-json", NULL, "the body is no JSON: line %d, column %d: %s",
               error.line, error.column, error.text);
    return NULL;
  }
  if (json_is_object(root))
    return root;
  json_decref(root);
  api_refuse(fault, 400, "bad-json", NULL, "the body is no JSON object");
  return NULL;
}

int api_json_cut(const char *name, size_t max)
{
  return (int)utf8_cut(name, strlen(name), max);
}

bool api_json_refuse(struct api_fault *fault, uint16_t status, const char *code, long item,
                     const char *name, const char *format, ...)
{
  char path[96];
  va_list args;
  int len = api_json_cut(name, item < 0 ? 80 : 60);
  if (item < 0)
    snprintf(path, sizeof path, "%.*s", len, name);
  else
    snprintf(path, sizeof path, "messages[%ld]%s%.*s", item, len ? "." : "", len, name);
  va_start(args, format);
  bool refused = api_refuse_with(fault, status, code, path, format, args);
  va_end(args);
  return refused;
}

bool api_json_text(const json_t *object, long item, const char *name, size_t max,
                   struct plug_str *out, struct api_fault *fault)
{
  const json_t *value = json_object_get(object, name);
  *out = STR("");
  if (!value)
    return true;
  if (!json_is_string(value))
    return api_json_refuse(fault, 400, "bad-type", item, name, "'%s' is to be a string", name);
  *out = api_json_str(value);
  if (!out->len)
    return api_json_refuse(fault, 400, "bad-value", item, name, "'%s' is empty", name);
  if (out->len > max)
    return api_json_refuse(fault, 400, "bad-value", item, name, "'%s' is longer than %zu bytes",
                           name, max);
  return true;
}

bool api_json_known(const json_t *object, long item, const char *const *names, size_t n_names,
                    struct api_fault *fault)
{
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)(uintptr_t)object, name, value)
  {
    size_t i = 0;
    while (i < n_names && strcmp(names[i], name) != 0)
      i++;
    if (i < n_names)
      continue;
    return api_json_refuse(fault, 400, "unknown-field", item, name, "there is no field '%.*s' here",
                           api_json_cut(name, 80), name);
  }
  return true;
}
