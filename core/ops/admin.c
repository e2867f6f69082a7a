#include "config/fault.h"
#include "ops/admin_inner.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/str.h"
#include "http/http_query.h"

#define MAX_BODY 65536u

/* --- answers ------------------------------------------------------------------------------- */

void admin_no_memory(struct mount_request *request)
{
  admin_refuse_with(request, 503, "out-of-memory", "the server is out of memory");
}

void admin_answer(struct mount_request *request, uint16_t status, json_t *json)
{
  char *text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
  json_decref(json);
  if (!text) {
    admin_no_memory(request);
    return;
  }
  mount_answer(request, &(struct mount_answer){.status = status, .body = str_of(text)});
  free(text);
}

void admin_refuse(struct mount_request *request, const struct api_fault *fault)
{
  struct buf text = {0};
  COUNT(admin_refused);
  api_fault_put(fault, &text);
  mount_answer_text(request, fault->status, &text);
}

void admin_refuse_with(struct mount_request *request, uint16_t status, const char *code,
                       const char *format, ...)
{
  struct api_fault fault;
  va_list args;
  va_start(args, format);
  (void)api_refuse_with(&fault, status, code, NULL, format, args);
  va_end(args);
  admin_refuse(request, &fault);
}

json_t *admin_string(struct plug_str text)
{
  json_t *string = json_stringn(text.ptr ? text.ptr : "", text.len);
  return string ? string : json_null();
}

/* --- walks --------------------------------------------------------------------------------- */

void admin_walk_begin(struct admin *admin)
{
  atomic_fetch_add_explicit(&admin->n_walks, 1, memory_order_relaxed);
}

void admin_walk_end(struct admin *admin)
{
  atomic_fetch_sub_explicit(&admin->n_walks, 1, memory_order_relaxed);
}

uint64_t admin_step_end_us(const struct admin *admin)
{
  return clock_now_us() +
         ADMIN_STEP_US / atomic_load_explicit(&admin->n_walks, memory_order_relaxed);
}

/* --- queries ------------------------------------------------------------------------------- */

bool admin_text_has(struct plug_str text, struct plug_str needle)
{
  for (size_t i = 0; i + needle.len <= text.len; i++)
    if (str_eq_nocase(str_from(text.ptr + i, needle.len), needle))
      return true;
  return false;
}

static bool read_value(struct mount_request *request, const char *name, struct buf *out)
{
  switch (http_query_find(request->query, str_of(name), out)) {
  case HTTP_QUERY_TWICE:
    admin_refuse_with(request, 400, "bad-query", "there is more than one '%s'", name);
    return false;
  case HTTP_QUERY_BAD:
    admin_refuse_with(request, 400, "bad-query", "'%s' has an escape that is none", name);
    return false;
  case HTTP_QUERY_ABSENT:
  case HTTP_QUERY_FOUND:
    break;
  }
  buf_put_char(out, '\0');
  if (!out->failed)
    return true;
  admin_no_memory(request);
  return false;
}

void admin_page_free(struct admin_page *page)
{
  buf_free(&page->search);
  buf_free(&page->after);
}

bool admin_page_read(struct mount_request *request, struct admin_page *page)
{
  struct buf limit = {0};
  uint64_t number = 100;
  *page = (struct admin_page){0};
  bool well = read_value(request, "search", &page->search) &&
              read_value(request, "after", &page->after) && read_value(request, "limit", &limit);
  if (well && limit.len > 1 &&
      (!str_to_u64(str_from(limit.data, limit.len - 1), &number) || !number ||
       number > ADMIN_LIMIT_MAX)) {
    admin_refuse_with(request, 400, "bad-query", "'limit' is to be 1 to %d", ADMIN_LIMIT_MAX);
    well = false;
  }
  page->limit = (size_t)number;
  buf_free(&limit);
  if (!well)
    admin_page_free(page);
  return well;
}

/* --- routes -------------------------------------------------------------------------------- */

static const char *const page_names[] = {"search", "limit", "after"};
static const char *const tail_names[] = {"destination"};

static const struct route {
  const char *path;
  bool post;
  void (*handle)(struct admin *admin, struct mount_request *request);
  const char *const *names; /* that its query may have */
  size_t n_names;
} routes[] = {
    {"status", false, admin_status, NULL, 0},
    {"nodes", false, admin_nodes, NULL, 0},
    {"clients", false, admin_clients, page_names, 3},
    {"topics", false, admin_topics, page_names, 3},
    {"tail", false, admin_tail, tail_names, 1},
    {"config", false, admin_config, NULL, 0},
    {"kick", true, admin_kick, NULL, 0},
    {"drain", true, admin_drain, NULL, 0},
    {"reload", true, admin_reload, NULL, 0},
    {"swap", true, admin_swap, NULL, 0},
};

/* False: the request has been refused. */
static bool check_method(struct mount_request *request, bool post)
{
  bool get = request->method == HTTP_GET || request->method == HTTP_HEAD;
  if (post ? request->method == HTTP_POST : get)
    return true;
  struct buf text = {0};
  struct api_fault fault;
  COUNT(admin_refused);
  (void)api_refuse(&fault, 405, "bad-method", NULL, "only %s answered here",
                   post ? "POST is" : "GET and HEAD are");
  api_fault_put(&fault, &text);
  mount_answer(request,
               &(struct mount_answer){.status = 405,
                                      .headers = post ? MOUNT_HEADERS "allow: POST\r\n"
                                                      : MOUNT_HEADERS "allow: GET, HEAD\r\n",
                                      .body = str_from(text.data, text.len)});
  buf_free(&text);
  return false;
}

static void handle(void *ctx, struct mount_request *request)
{
  struct admin *admin = ctx;
  struct plug_str one = STR("clients/");
  if (!admin_auth_check(admin->auth, request))
    return;
  COUNT(admin_requests);
  if (str_has_prefix(request->rest, one) && request->rest.len > one.len) {
    if (check_method(request, false))
      admin_client(admin, request,
                   str_from(request->rest.ptr + one.len, request->rest.len - one.len));
    return;
  }
  for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
    const struct route *route = &routes[i];
    if (!str_eq(request->rest, str_of(route->path)))
      continue;
    struct plug_str unknown = http_query_unknown(request->query, route->names, route->n_names);
    if (!check_method(request, route->post))
      return;
    if (unknown.len) /* as it came, so plain ASCII */
      admin_refuse_with(request, 400, "bad-query", "there is no '%.*s' here",
                        (int)(unknown.len > 80 ? 80 : unknown.len), unknown.ptr);
    else
      route->handle(admin, request);
    return;
  }
  admin_refuse_with(request, 404, "not-found",
                    "there is nothing here; docs/admin.md has the paths");
}

/* --- life ---------------------------------------------------------------------------------- */

static void started(void *ctx, struct net_env *env)
{
  struct admin *admin = ctx;
  if (env->session.worker == 0)
    pulse_begin(&admin->pulse, env);
}

static bool heard(void *ctx, struct net_env *env, const struct plug_msg *msg)
{
  struct admin *admin = ctx;
  return pulse_hear(&admin->pulse, env, msg);
}

struct admin *admin_new(const struct admin_parts *parts)
{
  struct admin *admin = calloc(1, sizeof *admin);
  if (!admin)
    return NULL;
  admin->parts = *parts;
  admin->auth = admin_auth_new(parts->settings);
  admin->nodes = nodes_new();
  admin->warnings = warnings_new();
  admin->hooks = (struct net_hooks){.started = started, .heard = heard, .ctx = admin};
  if (!admin->auth || !admin->nodes || !admin->warnings) {
    admin_free(admin);
    return NULL;
  }
  pulse_init(&admin->pulse, parts->settings, admin->nodes, admin->warnings);
  return admin;
}

void admin_free(struct admin *admin)
{
  if (!admin)
    return;
  admin_auth_free(admin->auth);
  nodes_free(admin->nodes);
  warnings_free(admin->warnings);
  free(admin);
}

bool admin_mount(struct admin *admin, struct mounts *mounts)
{
  const struct mount mount = {.path = "/admin/api",
                              .below = true,
                              .doors = MOUNT_AT(DOOR_ADMIN),
                              .max_body = MAX_BODY,
                              .handle = handle,
                              .ctx = admin};
  return !admin->pulse.wants || mounts_add(mounts, &mount);
}

const struct net_hooks *admin_hooks(const struct admin *admin)
{
  return &admin->hooks;
}

struct warnings *admin_warnings(struct admin *admin)
{
  return admin->warnings;
}

struct admin_auth *admin_operators(struct admin *admin)
{
  return admin->auth;
}

/* --- reload ------------------------------------------------------------------------------- */

static plug_status prepare(void *ctx, const struct settings *settings, struct plug_err *err)
{
  struct admin *admin = ctx;
  return admin_auth_prepare(admin->auth, settings) ? PLUG_OK : fault_no_memory(err);
}

static void commit(void *ctx, struct config_changes *changes)
{
  struct admin *admin = ctx;
  (void)changes;
  admin_auth_commit(admin->auth);
}

static void cancel(void *ctx)
{
  struct admin *admin = ctx;
  admin_auth_cancel(admin->auth);
}

struct reload_part admin_reload_part(struct admin *admin)
{
  return (struct reload_part){prepare, commit, cancel, admin};
}
