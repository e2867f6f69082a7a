#include "watch_values.h"

#include <time.h>

struct route_values watch_values(const struct watch_section *section,
                                 const struct plug_str *variables)
{
  struct timespec wall;
  clock_gettime(CLOCK_REALTIME, &wall);
  struct route_values values = {.now_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000};
  for (size_t i = 0; i < section->path.n; i++)
    values.variables[i] = variables[i];
  return values;
}

char *watch_values_fill(const struct watch_section *section, const struct plug_str *variables,
                        const struct route_template *template, size_t *len)
{
  struct route_values values = watch_values(section, variables);
  struct route_refusal refusal;
  return route_template_fill(template, &values, len, &refusal);
}

json_t *watch_values_info(struct plug_str info)
{
  json_t *json =
      info.len ? json_loadb(info.ptr, info.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
  return json ? json : json_null();
}
