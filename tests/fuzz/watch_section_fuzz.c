/* A section of app-presence as it is written: the first line is what is watched, the others are
 * "key=value". What is accepted is filled in with values that clients choose. */
#include <stdint.h>
#include <stdlib.h>

#include "watch_list.h"
#include "watch_section.h"

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

/* The reader of the configuration refuses a key that is there twice. */
static bool is_there(const struct watch_section *section, struct plug_str key)
{
  return (route_eq(key, "info") && section->info) || (route_eq(key, "join") && section->join) ||
         (route_eq(key, "leave") && section->leave) ||
         (route_eq(key, "member") && section->member) || (route_eq(key, "list") && section->list) ||
         (route_eq(key, "destination") && section->destination) ||
         (route_eq(key, "members") && section->members.claim) ||
         (route_eq(key, "reply") && section->reply) ||
         (route_eq(key, "content-type") && section->content_type);
}

static void run(const struct watch_section *section, struct plug_str text)
{
  struct plug_kv given[PLUG_APP_VARIABLES_MAX];
  struct plug_str variables[PLUG_APP_VARIABLES_MAX];
  struct route_refusal refusal;
  struct watch_list list;
  char *held = NULL;
  size_t len = 0;
  for (size_t i = 0; i < section->path.n; i++)
    given[i] = (struct plug_kv){section->path.variables[i].name, text.len ? text : route_str("7")};
  if (watch_section_variables(section, given, section->path.n, NULL, variables, &held, &refusal)) {
    if (!watch_list_begin(&list, section, variables))
      abort();
    watch_list_add(&list, route_str("user"), text);
    char *made = watch_list_end(&list, 1, &len);
    json_t *again = made ? json_loadb(made, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
    if (made && !again)
      abort();
    json_decref(again);
    free(made);
  } else if (!refusal.code || !refusal.reason[0]) {
    abort();
  }
  free(held);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct plug_str rest = {(const char *)data, size}, line = {"", 0};
  struct plug_err err = {0};
  struct watch_section section;
  take_line(&rest, &line);
  plug_status status = watch_section_begin(&section, route_str("r"), line, &err);
  while (status == PLUG_OK && take_line(&rest, &line)) {
    const char *equals = memchr(line.ptr, '=', line.len);
    size_t n = equals ? (size_t)(equals - line.ptr) : line.len;
    struct plug_kv entry = {{line.ptr, n}, {line.ptr + n + (equals != NULL), 0}};
    entry.value.len = line.len - n - (equals != NULL);
    if (!is_there(&section, entry.key))
      status = watch_section_set(&section, entry, &err);
  }
  if (status == PLUG_OK)
    status = watch_section_complete(&section, &err);
  if (status != PLUG_OK && (status != PLUG_EINVAL || !err.text[0]))
    abort();
  if (status == PLUG_OK)
    run(&section, rest);
  watch_section_fini(&section);
  return 0;
}
