/* GET /api/presence/DESTINATION: asked on the control thread, where presence is at home, and
 * answered by the worker. What is under way outlives its client. */
#include <stdlib.h>

#include "base/counter.h"
#include "base/str.h"
#include "base/utf8.h"
#include "net/api_routes.h"
#include "net/api_service.h"
#include "net/http_conn.h"
#include "presence/presence.h"

struct api_look {
  struct loop_task task;
  struct inbox_call call;
  struct inbox_item *back; /* brings call to the worker; made before, so that it certainly can */
  struct net_env *env;
  struct http_conn *http; /* the worker's; NULL: its client has gone */
  struct presence *presence;
  /* The control thread's, until it has given them back. */
  struct buf list;
  size_t n_listed, max_listed;
  uint64_t users;
  plug_status status;
  size_t topic_len;
  char topic[];
};

static struct api_task *task_of(const struct http_conn *http)
{
  return container_of(http_conn_task(http), struct api_task, task);
}

static void look_free(struct api_look *look)
{
  if (look->back)
    inbox_item_free(look->back);
  buf_free(&look->list);
  free(look);
}

/* --- the control thread --------------------------------------------------------------------- */

static void give_back(struct api_look *look, plug_status status)
{
  struct inbox *inbox = look->env->inbox;
  struct inbox_item *back = look->back;
  look->status = status;
  look->back = NULL;
  if (inbox_put(inbox, back))
    inbox->wake(inbox);
}

static void on_user(void *arg, struct plug_str user, struct plug_str info,
                    uint64_t members) PLUG_NOEXCEPT
{
  struct api_look *look = arg;
  (void)members; /* not known where the room is watched */
  if (look->n_listed == look->max_listed)
    return;
  buf_put_str(&look->list, look->n_listed++ ? STR(",{\"user\":") : STR("{\"user\":"));
  api_put_string(&look->list, user);
  if (info.len && utf8_valid(info.ptr, info.len)) {
    buf_put_str(&look->list, STR(",\"info\":"));
    api_put_string(&look->list, info);
  }
  buf_put_char(&look->list, '}');
}

static void on_done(void *arg, plug_status status, uint64_t users, uint64_t members) PLUG_NOEXCEPT
{
  struct api_look *look = arg;
  (void)members;
  look->users = users;
  give_back(look, status);
}

static void on_home(struct loop_task *task)
{
  struct api_look *look = container_of(task, struct api_look, task);
  plug_status status =
      presence_list(look->presence, str_from(look->topic, look->topic_len), on_user, on_done, look);
  if (status != PLUG_PENDING)
    give_back(look, status == PLUG_OK ? PLUG_EINTERNAL : status);
}

/* --- the worker ----------------------------------------------------------------------------- */

static void answer_list(struct http_conn *http, const struct api_look *look)
{
  struct buf text = {0};
  buf_put_str(&text, STR("{\"destination\":"));
  api_put_string(&text, str_from(look->topic, look->topic_len));
  buf_putf(&text, ",\"users\":%llu,\"complete\":%s,\"list\":[", (unsigned long long)look->users,
           look->n_listed == look->users ? "true" : "false");
  buf_put(&text, look->list.data, look->list.len);
  buf_put_str(&text, STR("]}\n"));
  text.failed |= look->list.failed;
  api_answer(http, 200, NULL, &text);
}

static void on_back(struct inbox_call *call)
{
  struct api_look *look = container_of(call, struct api_look, call);
  struct http_conn *http = look->http;
  struct api_fault fault;
  if (http) {
    task_of(http)->look = NULL;
    http_conn_unpark_one(http);
    if (look->status == PLUG_OK) {
      answer_list(http, look);
    } else {
      bool late = look->status == PLUG_ETIMEDOUT;
      bool stops = look->status == PLUG_ECANCELED || look->status == PLUG_ESTATE;
      (void)api_refuse(&fault, late ? 504 : 503,
                       late    ? "timeout"
                       : stops ? "stopping"
                               : "broker-down",
                       NULL, "%s",
                       late    ? "the broker did not answer in time"
                       : stops ? "the server is stopping"
                               : "the broker cannot say who is there");
      api_answer_fault(http, &fault);
    }
  }
  look_free(look);
}

static struct api_look *look_new(struct net_env *env, struct http_conn *http, const char *topic)
{
  size_t len = strlen(topic);
  struct api_look *look = calloc(1, sizeof *look + len);
  if (!look)
    return NULL;
  look->back = inbox_item_new(INBOX_CALL, str_from(NULL, 0));
  if (!look->back) {
    free(look);
    return NULL;
  }
  look->back->waiter = &look->call;
  look->call.run = on_back;
  look->task.run = on_home;
  look->env = env;
  look->http = http;
  look->presence = env->api->presence;
  look->max_listed = (size_t)env->settings->api_max_listed;
  look->topic_len = len;
  memcpy(look->topic, topic, len);
  return look;
}

void api_serve_presence(struct net_env *env, struct http_conn *http)
{
  struct api_fault fault;
  struct api_task *task = task_of(http);
  struct api_look *look = NULL;
  if (!env->api->presence)
    (void)api_refuse(&fault, 501, "no-presence", NULL, "the broker in use keeps no presence");
  else if (!(look = look_new(env, http, task->destination)))
    (void)api_refuse(&fault, 503, "out-of-memory", NULL, "the server is out of memory");
  if (!look) {
    api_answer_fault(http, &fault);
    return;
  }
  task->look = look;
  http_conn_park(http, &env->api_waiting);
  loop_post_task(env->api->loop, &look->task);
}

void api_look_forget(struct api_look *look)
{
  if (look)
    look->http = NULL;
}
