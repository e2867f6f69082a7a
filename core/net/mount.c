#include "net/mount.h"

#include <stdlib.h>

#include <plugboard/secret.h>

#include "api/api_fault.h"
#include "base/str.h"
#include "net/http_conn.h"

/* --- the table ----------------------------------------------------------------------------- */

bool mounts_add(struct mounts *mounts, const struct mount *mount)
{
  struct mount *items = realloc(mounts->items, (mounts->n + 1) * sizeof *items);
  if (!items)
    return false;
  mounts->items = items;
  items[mounts->n++] = *mount;
  return true;
}

void mounts_fini(struct mounts *mounts)
{
  free(mounts->items);
  *mounts = (struct mounts){0};
}

static bool covers(const struct mount *mount, struct plug_str path)
{
  struct plug_str own = str_of(mount->path);
  return str_has_prefix(path, own) &&
         (path.len == own.len || (path.ptr[own.len] == '/' && (mount->below || /* "/x/" is "/x" */
                                                               path.len == own.len + 1)));
}

const struct mount *mounts_find(const struct mounts *mounts, enum door_kind door,
                                struct plug_str path)
{
  const struct mount *best = NULL;
  for (size_t i = 0; mounts && i < mounts->n; i++) {
    const struct mount *mount = &mounts->items[i];
    if (mount->doors & MOUNT_AT(door) && covers(mount, path) &&
        (!best || strlen(mount->path) > strlen(best->path)))
      best = mount;
  }
  return best;
}

/* --- requests ------------------------------------------------------------------------------ */

static struct mount_request *request_of(struct http_task *task)
{
  return container_of(task, struct mount_request, task);
}

/* Its client has left. */
static void free_task(struct http_task *task)
{
  struct mount_request *request = request_of(task);
  void (*gone)(void *arg) = request->gone;
  request->gone = NULL;
  if (gone)
    gone(request->arg);
  plug_secret_wipe(request->text, request->text_len);
  free(request->text);
  buf_free(&task->body);
  free(request);
}

static void serve(struct net_env *env, struct http_conn *http)
{
  struct mount_request *request = request_of(http_conn_task(http));
  request->env = env;
  request->http = http;
  request->peer = &request->task.peer;
  request->body = str_from(request->task.body.data, request->task.body.len);
  request->mount->handle(request->mount->ctx, request);
}

static void too_large(struct http_fault *fault)
{
  *fault = (struct http_fault){.status = 413, .text = "The body of the request is too large."};
}

static void stop(struct http_conn *http)
{
  struct mount_request *request = request_of(http_conn_task(http));
  void (*gone)(void *arg) = request->gone;
  if (request->streams) {
    http_conn_drop(http);
    return;
  }
  if (!request->waits)
    return;
  request->gone = NULL;
  if (gone)
    gone(request->arg);
  mount_answer(
      request,
      &(struct mount_answer){
          .status = 503,
          .body = STR("{\"code\":\"stopping\",\"message\":\"the server is stopping\"}\n")});
}

static const char *put_fault(const struct http_fault *http, struct buf *out)
{
  struct api_fault fault;
  api_refuse_http(&fault, http->status, http->text);
  api_fault_put(&fault, out);
  return "application/json";
}

static const struct http_task_kind kind = {.serve = serve,
                                           .free = free_task,
                                           .too_large = too_large,
                                           .put_fault = put_fault,
                                           .stop = stop,
                                           .has_secrets = true};

static struct plug_str keep(struct mount_request *request, struct plug_str text)
{
  char *at = request->text + request->text_len;
  if (text.len)
    memcpy(at, text.ptr, text.len);
  request->text_len += text.len;
  return str_from(at, text.len);
}

static struct plug_str only_field(const struct http_head *head, struct plug_str name)
{
  struct plug_str value = STR("");
  size_t n = 0;
  for (size_t i = 0; i < head->n_fields; i++)
    if (str_eq_nocase(head->fields[i].name, name)) {
      value = head->fields[i].value;
      n++;
    }
  return n == 1 ? value : STR("");
}

struct http_task *mount_task_new(const struct mount *mount, const struct http_head *head,
                                 struct plug_str path, enum door_kind door, bool local)
{
  struct plug_str authorization = only_field(head, STR("authorization"));
  struct plug_str type = only_field(head, STR("content-type"));
  size_t own = strlen(mount->path);
  struct plug_str rest =
      path.len > own ? str_from(path.ptr + own + 1, path.len - own - 1) : STR("");
  struct mount_request *request = calloc(1, sizeof *request);
  char *text = malloc(rest.len + head->query.len + authorization.len + type.len + 1);
  if (!request || !text) {
    free(request);
    free(text);
    return NULL;
  }
  request->mount = mount;
  request->method = head->method;
  request->door = (uint8_t)door;
  request->local = local;
  request->text = text;
  request->rest = keep(request, rest);
  request->query = keep(request, head->query);
  request->authorization = keep(request, authorization);
  request->content_type = keep(request, type);
  request->task = (struct http_task){
      .kind = &kind, .max_body = mount->max_body, .head_only = head->method == HTTP_HEAD};
  return &request->task;
}

/* --- answers ------------------------------------------------------------------------------- */

static struct http_answer head_of(const struct mount_answer *answer)
{
  return (struct http_answer){.status = answer->status,
                              .headers = answer->headers ? answer->headers : MOUNT_HEADERS,
                              .type = answer->type ? answer->type : "application/json"};
}

void mount_answer(struct mount_request *request, const struct mount_answer *answer)
{
  struct http_answer head = head_of(answer);
  request->gone = NULL;
  if (request->waits)
    http_conn_unpark_one(request->http);
  (void)http_conn_answer(request->http, &head, answer->body);
}

void mount_answer_text(struct mount_request *request, uint16_t status, struct buf *text)
{
  struct mount_answer answer = {.status = status, .body = str_from(text->data, text->len)};
  if (text->failed) {
    answer.status = 503;
    answer.body = STR("{\"code\":\"out-of-memory\",\"message\":\"the server is out of memory\"}\n");
  }
  mount_answer(request, &answer);
  buf_free(text);
}

void mount_wait(struct mount_request *request, void (*gone)(void *arg), void *arg)
{
  request->waits = true;
  request->gone = gone;
  request->arg = arg;
  http_conn_park(request->http, &request->env->api_waiting);
}

bool mount_stream(struct mount_request *request, const struct mount_answer *answer,
                  void (*gone)(void *arg), void *arg)
{
  struct http_answer head = head_of(answer);
  struct http_conn *http = request->http;
  request->streams = true;
  if (!http_conn_stream(http, &head))
    return false;
  request->gone = gone;
  request->arg = arg;
  return true;
}

size_t mount_unsent(const struct mount_request *request)
{
  return http_conn_unsent(request->http);
}

bool mount_put(struct mount_request *request, struct plug_str bytes)
{
  return http_conn_put(request->http, bytes);
}

void mount_end(struct mount_request *request)
{
  request->gone = NULL;
  http_conn_end_stream(request->http);
}
