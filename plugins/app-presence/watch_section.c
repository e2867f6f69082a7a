#include "watch_section.h"

#include <stdlib.h>

#define EVENTS_MAX 1000

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

static void set_scopes(struct watch_section *section)
{
  const struct route_path *path = &section->path;
  section->plain = (struct route_scope){.path = path};
  section->sender = (struct route_scope){.path = path, .has_sender = true};
  section->event = (struct route_scope){.path = path,
                                        .roots = {[WATCH_USER] = "user",
                                                  [WATCH_INFO] = "info",
                                                  [WATCH_COUNT] = "count",
                                                  [WATCH_MERGED] = "merged"},
                                        .n_roots = 4};
  section->member_scope = (struct route_scope){
      .path = path, .roots = {[WATCH_USER] = "user", [WATCH_INFO] = "info"}, .n_roots = 2};
  section->list_scope = (struct route_scope){
      .path = path,
      .roots = {[WATCH_LIST_COUNT] = "count", [WATCH_LIST_MEMBERS] = "members"},
      .n_roots = 2};
}

plug_status watch_section_begin(struct watch_section *section, struct plug_str name,
                                struct plug_str watch, struct plug_err *err)
{
  struct plug_err why = {0};
  *section = (struct watch_section){.linger_ms = 2000, .max_events = 10, .max_list = 100};
  set_scopes(section);
  section->name = copy(name);
  if (!section->name)
    return PLUG_ENOMEM;
  plug_status status = route_path_parse(&section->path, watch, &why);
  if (status == PLUG_OK && strchr(section->path.claim, '*'))
    status = route_fault(&why, "there is one room for each of its variables' values: no '*' here");
  if (status == PLUG_OK) {
    section->topic =
        route_template_destination(route_str(section->path.claim), &section->plain, &why);
    status = section->topic ? PLUG_OK : why.code;
  }
  return status == PLUG_EINVAL ? route_fault(err, "watch: %s", why.text) : status;
}

/* --- values ------------------------------------------------------------------------------- */

static bool parse_number(struct plug_str text, uint64_t *out)
{
  *out = 0;
  for (size_t i = 0; i < text.len; i++) {
    if (text.ptr[i] < '0' || text.ptr[i] > '9')
      return false;
    *out = *out * 10 + (uint64_t)(text.ptr[i] - '0');
  }
  return text.len > 0 && text.len < 10;
}

static plug_status set_number(struct plug_str value, uint64_t low, uint64_t high, uint64_t *out,
                              struct plug_err *why)
{
  if (parse_number(value, out) && *out >= low && *out <= high)
    return PLUG_OK;
  return route_fault(why, "'%.*s' is not a whole number from %llu to %llu", (int)value.len,
                     value.ptr ? value.ptr : "", (unsigned long long)low, (unsigned long long)high);
}

static plug_status set_switch(struct plug_str value, bool *out, struct plug_err *why)
{
  *out = route_eq(value, "on") || route_eq(value, "true") || route_eq(value, "yes");
  if (*out || route_eq(value, "off") || route_eq(value, "false") || route_eq(value, "no"))
    return PLUG_OK;
  return route_fault(why, "'%.*s' is neither on nor off", (int)value.len,
                     value.ptr ? value.ptr : "");
}

static plug_status set_snapshot(struct plug_str value, enum watch_snapshot_kind *out,
                                struct plug_err *why)
{
  static const char *const words[] = {
      [WATCH_NOTHING] = "off", [WATCH_LIST] = "list", [WATCH_JOIN] = "join"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (route_eq(value, words[i])) {
      *out = (enum watch_snapshot_kind)i;
      return PLUG_OK;
    }
  return route_fault(why, "'%.*s' is none of off, list and join", (int)value.len,
                     value.ptr ? value.ptr : "");
}

static plug_status set_linger(struct plug_str value, uint64_t *out, struct plug_err *why)
{
  static const struct {
    const char *unit;
    uint64_t ms;
  } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"", 0}};
  for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
    size_t len = strlen(units[i].unit);
    uint64_t amount;
    if (value.len <= len || memcmp(value.ptr + value.len - len, units[i].unit, len) != 0 ||
        !parse_number(route_slice(value.ptr, value.len - len), &amount))
      continue;
    if (!len && amount)
      break; /* only 0 needs no unit */
    *out = amount * units[i].ms;
    if (*out <= 600000)
      return PLUG_OK;
  }
  return route_fault(why, "'%.*s' is no duration of at most 10m, as in 500ms, 2s or 0",
                     (int)value.len, value.ptr ? value.ptr : "");
}

static plug_status set_members(struct watch_section *section, struct plug_str value,
                               struct plug_err *why)
{
  plug_status status = route_path_parse(&section->members, value, why);
  const struct route_path *members = &section->members, *path = &section->path;
  for (size_t i = 0; status == PLUG_OK && i < path->n; i++) {
    size_t k = 0;
    struct plug_str name = path->variables[i].name;
    while (k < members->n && !(members->variables[k].name.len == name.len &&
                               memcmp(members->variables[k].name.ptr, name.ptr, name.len) == 0))
      k++;
    if (k == members->n)
      return route_fault(why, "must have the variable {%.*s} of the pattern that is watched",
                         (int)name.len, name.ptr);
    section->variables[i] = k;
  }
  return status;
}

static plug_status set_reply(struct watch_section *section, struct plug_str value,
                             struct plug_err *why)
{
  if (value.len < 2 || value.ptr[0] != '/')
    return route_fault(why, "must start with a slash, as in /queue/members");
  section->reply = copy(value);
  return section->reply ? PLUG_OK : PLUG_ENOMEM;
}

static plug_status set_text(char **out, struct plug_str value)
{
  *out = copy(value);
  return *out ? PLUG_OK : PLUG_ENOMEM;
}

static plug_status set_json(struct route_template **out, struct plug_str value,
                            const struct route_scope *scope, struct plug_err *why)
{
  *out = route_template_json(value, scope, why);
  return *out ? PLUG_OK : why->code;
}

static plug_status set(struct watch_section *section, struct plug_kv entry, bool *known,
                       struct plug_err *why)
{
  struct plug_str key = entry.key, value = entry.value;
  *known = true;
  if (route_eq(key, "watch"))
    return PLUG_OK;
  if (route_eq(key, "members"))
    return set_members(section, value, why);
  if (route_eq(key, "reply"))
    return set_reply(section, value, why);
  if (route_eq(key, "anonymous"))
    return set_switch(value, &section->anonymous, why);
  if (route_eq(key, "snapshot"))
    return set_snapshot(value, &section->snapshot, why);
  if (route_eq(key, "linger"))
    return set_linger(value, &section->linger_ms, why);
  if (route_eq(key, "max-events"))
    return set_number(value, 1, EVENTS_MAX, &section->max_events, why);
  if (route_eq(key, "max-list"))
    return set_number(value, 0, 10000, &section->max_list, why);
  if (route_eq(key, "content-type"))
    return set_text(&section->content_type, value);
  if (route_eq(key, "destination")) {
    section->destination = route_template_destination(value, &section->plain, why);
    return section->destination ? PLUG_OK : why->code;
  }
  if (route_eq(key, "info"))
    return set_json(&section->info, value, &section->sender, why);
  if (route_eq(key, "join"))
    return set_json(&section->join, value, &section->event, why);
  if (route_eq(key, "leave"))
    return set_json(&section->leave, value, &section->event, why);
  if (route_eq(key, "member"))
    return set_json(&section->member, value, &section->member_scope, why);
  if (route_eq(key, "list"))
    return set_json(&section->list, value, &section->list_scope, why);
  *known = false;
  return PLUG_EINVAL;
}

plug_status watch_section_set(struct watch_section *section, struct plug_kv entry,
                              struct plug_err *err)
{
  struct plug_err why = {0};
  bool known;
  plug_status status = set(section, entry, &known, &why);
  if (!known)
    return route_fault(err,
                       "unknown key '%.*s'; there are watch, anonymous, info, join, leave, "
                       "destination, content-type, members, member, list, reply, max-list, "
                       "snapshot, max-events and linger",
                       (int)entry.key.len, entry.key.ptr);
  return status == PLUG_EINVAL
             ? route_fault(err, "%.*s: %s", (int)entry.key.len, entry.key.ptr, why.text)
             : status;
}

plug_status watch_section_complete(struct watch_section *section, struct plug_err *err)
{
  static const struct {
    size_t offset;
    const char *key, *value;
  } defaults[] = {
      {offsetof(struct watch_section, join), "join",
       "{\"type\":\"JOIN\",\"user\":\"{user}\",\"info\":\"{info}\",\"count\":\"{count}\"}"},
      {offsetof(struct watch_section, leave), "leave",
       "{\"type\":\"LEAVE\",\"user\":\"{user}\",\"info\":\"{info}\",\"count\":\"{count}\"}"},
      {offsetof(struct watch_section, member), "member",
       "{\"user\":\"{user}\",\"info\":\"{info}\"}"},
      {offsetof(struct watch_section, list), "list",
       "{\"type\":\"MEMBERS\",\"count\":\"{count}\",\"members\":\"{members}\"}"},
      {offsetof(struct watch_section, reply), "reply", "/queue/members"},
      {offsetof(struct watch_section, content_type), "content-type", "application/json"},
  };
  plug_status status = PLUG_OK;
  for (size_t i = 0; i < sizeof defaults / sizeof *defaults && status == PLUG_OK; i++) {
    struct plug_kv entry = {route_str(defaults[i].key), route_str(defaults[i].value)};
    if (!*(void **)(void *)((char *)section + defaults[i].offset))
      status = watch_section_set(section, entry, err);
  }
  return status;
}

void watch_section_fini(struct watch_section *section)
{
  route_template_free(section->topic);
  route_template_free(section->destination);
  route_template_free(section->info);
  route_template_free(section->join);
  route_template_free(section->leave);
  route_template_free(section->member);
  route_template_free(section->list);
  route_path_fini(&section->path);
  route_path_fini(&section->members);
  free(section->name);
  free(section->reply);
  free(section->content_type);
  *section = (struct watch_section){0};
}

bool watch_section_variables(const struct watch_section *section, const struct plug_kv *variables,
                             size_t n, const size_t *numbers, struct plug_str *out, char **text,
                             struct route_refusal *refusal)
{
  size_t bytes = 1;
  refusal->code = NULL;
  for (size_t i = 0; i < n; i++)
    bytes += variables[i].value.len;
  char *at = *text = malloc(bytes);
  for (size_t i = 0; at && i < section->path.n; i++) {
    size_t number = numbers ? numbers[i] : i;
    if (number >= n)
      return false;
    struct plug_str value = variables[number].value;
    if (!route_variable_check(&section->path.variables[i], value, at, refusal))
      return false;
    out[i] = route_slice(at, value.len);
    at += value.len;
  }
  return *text != NULL;
}
