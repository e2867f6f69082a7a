#include "route.h"

#include <stdlib.h>

static char *copy(struct plug_str s)
{
  char *out = malloc(s.len + 1);
  if (out) {
    if (s.len)
      memcpy(out, s.ptr, s.len);
    out[s.len] = '\0';
  }
  return out;
}

plug_status route_begin(struct route *route, struct plug_str name, struct plug_str pattern,
                        struct plug_err *err)
{
  struct plug_err why = {0};
  *route = (struct route){.name = copy(name)};
  if (!route->name)
    return PLUG_ENOMEM;
  route->scope = (struct route_scope){
      .path = &route->path, .roots = {[ROUTE_BODY] = "body"}, .n_roots = 1, .has_sender = true};
  plug_status status = route_path_parse(&route->path, pattern, &why);
  return status == PLUG_EINVAL ? route_fault(err, "pattern: %s", why.text) : status;
}

plug_status route_set(struct route *route, struct plug_kv entry, size_t rate_keys,
                      struct plug_err *err)
{
  struct plug_err why = {0};
  const void *made = NULL;
  if (route_eq(entry.key, "pattern"))
    return PLUG_OK;
  if (route_eq(entry.key, "if"))
    made = route->condition = route_condition_parse(entry.value, rate_keys, &why);
  else if (route_eq(entry.key, "to"))
    made = route->to = route_template_destination(entry.value, &route->scope, &why);
  else if (route_eq(entry.key, "body"))
    made = route->body = route_template_json(entry.value, &route->scope, &why);
  else if (route_eq(entry.key, "content-type"))
    made = route->content_type = copy(entry.value);
  else
    return route_fault(err, "unknown key '%.*s'; there are pattern, if, to, body and content-type",
                       (int)entry.key.len, entry.key.ptr);
  if (made)
    return PLUG_OK;
  return why.code == PLUG_EINVAL
             ? route_fault(err, "%.*s: %s", (int)entry.key.len, entry.key.ptr, why.text)
             : PLUG_ENOMEM;
}

void route_fini(struct route *route)
{
  free(route->name);
  free(route->content_type);
  route_template_free(route->to);
  route_template_free(route->body);
  route_condition_free(route->condition);
  route_path_fini(&route->path);
  *route = (struct route){0};
}

/* --- running ------------------------------------------------------------------------------ */

/* Texts of a parser may quote what they do not like. */
static void make_printable(char *text)
{
  for (char *c = text; *c; c++)
    if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
      *c = '?';
}

static bool parse_body(const struct plug_app_request *request, json_t **body,
                       struct route_refusal *refusal)
{
  json_error_t why;
  *body = json_loadb(request->body.ptr ? request->body.ptr : "", request->body.len,
                     JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
  if (*body)
    return true;
  make_printable(why.text);
  return route_refuse(refusal, "bad-body", "the body is not JSON that is understood: %.150s",
                      why.text);
}

static bool check_variables(const struct route *route, const struct plug_app_request *request,
                            struct route_values *values, char *text, struct route_refusal *refusal)
{
  for (size_t i = 0; i < route->path.n && i < request->n_variables; i++) {
    struct plug_str value = request->variables[i].value;
    if (!route_variable_check(&route->path.variables[i], value, text, refusal))
      return false;
    values->variables[i] = route_slice(text, value.len);
    text += value.len;
  }
  return true;
}

bool route_run(struct route *route, const struct plug_app_request *request, int64_t now_ms,
               uint64_t now_us, struct route_result *result, struct route_refusal *refusal)
{
  struct route_values values = {
      .who = request->who, .session = request->session_id, .now_ms = now_ms};
  bool done = false;
  char *text = malloc(request->path.len + 1);
  *result = (struct route_result){0};
  refusal->code = NULL;
  if (!text)
    return false;
  bool needs_body = route_condition_needs_body(route->condition) ||
                    route_template_needs_root(route->to, ROUTE_BODY) ||
                    route_template_needs_root(route->body, ROUTE_BODY);
  if (!check_variables(route, request, &values, text, refusal) ||
      (needs_body && !parse_body(request, &values.roots[ROUTE_BODY], refusal)) ||
      !route_condition_check(route->condition, &values, refusal))
    goto end;
  result->destination = route_template_fill(route->to, &values, &result->destination_len, refusal);
  if (!result->destination)
    goto end;
  if (route->body &&
      !(result->body = route_template_fill(route->body, &values, &result->body_len, refusal)))
    goto end;
  struct plug_str room = route_slice(result->destination, result->destination_len);
  done = route_condition_take(route->condition, &values, room, now_us, refusal);

end:
  json_decref(values.roots[ROUTE_BODY]);
  free(text);
  if (!done) {
    free(result->destination);
    free(result->body);
    *result = (struct route_result){0};
  }
  return done;
}
