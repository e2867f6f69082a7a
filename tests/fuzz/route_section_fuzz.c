/* A route as it is written: the first line is the pattern, the others are "key=value". What is
 * accepted runs with the rest of the input as its body. */
#include <stdint.h>
#include <stdlib.h>

#include "route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool take_line(struct plug_str *rest, struct plug_str *line)
{
  if (!rest->len || rest->ptr[0] == '\n')
    return false;
  const char *eol = memchr(rest->ptr, '\n', rest->len);
  *line = (struct plug_str){rest->ptr, eol ? (size_t)(eol - rest->ptr) : rest->len};
  size_t used = line->len + (eol != NULL);
  *rest = (struct plug_str){rest->ptr + used, rest->len - used};
  return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct plug_str rest = {(const char *)data, size}, line = {"", 0};
  struct plug_err err = {0};
  struct route route;
  take_line(&rest, &line);
  plug_status status = route_begin(&route, route_str("r"), line, &err);
  while (status == PLUG_OK && take_line(&rest, &line)) {
    const char *equals = memchr(line.ptr, '=', line.len);
    size_t n = equals ? (size_t)(equals - line.ptr) : line.len;
    struct plug_kv entry = {{line.ptr, n}, {line.ptr + n + (equals != NULL), 0}};
    entry.value.len = line.len - n - (equals != NULL);
    bool twice = (route_eq(entry.key, "to") && route.to) ||
                 (route_eq(entry.key, "body") && route.body) ||
                 (route_eq(entry.key, "if") && route.condition) ||
                 (route_eq(entry.key, "content-type") && route.content_type);
    if (!twice) /* the reader of the configuration refuses it */
      status = route_set(&route, entry, 8, &err);
  }
  if (status != PLUG_OK && (status != PLUG_EINVAL || !err.text[0]))
    abort();
  if (status == PLUG_OK && route.to) {
    struct plug_kv variables[PLUG_APP_VARIABLES_MAX];
    struct plug_app_request request = {.size = sizeof request,
                                       .session_id = {"s", 1},
                                       .path = {"00000000", 8},
                                       .variables = variables,
                                       .n_variables = route.path.n,
                                       .body = rest};
    for (size_t i = 0; i < route.path.n; i++)
      variables[i] = (struct plug_kv){route.path.variables[i].name, {"7", 1}};
    struct route_result result;
    struct route_refusal refusal;
    if (route_run(&route, &request, 1, 1, &result, &refusal)) {
      free(result.destination);
      free(result.body);
    } else if (!refusal.code || !refusal.reason[0]) {
      abort();
    }
  }
  route_fini(&route);
  return 0;
}
