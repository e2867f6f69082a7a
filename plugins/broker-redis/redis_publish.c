#include "redis_publish.h"

#include <stdio.h>
#include <stdlib.h>

#include "redis_glob.h"
#include "redis_single.h"

enum { MIN_RING = 256 };

struct entry {
  struct plug_op *op; /* NULL: nobody waits */
  bool is_own;
  enum redis_own own;
};

struct redis_publisher {
  const struct redis_env *env;
  struct redis_publish_config config;
  struct redis_topics *topics;
  const struct redis_publish_events *events;
  void *arg;
  struct redis_conn *conn; /* NULL: not connected */
  struct entry *ring;      /* awaiting answers; its size is a power of two */
  size_t ring_size, ring_head, ring_n;
  size_t n_own, n_held, held_bytes;
  struct redis_buf channel, json;
  struct host_log_limit full_limit, refused_limit, error_limit;
};

static void show_gauge(const struct redis_publisher *pub)
{
  redis_gauge(pub->env, REDIS_M_PUBLISH_IN_FLIGHT,
              (int64_t)(pub->ring_n - pub->n_own + pub->n_held));
}

static bool make_room(struct redis_publisher *pub)
{
  if (pub->ring_n < pub->ring_size)
    return true;
  size_t size = pub->ring_size == 0 ? MIN_RING : pub->ring_size * 2;
  struct entry *ring = calloc(size, sizeof *ring);
  if (ring == NULL)
    return false;
  for (size_t i = 0; i < pub->ring_n; i++)
    ring[i] = pub->ring[(pub->ring_head + i) & (pub->ring_size - 1)];
  free(pub->ring);
  pub->ring = ring;
  pub->ring_size = size;
  pub->ring_head = 0;
  return true;
}

/* Writes one command and queues whom to tell. */
static bool send_command(struct redis_publisher *pub, const struct plug_str *argv, size_t argc,
                         struct entry entry)
{
  if (!make_room(pub) || !redis_conn_command(pub->conn, argv, argc))
    return false;
  pub->ring[(pub->ring_head + pub->ring_n++) & (pub->ring_size - 1)] = entry;
  pub->n_own += entry.is_own;
  return true;
}

static bool send_publish(struct redis_publisher *pub, struct plug_str channel,
                         struct plug_str payload, struct plug_op *op)
{
  const struct plug_str argv[] = {redis_str("PUBLISH"), channel, payload};
  return send_command(pub, argv, 3, (struct entry){.op = op});
}

struct redis_publisher *redis_publisher_new(const struct redis_env *env,
                                            const struct redis_publish_config *config,
                                            struct redis_topics *topics,
                                            const struct redis_publish_events *events, void *arg)
{
  struct redis_publisher *pub = calloc(1, sizeof *pub);
  if (pub == NULL)
    return NULL;
  pub->env = env;
  pub->config = *config;
  pub->topics = topics;
  pub->events = events;
  pub->arg = arg;
  return pub;
}

void redis_publisher_free(struct redis_publisher *pub)
{
  if (pub == NULL)
    return;
  free(pub->ring);
  redis_buf_fini(&pub->channel);
  redis_buf_fini(&pub->json);
  free(pub);
}

void redis_publisher_connect(struct redis_publisher *pub, struct redis_conn *conn)
{
  pub->conn = conn;
}

static struct entry pop(struct redis_publisher *pub)
{
  struct entry entry = pub->ring[pub->ring_head];
  pub->ring_head = (pub->ring_head + 1) & (pub->ring_size - 1);
  pub->ring_n--;
  pub->n_own -= entry.is_own;
  return entry;
}

static void fail(const struct redis_publisher *pub, struct plug_op *op, plug_status status,
                 const char *why)
{
  redis_count(pub->env, REDIS_M_PUBLISH_FAILED, 1);
  if (op != NULL)
    pub->env->host->op_done(op, status, redis_str(why));
}

void redis_publisher_reset(struct redis_publisher *pub, plug_status status, const char *why)
{
  pub->conn = NULL;
  while (pub->ring_n > 0) {
    struct entry entry = pop(pub);
    if (!entry.is_own)
      fail(pub, entry.op, status, why);
  }
  free(pub->ring);
  pub->ring = NULL;
  pub->ring_size = pub->ring_head = 0;
  show_gauge(pub);
}

/* A refusal with a reason. Without an operation there is nobody to give the reason to but the log.
 */
static plug_status refuse(struct redis_publisher *pub, struct plug_op *op, plug_status status,
                          const char *why, struct host_log_limit *limit)
{
  if (op == NULL)
    redis_log_limited(pub->env, limit, PLUG_LOG_WARN, "a message was refused: %s", why);
  fail(pub, op, status, why);
  return op == NULL ? status : PLUG_PENDING;
}

/* The wire form of a message; it lives as long as the message, or until the next call. */
static plug_status encode(struct redis_publisher *pub, const struct plug_msg *msg,
                          struct plug_str *wire, const char **why)
{
  plug_status status = PLUG_OK;
  *why = "out of memory";
  if (pub->config.channel.len > 0) {
    redis_buf_clear(&pub->json);
    status = redis_single_encode(&pub->json, msg->topic, msg->content_type, msg->payload, why);
    *wire = redis_buf_str(&pub->json);
    if (status == PLUG_OK && wire->len > pub->config.max_json) {
      *why = "the message is larger as JSON than Redis passes on to subscribers";
      return PLUG_ETOOBIG;
    }
    return status;
  }
  *wire = pub->env->host->msg_encode(msg);
  return wire->len > 0 ? PLUG_OK : PLUG_ENOMEM;
}

static plug_status hold(struct redis_publisher *pub, struct redis_held_list *list,
                        const struct plug_msg *msg, struct plug_op *op)
{
  struct redis_held *held = malloc(sizeof *held);
  if (held == NULL)
    return PLUG_ENOMEM;
  pub->env->host->msg_ref(msg);
  *held = (struct redis_held){.msg = msg, .op = op};
  if (list->tail == NULL)
    list->head = held;
  else
    list->tail->next = held;
  list->tail = held;
  list->n++;
  pub->n_held++;
  pub->held_bytes += msg->payload.len;
  redis_count(pub->env, REDIS_M_HELD, 1);
  show_gauge(pub);
  return PLUG_PENDING;
}

plug_status redis_publisher_publish(struct redis_publisher *pub, const struct plug_msg *msg,
                                    struct plug_op *op)
{
  if (pub->ring_n - pub->n_own + pub->n_held >= pub->config.max_commands ||
      redis_conn_unsent(pub->conn) + pub->held_bytes >= pub->config.max_bytes)
    return refuse(pub, op, PLUG_ESTATE, "the publish queue is full", &pub->full_limit);

  struct plug_str wire, channel = pub->config.channel;
  const char *why;
  if (channel.len == 0) {
    redis_buf_clear(&pub->channel);
    redis_channel_put(&pub->channel, pub->config.prefix, msg->topic);
    if (pub->channel.failed)
      return PLUG_ENOMEM;
    channel = redis_buf_str(&pub->channel);
    struct redis_held_list *list = redis_topics_hold(pub->topics, channel);
    if (list != NULL)
      return hold(pub, list, msg, op);
  }
  plug_status status = encode(pub, msg, &wire, &why);
  if (status != PLUG_OK)
    return refuse(pub, op, status, why, &pub->refused_limit);
  if (!send_publish(pub, channel, wire, op))
    return refuse(pub, op, PLUG_ENOMEM, "out of memory", &pub->refused_limit);
  show_gauge(pub);
  return PLUG_PENDING;
}

bool redis_publisher_own(struct redis_publisher *pub, enum redis_own kind,
                         const struct plug_str *argv, size_t argc)
{
  return send_command(pub, argv, argc, (struct entry){.is_own = true, .own = kind});
}

static struct redis_held *take_held(struct redis_publisher *pub, struct redis_held_list *list)
{
  struct redis_held *held = list->head;
  list->head = held->next;
  if (list->head == NULL)
    list->tail = NULL;
  list->n--;
  pub->n_held--;
  pub->held_bytes -= held->msg->payload.len;
  return held;
}

static void free_held(struct redis_publisher *pub, struct redis_held *held)
{
  pub->env->host->msg_unref(held->msg);
  free(held);
}

void redis_publisher_release(struct redis_publisher *pub, struct redis_held_list *list)
{
  while (list->n > 0) {
    struct redis_held *held = take_held(pub, list);
    struct plug_str wire;
    const char *why;
    redis_buf_clear(&pub->channel);
    redis_channel_put(&pub->channel, pub->config.prefix, held->msg->topic);
    plug_status status = encode(pub, held->msg, &wire, &why);
    if (status != PLUG_OK || pub->channel.failed ||
        !send_publish(pub, redis_buf_str(&pub->channel), wire, held->op))
      fail(pub, held->op, PLUG_ENOMEM, "out of memory");
    free_held(pub, held);
  }
  show_gauge(pub);
}

void redis_publisher_drop(struct redis_publisher *pub, struct redis_held_list *list,
                          plug_status status, const char *why)
{
  while (list->n > 0) {
    struct redis_held *held = take_held(pub, list);
    fail(pub, held->op, status, why);
    free_held(pub, held);
  }
  show_gauge(pub);
}

static void on_error(struct redis_publisher *pub, struct entry entry, struct plug_str error)
{
  char why[REDIS_WHY_MAX];
  redis_error_explain(error, false, why);
  if (!entry.is_own) {
    redis_log_limited(pub->env, &pub->error_limit, PLUG_LOG_WARN, "Redis refused a PUBLISH: %s",
                      why);
    fail(pub, entry.op, redis_error_status(error), why);
  }
  if (entry.is_own || redis_error_is_fatal(error))
    pub->events->broken(pub->arg, why);
}

void redis_publisher_reply(struct redis_publisher *pub, const redisReply *reply)
{
  if (pub->ring_n == 0) {
    /* Without a question, an error is the last word of a server that hangs up. */
    char why[REDIS_WHY_MAX] = "Redis answered what nobody asked";
    if (reply->type == REDIS_REPLY_ERROR)
      redis_error_explain((struct plug_str){reply->str, reply->len}, false, why);
    pub->events->broken(pub->arg, why);
    return;
  }
  struct entry entry = pop(pub);
  show_gauge(pub);
  bool is_probe = entry.is_own && entry.own == REDIS_OWN_PROBE;
  if (reply->type == REDIS_REPLY_ERROR && (is_probe || !entry.is_own)) {
    on_error(pub, entry, (struct plug_str){reply->str, reply->len});
    return;
  }
  if (entry.is_own) {
    pub->events->own_answered(pub->arg, entry.own, reply);
    return;
  }
  redis_count(pub->env, REDIS_M_PUBLISHED, 1);
  if (entry.op != NULL)
    pub->env->host->op_done(entry.op, PLUG_OK, (struct plug_str){NULL, 0});
}

bool redis_publisher_idle(const struct redis_publisher *pub)
{
  return pub->ring_n == pub->n_own && pub->n_held == 0;
}
