#include "api/api_json.h"

#include <stdio.h>

#include "base/str.h"

json_t *api_json_read(struct plug_str body, struct api_fault *fault)
{
  json_error_t error;
  if (!body.len) {
    api_refuse(fault, 400, "bad-json", NULL, "the body is empty; a JSON object is expected");
    return NULL;
  }
  json_t *root = json_loadb(body.ptr, body.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
  if (!root) {
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

const char *api_json_path(char out[96], long item, const char *name)
{
  const char *dot = *name ? "." : "";
  if (item < 0)
    snprintf(out, 96, "%.80s", name);
  else
    snprintf(out, 96, "messages[%ld]%s%.60s", item, dot, name);
  return out;
}

bool api_json_text(const json_t *object, long item, const char *name, size_t max,
                   struct plug_str *out, struct api_fault *fault)
{
  char path[96];
  const json_t *value = json_object_get(object, name);
  *out = STR("");
  if (!value)
    return true;
  api_json_path(path, item, name);
  if (!json_is_string(value))
    return api_refuse(fault, 400, "bad-type", path, "'%s' is to be a string", name);
  *out = api_json_str(value);
  if (!out->len)
    return api_refuse(fault, 400, "bad-value", path, "'%s' is empty", name);
  if (out->len > max)
    return api_refuse(fault, 400, "bad-value", path, "'%s' is longer than %zu bytes", name, max);
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
    char path[96];
    return api_refuse(fault, 400, "unknown-field", api_json_path(path, item, name),
                      "there is no field '%.80s' here", name);
  }
  return true;
}
