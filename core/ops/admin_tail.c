/* GET /admin/api/tail: what comes for a topic, as it comes, as server-sent events. A watcher that
 * is too slow misses messages and is told how many: nothing waits for it. */
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/counter.h"
#include "base/str.h"
#include "base/utf8.h"
#include "http/http_query.h"
#include "ops/admin_inner.h"

#define BODY_SHOWN   4096u
#define HEADER_SHOWN 1024u
#define UNSENT_MAX   (256u * 1024) /* of one watcher: what its socket has not taken, and ours */
#define BEAT_MS      15000u        /* between signs of life: less than proxies in front wait */

struct tail {
  struct hub_tap tap;
  struct inbox_call call; /* out of the command in the midst of which messages come */
  struct timer timer;
  struct admin *admin;
  struct net_env *env;
  struct mount_request *request; /* NULL: its client has left */
  struct buf out;                /* events that have not been put yet */
  uint64_t dropped;              /* since it was told of some */
  bool called;                   /* call is on its way */
  bool refused;                  /* by the broker: to be ended */
};

static void tail_free(struct tail *tail)
{
  buf_free(&tail->out);
  free(tail);
}

static void leave(struct tail *tail)
{
  hub_tap_close(&tail->env->hub, &tail->tap);
  timers_stop(&tail->env->timers, &tail->timer);
  atomic_fetch_sub_explicit(&tail->admin->n_tails, 1, memory_order_relaxed);
  COUNT_BY(admin_tails, -1);
  tail->request = NULL;
}

static void on_gone(void *arg)
{
  struct tail *tail = arg;
  leave(tail);
  if (!tail->called) /* or else its call frees it */
    tail_free(tail);
}

/* --- writing ------------------------------------------------------------------------------- */

static bool has_room(const struct tail *tail)
{
  return tail->out.len + mount_unsent(tail->request) < UNSENT_MAX;
}

static void put_events(struct tail *tail)
{
  if (tail->dropped && has_room(tail)) {
    buf_putf(&tail->out, "event: dropped\ndata: {\"dropped\":%llu}\n\n",
             (unsigned long long)tail->dropped);
    tail->dropped = 0;
  }
  struct buf out = tail->out;
  tail->out = (struct buf){0};
  if (out.len && !out.failed)
    (void)mount_put(tail->request, str_from(out.data, out.len));
  buf_free(&out);
}

static void on_call(struct inbox_call *call)
{
  struct tail *tail = container_of(call, struct tail, call);
  if (tail->request && (tail->out.len || tail->dropped))
    put_events(tail); /* with which its client may be found to have left */
  tail->called = false;
  if (tail->request && tail->refused) {
    struct mount_request *request = tail->request;
    leave(tail);
    mount_end(request);
  }
  if (!tail->request)
    tail_free(tail);
}

/* False: out of memory. */
static bool call_later(struct tail *tail)
{
  if (!tail->called)
    tail->called = hub_call_later(&tail->env->hub, &tail->call);
  return tail->called;
}

static void on_beat(struct timer *timer, uint64_t now_ms)
{
  struct tail *tail = container_of(timer, struct tail, timer);
  timers_arm(&tail->env->timers, &tail->timer, now_ms + BEAT_MS);
  if (mount_unsent(tail->request) == 0) /* or else it does not need one */
    buf_put_str(&tail->out, STR(": \n\n"));
  (void)call_later(tail);
}

/* --- messages ------------------------------------------------------------------------------ */

static size_t shown_of(struct plug_str text, size_t max)
{
  return text.len > max ? utf8_cut(text.ptr, text.len, max) : text.len;
}

static json_t *headers_json(const struct plug_msg *msg)
{
  json_t *headers = json_object();
  if (headers && msg->content_type.len)
    (void)json_object_set_new(headers, "content-type", admin_string(msg->content_type));
  for (size_t i = 0; headers && i < msg->n_headers; i++) {
    char *key = str_dup(msg->headers[i].key);
    struct plug_str value = msg->headers[i].value;
    if (key && !json_object_get(headers, key)) /* of two the first one counts */
      (void)json_object_set_new(headers, key,
                                admin_string(str_from(value.ptr, shown_of(value, HEADER_SHOWN))));
    free(key);
  }
  return headers;
}

/* Bytes that are no text, in base64. */
static json_t *base64_json(struct plug_str bytes)
{
  char text[4 * ((BODY_SHOWN + 2) / 3) + 1];
  int len =
      EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)bytes.ptr, (int)bytes.len);
  return json_stringn(text, (size_t)len);
}

static json_t *message_json(const struct plug_msg *msg)
{
  json_t *json = json_pack("{s:o, s:o}", "destination", admin_string(msg->topic), "headers",
                           headers_json(msg));
  struct plug_str body = msg->payload;
  bool cut = body.len > BODY_SHOWN;
  json_t *text = json_stringn(body.ptr ? body.ptr : "", shown_of(body, BODY_SHOWN));
  if (text)
    (void)json_object_set_new(json, "body", text);
  else
    (void)json_object_set_new(json, "body_base64",
                              base64_json(str_from(body.ptr, cut ? BODY_SHOWN : body.len)));
  if (json && cut)
    (void)json_object_set_new(json, "cut", json_true());
  return json;
}

static void on_message(struct hub_tap *tap, const struct plug_msg *msg)
{
  struct tail *tail = container_of(tap, struct tail, tap);
  json_t *json = has_room(tail) ? message_json(msg) : NULL;
  char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
  json_decref(json);
  if (text && call_later(tail)) {
    buf_putf(&tail->out, "event: message\ndata: %s\n\n", text);
  } else {
    tail->dropped++;
    COUNT(admin_tail_dropped);
  }
  free(text);
}

static void on_answered(struct hub_tap *tap, plug_status status)
{
  struct tail *tail = container_of(tap, struct tail, tap);
  tail->refused = status != PLUG_OK;
  buf_put_str(&tail->out, tail->refused ? STR("event: refused\ndata: {}\n\n") : STR(": ready\n\n"));
  (void)call_later(tail);
}

/* --- the request --------------------------------------------------------------------------- */

/* False: the request has been refused. */
static bool read_destination(struct mount_request *request, struct buf *out)
{
  const struct session_env *session = &request->env->session;
  const char *why = "'destination' is missing, is there twice, or has an escape that is none";
  bool there = http_query_find(request->query, STR("destination"), out) == HTTP_QUERY_FOUND;
  struct plug_str destination = str_from(out->data, out->len);
  if (there && !out->failed &&
      destination_valid(destination, (size_t)session->max_destination_length, &why)) {
    if (pattern_is(destination))
      why = "a pattern cannot be watched";
    else if (destination_classify(session->terms.destinations, destination) != DESTINATION_BROKER)
      why = "the destination is not one of the broker";
    else
      return true;
  }
  admin_refuse_with(request, 400, "bad-destination", "%s", why);
  return false;
}

static bool count_in(struct admin *admin, struct mount_request *request)
{
  uint64_t max = request->env->settings->admin_max_tails;
  if (atomic_fetch_add_explicit(&admin->n_tails, 1, memory_order_relaxed) < (int64_t)max) {
    COUNT(admin_tails);
    return true;
  }
  atomic_fetch_sub_explicit(&admin->n_tails, 1, memory_order_relaxed);
  admin_refuse_with(request, 429, "too-many-tails",
                    "more than [admin] max-tails topics are watched already");
  return false;
}

static struct tail *tail_new(struct admin *admin, struct net_env *env)
{
  struct tail *tail = calloc(1, sizeof *tail);
  if (!tail)
    return NULL;
  tail->tap = (struct hub_tap){.heard = on_message, .answered = on_answered};
  tail->call.run = on_call;
  tail->admin = admin;
  tail->env = env;
  timer_init(&tail->timer, on_beat);
  return tail;
}

static void begin(struct admin *admin, struct mount_request *request, struct plug_str destination)
{
  struct net_env *env = request->env;
  struct tail *tail = tail_new(admin, env);
  plug_status status = tail ? hub_tap_open(&env->hub, &tail->tap, destination) : PLUG_ENOMEM;
  bool open = status == PLUG_OK || status == PLUG_PENDING;
  if (open) {
    const struct mount_answer head = {.status = 200,
                                      .headers = MOUNT_HEADERS "x-accel-buffering: no\r\n",
                                      .type = "text/event-stream"};
    tail->request = request;
    timers_arm(&env->timers, &tail->timer, env->now_ms + BEAT_MS);
    if (!mount_stream(request, &head, on_gone, tail)) {
      on_gone(tail);
    } else if (status == PLUG_OK) {
      on_answered(&tail->tap, PLUG_OK);
    }
    return;
  }
  free(tail);
  atomic_fetch_sub_explicit(&admin->n_tails, 1, memory_order_relaxed);
  COUNT_BY(admin_tails, -1);
  admin_refuse_with(request, 503, status == PLUG_ENOMEM ? "out-of-memory" : "busy",
                    status == PLUG_ENOMEM ? "the server is out of memory"
                                          : "the node cannot take another topic now");
}

void admin_tail(struct admin *admin, struct mount_request *request)
{
  struct buf destination = {0};
  if (read_destination(request, &destination) && count_in(admin, request))
    begin(admin, request, str_from(destination.data, destination.len));
  buf_free(&destination);
}
