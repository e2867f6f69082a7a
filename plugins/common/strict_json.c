#include "strict_json.h"

#include <stdio.h>

/* How deep arrays and objects are nested. Text that is not JSON gives some number: the parser
 * refuses it anyway. */
static unsigned depth_of(struct plug_str text)
{
  unsigned depth = 0, deepest = 0;
  for (size_t i = 0; i < text.len; i++) {
    switch (text.ptr[i]) {
    case '"':
      for (i++; i < text.len && text.ptr[i] != '"'; i++)
        if (text.ptr[i] == '\\')
          i++;
      break;
    case '{':
    case '[':
      if (++depth > deepest)
        deepest = depth;
      break;
    case '}':
    case ']':
      if (depth > 0)
        depth--;
      break;
    default:
      break;
    }
  }
  return deepest;
}

json_t *strict_json_parse(struct plug_str text, unsigned max_depth, char why[160], int *line)
{
  json_error_t error;
  *line = 0;
  if (text.len == 0) {
    snprintf(why, 160, "it is empty");
    return NULL;
  }
  if (depth_of(text) > max_depth) {
    snprintf(why, 160, "it is nested deeper than %u", max_depth);
    return NULL;
  }
  json_t *json = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
  if (json == NULL) {
    *line = error.line;
    /* What jansson quotes of the text is left out: it may be a secret. */
    const char *what = "it is not JSON";
    switch (json_error_code(&error)) {
    case json_error_duplicate_key:
      what = "a member comes twice";
      break;
    case json_error_numeric_overflow:
      what = "a number is out of range";
      break;
    case json_error_null_character:
    case json_error_null_byte_in_key:
      what = "it holds a NUL character";
      break;
    case json_error_invalid_utf8:
      what = "it is not UTF-8";
      break;
    case json_error_end_of_input_expected:
      what = "something follows the JSON";
      break;
    case json_error_out_of_memory:
      what = "out of memory";
      break;
    default:
      break;
    }
    snprintf(why, 160, "%s", what);
    return NULL;
  }
  if (!json_is_object(json)) {
    snprintf(why, 160, "it is not a JSON object");
    json_decref(json);
    return NULL;
  }
  return json;
}

struct plug_str strict_json_value_str(const json_t *value)
{
  if (!json_is_string(value))
    return (struct plug_str){NULL, 0};
  return (struct plug_str){json_string_value(value), json_string_length(value)};
}

struct plug_str strict_json_str(const json_t *object, const char *key)
{
  return strict_json_value_str(json_object_get(object, key));
}
