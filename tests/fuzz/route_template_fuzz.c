/* Templates and destinations of routes, and bodies to fill them from: what is filled in stays a
 * value of its own, and whatever is made is JSON or a destination.
 *
 * Input: the template, a zero byte, the body. */
#include <stdint.h>
#include <stdlib.h>

#include "route_template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Slashes of the text outside of {...}: no value adds one. */
static size_t own_slashes(struct plug_str text)
{
  size_t n = 0;
  for (size_t i = 0; i < text.len; i++)
    n += text.ptr[i] == '/';
  return n;
}

static void fill(const struct route_template *t, json_t *body, struct plug_str template,
                 bool is_json)
{
  static const struct plug_kv attrs[] = {{{"name", 4}, {"\"},{", 4}}};
  static const struct plug_identity who = {
      .size = sizeof who, .user = {"a/b", 3}, .attrs = attrs, .n_attrs = 1};
  struct route_values values = {.who = &who, .session = {"s", 1}, .roots = {body}, .now_ms = 1};
  struct route_refusal refusal;
  size_t len = 0, slashes = 0;
  values.variables[0] = (struct plug_str){"7", 1};
  char *text = route_template_fill(t, &values, &len, &refusal);
  if (!text) {
    if (!refusal.code)
      abort(); /* there is memory */
    return;
  }
  if (is_json) {
    json_t *again =
        json_loadb(text, len, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
    if (!again)
      abort();
    json_decref(again);
  } else {
    for (size_t i = 0; i < len; i++)
      slashes += text[i] == '/';
    if (text[0] != '/' || slashes > own_slashes(template))
      abort();
  }
  free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
  size_t n = zero ? (size_t)(zero - data) : size;
  struct plug_str text = {(const char *)data, n};
  struct plug_err err = {0};
  struct route_path path;
  if (route_path_parse(&path, route_str("/{id:int}"), &err) != PLUG_OK)
    abort();
  json_t *body = zero ? json_loadb((const char *)zero + 1, size - n - 1,
                                   JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL)
                      : NULL;
  const struct route_scope scope = {
      .path = &path, .roots = {"body"}, .n_roots = 1, .has_sender = true};
  struct route_template *json = route_template_json(text, &scope, &err);
  if (json)
    fill(json, body, text, true);
  else if (err.code != PLUG_EINVAL || !err.text[0])
    abort();
  err = (struct plug_err){0};
  struct route_template *destination = route_template_destination(text, &scope, &err);
  if (destination)
    fill(destination, body, text, false);
  else if (err.code != PLUG_EINVAL || !err.text[0])
    abort();
  route_template_free(json);
  route_template_free(destination);
  json_decref(body);
  route_path_fini(&path);
  return 0;
}
