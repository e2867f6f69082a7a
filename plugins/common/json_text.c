#include "json_text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static bool has_real(const json_t *json)
{
  size_t i;
  const json_t *child;
  const char *key;
  if (json_is_array(json)) {
    json_array_foreach(json, i, child) if (has_real(child)) return true;
  } else if (json_is_object(json)) {
    json_object_foreach((json_t *)(uintptr_t)json, key, child) if (has_real(child)) return true;
  }
  return json_is_real(json);
}

/* jansson takes a number of digits for the whole document only: fifteen give back what people
 * write, seventeen every number there is. */
char *json_text_dump(const json_t *json)
{
  size_t flags = JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENCODE_ANY;
  if (!has_real(json))
    return json_dumps(json, flags);
  char *text = json_dumps(json, flags | JSON_REAL_PRECISION(15));
  json_t *again = text ? json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
  bool same = again && json_equal(json, again);
  json_decref(again);
  if (same || !text)
    return text;
  free(text);
  return json_dumps(json, flags | JSON_REAL_PRECISION(17));
}
