#include "redis_topics.h"

#include <stdlib.h>

#include "redis_glob.h"

enum { PER_COMMAND = 200 };

/* The first three are about channels by name that are in no map. */
enum kind { OWN, LISTEN, UNLISTEN, SUBSCRIBE, PSUBSCRIBE, UNSUBSCRIBE, PUNSUBSCRIBE };

/* The command, and the first word of its confirmations. */
static const struct {
  const char *command, *confirmation;
} words[] = {
    [OWN] = {"SUBSCRIBE", "subscribe"},
    [LISTEN] = {"SUBSCRIBE", "subscribe"},
    [UNLISTEN] = {"UNSUBSCRIBE", "unsubscribe"},
    [SUBSCRIBE] = {"SUBSCRIBE", "subscribe"},
    [PSUBSCRIBE] = {"PSUBSCRIBE", "psubscribe"},
    [UNSUBSCRIBE] = {"UNSUBSCRIBE", "unsubscribe"},
    [PUNSUBSCRIBE] = {"PUNSUBSCRIBE", "punsubscribe"},
};

/* One call of the host. What it added is kept until the end, to be undone if a part fails. */
struct batch {
  struct batch *next, *prev;
  struct plug_op *op;
  size_t n_commands; /* not answered yet */
  plug_status status;
  char why[REDIS_WHY_MAX];
  size_t n;
  struct {
    struct redis_channel *channel;
    uint64_t id;
  } v[];
};

/* One command under way. Redis confirms its channels one by one, in order, or answers the whole
 * command with one error. */
struct command {
  struct command *next;
  struct batch *batch; /* NULL: nobody waits */
  enum kind kind;
  size_t n, n_seen;
  struct redis_channel *v[]; /* empty for channels by name */
};

struct redis_topics {
  const struct redis_env *env;
  struct plug_str prefix;
  const struct redis_topics_events *events;
  void *arg;
  struct redis_map map;
  struct redis_conn *conn; /* NULL: not connected */
  struct command *head, *tail;
  struct batch *batches;
  size_t n_subscribing; /* sum over all channels */
  size_t n_channels, n_globs;
  struct redis_buf name;
  struct host_log_limit bad_limit, error_limit;
};

static struct plug_str name_of(const struct redis_channel *c)
{
  return c->by_name.name;
}

static void show_gauges(const struct redis_topics *topics)
{
  redis_gauge(topics->env, REDIS_M_TOPICS, (int64_t)topics->n_channels);
  redis_gauge(topics->env, REDIS_M_PATTERNS, (int64_t)topics->n_globs);
}

/* What is published now comes back. */
static bool is_settled(const struct redis_channel *c)
{
  return c->at_redis && c->wanted && c->n_unsubscribing == 0;
}

static void free_if_unused(struct redis_topics *topics, struct redis_channel *c)
{
  if (c->interests != NULL || c->at_redis || c->n_subscribing > 0 || c->n_unsubscribing > 0 ||
      c->n_refs > 0 || c->held.n > 0)
    return;
  *(c->is_glob ? &topics->n_globs : &topics->n_channels) -= 1;
  redis_map_remove(&topics->map, c);
}

static struct redis_channel *channel_of(struct redis_topics *topics, const struct plug_interest *in,
                                        bool make)
{
  bool is_glob = (in->flags & PLUG_INTEREST_PATTERN) != 0;
  redis_buf_clear(&topics->name);
  if (is_glob)
    redis_glob_put(&topics->name, topics->prefix, in->topic);
  else
    redis_channel_put(&topics->name, topics->prefix, in->topic);
  if (topics->name.failed)
    return NULL;
  if (!make)
    return redis_map_find(&topics->map, redis_buf_str(&topics->name), is_glob);
  size_t before = redis_map_count(&topics->map);
  struct redis_channel *c = redis_map_get(&topics->map, redis_buf_str(&topics->name), is_glob);
  *(is_glob ? &topics->n_globs : &topics->n_channels) += redis_map_count(&topics->map) - before;
  return c;
}

/* The topic that the name of a channel spells. */
static struct plug_str topic_in_name(const struct redis_topics *topics,
                                     const struct redis_channel *c)
{
  size_t skip = topics->prefix.len + 2;
  return (struct plug_str){c->text + skip, c->by_name.name.len - skip};
}

static bool add_interest(struct redis_topics *topics, struct redis_channel *c,
                         const struct plug_interest *in)
{
  /* A host whose patience with an earlier batch has ended asks again. */
  for (const struct redis_interest *i = c->interests; i != NULL; i = i->next)
    if (i->id == in->id)
      return true;
  bool in_name = c->is_glob || redis_str_eq(topic_in_name(topics, c), in->topic);
  size_t len = in_name ? 0 : in->topic.len;
  struct redis_interest *interest = malloc(sizeof *interest + len);
  if (interest == NULL)
    return false;
  interest->id = in->id;
  interest->topic_len = len;
  memcpy(interest->topic, in->topic.ptr, len);
  interest->next = c->interests;
  c->interests = interest;
  return true;
}

/* True if that was the last one and Redis has to be told. */
static bool remove_interest(struct redis_channel *c, uint64_t id)
{
  struct redis_interest **link = &c->interests;
  while (*link != NULL && (*link)->id != id)
    link = &(*link)->next;
  if (*link == NULL)
    return false;
  struct redis_interest *gone = *link;
  *link = gone->next;
  free(gone);
  return c->interests == NULL && c->wanted;
}

static void free_batch(struct redis_topics *topics, struct batch *batch)
{
  if (batch->next != NULL)
    batch->next->prev = batch->prev;
  if (batch->prev != NULL)
    batch->prev->next = batch->next;
  else
    topics->batches = batch->next;
  free(batch);
}

static struct batch *new_batch(struct redis_topics *topics, size_t n, struct plug_op *op)
{
  struct batch *batch = calloc(1, sizeof *batch + n * sizeof batch->v[0]);
  if (batch == NULL)
    return NULL;
  batch->op = op;
  batch->next = topics->batches;
  if (batch->next != NULL)
    batch->next->prev = batch;
  topics->batches = batch;
  return batch;
}

/* Puts one command on the wire and in the queue of those that await confirmation: about the
 * channels v, or, with v NULL, about our own, by name. */
static bool send_command(struct redis_topics *topics, struct batch *batch, enum kind kind,
                         struct redis_channel *const *v, const struct plug_str *own, size_t n)
{
  struct plug_str argv[PER_COMMAND + 1];
  struct command *command = calloc(1, sizeof *command + (v != NULL ? n : 0) * sizeof *v);
  if (command == NULL)
    return false;
  command->batch = batch;
  command->kind = kind;
  command->n = n;
  argv[0] = redis_str(words[kind].command);
  for (size_t i = 0; i < n; i++) {
    if (v != NULL)
      command->v[i] = v[i];
    argv[i + 1] = v != NULL ? name_of(v[i]) : own[i];
  }
  if (!redis_conn_command(topics->conn, argv, n + 1)) {
    free(command);
    return false;
  }
  if (topics->tail == NULL)
    topics->head = command;
  else
    topics->tail->next = command;
  topics->tail = command;
  if (batch != NULL)
    batch->n_commands++;
  for (size_t i = 0; v != NULL && i < n; i++) {
    bool subscribe = kind == SUBSCRIBE || kind == PSUBSCRIBE;
    v[i]->wanted = subscribe;
    *(subscribe ? &v[i]->n_subscribing : &v[i]->n_unsubscribing) += 1;
    topics->n_subscribing += subscribe;
  }
  return true;
}

/* The channels of one kind among v[0..n), a NULL there being none, in commands of bounded size. */
static bool send_all(struct redis_topics *topics, struct batch *batch, enum kind kind,
                     struct redis_channel *const *v, size_t n)
{
  struct redis_channel *some[PER_COMMAND];
  bool globs = kind == PSUBSCRIBE || kind == PUNSUBSCRIBE;
  size_t n_some = 0;
  for (size_t i = 0; i < n; i++) {
    if (v[i] != NULL && v[i]->is_glob == globs)
      some[n_some++] = v[i];
    if (n_some == PER_COMMAND || (i == n - 1 && n_some > 0)) {
      if (!send_command(topics, batch, kind, some, NULL, n_some))
        return false;
      n_some = 0;
    }
  }
  return true;
}

static bool is_by_name(const struct command *command)
{
  return command->kind <= UNLISTEN;
}

static bool send_unsubscribe(struct redis_topics *topics, struct batch *batch,
                             struct redis_channel *const *v, size_t n)
{
  return send_all(topics, batch, UNSUBSCRIBE, v, n) && send_all(topics, batch, PUNSUBSCRIBE, v, n);
}

/* Undoes what the batch added; its channels stay referenced. */
static bool undo(struct redis_topics *topics, struct batch *batch)
{
  struct redis_channel **gone = calloc(batch->n, sizeof *gone);
  if (gone == NULL)
    return false;
  for (size_t i = 0; i < batch->n; i++)
    if (remove_interest(batch->v[i].channel, batch->v[i].id))
      gone[i] = batch->v[i].channel;
  bool ok = send_unsubscribe(topics, NULL, gone, batch->n);
  free(gone);
  return ok;
}

/* Returns false when the connection was given up. */
static bool finish_batch(struct redis_topics *topics, struct batch *batch)
{
  const struct plug_host *host = topics->env->host;
  bool ok = batch->status == PLUG_OK || undo(topics, batch);
  for (size_t i = 0; i < batch->n; i++) {
    batch->v[i].channel->n_refs--;
    free_if_unused(topics, batch->v[i].channel);
  }
  if (batch->op != NULL)
    host->op_done(batch->op, batch->status, redis_str(batch->why));
  free_batch(topics, batch);
  show_gauges(topics);
  if (!ok)
    topics->events->broken(topics->arg, "out of memory");
  return ok;
}

struct redis_topics *redis_topics_new(const struct redis_env *env, struct plug_str prefix,
                                      const struct redis_topics_events *events, void *arg)
{
  struct redis_topics *topics = calloc(1, sizeof *topics);
  if (topics == NULL)
    return NULL;
  topics->env = env;
  topics->prefix = prefix;
  topics->events = events;
  topics->arg = arg;
  redis_map_init(&topics->map);
  return topics;
}

void redis_topics_free(struct redis_topics *topics)
{
  if (topics == NULL)
    return;
  redis_map_fini(&topics->map);
  redis_buf_fini(&topics->name);
  free(topics);
}

bool redis_topics_connect(struct redis_topics *topics, struct redis_conn *conn,
                          const struct plug_str *own, size_t n)
{
  topics->conn = conn;
  return send_command(topics, NULL, OWN, NULL, own, n);
}

void redis_topics_reset(struct redis_topics *topics, plug_status status, const char *why)
{
  size_t hint[2] = {0};
  struct redis_channel *c;
  topics->conn = NULL;
  while (topics->batches != NULL) {
    struct batch *batch = topics->batches;
    if (batch->op != NULL)
      topics->env->host->op_done(batch->op, status, redis_str(why));
    free_batch(topics, batch);
  }
  while (topics->head != NULL) {
    struct command *command = topics->head;
    topics->head = command->next;
    free(command);
  }
  topics->tail = NULL;
  while ((c = redis_map_any(&topics->map, hint)) != NULL) {
    if (c->held.n > 0)
      topics->events->drop(topics->arg, &c->held, status, why);
    while (c->interests != NULL) {
      struct redis_interest *gone = c->interests;
      c->interests = gone->next;
      free(gone);
    }
    redis_map_remove(&topics->map, c);
  }
  topics->n_subscribing = topics->n_channels = topics->n_globs = 0;
  show_gauges(topics);
}

/* The rest of a batch after a failure in the middle of sending it: the connection is given up,
 * which completes the operation. */
static plug_status give_up(struct redis_topics *topics)
{
  topics->events->broken(topics->arg, "out of memory");
  return PLUG_PENDING;
}

plug_status redis_topics_subscribe(struct redis_topics *topics, const struct plug_interest *v,
                                   size_t n, struct plug_op *op)
{
  if (n == 0)
    return PLUG_OK;
  struct redis_channel **due = calloc(n, sizeof *due);
  struct batch *batch = new_batch(topics, n, op);
  if (due == NULL || batch == NULL) {
    free(due);
    if (batch != NULL)
      free_batch(topics, batch);
    return PLUG_ENOMEM;
  }
  plug_status status = PLUG_OK;
  for (size_t i = 0; i < n && status == PLUG_OK; i++) {
    struct redis_channel *c = channel_of(topics, &v[i], true);
    if (c == NULL || !add_interest(topics, c, &v[i])) {
      if (c != NULL)
        free_if_unused(topics, c);
      status = PLUG_ENOMEM;
      break;
    }
    c->n_refs++;
    batch->v[batch->n].channel = c;
    batch->v[batch->n++].id = v[i].id;
    if (!is_settled(c))
      due[i] = c;
  }
  if (status != PLUG_OK) {
    batch->op = NULL; /* the status is the answer */
    batch->status = status;
    free(due);
    return finish_batch(topics, batch) ? status : PLUG_ENOMEM;
  }
  bool ok =
      send_all(topics, batch, SUBSCRIBE, due, n) && send_all(topics, batch, PSUBSCRIBE, due, n);
  free(due);
  if (!ok)
    return give_up(topics);
  show_gauges(topics);
  if (batch->n_commands > 0)
    return PLUG_PENDING;
  batch->op = NULL;
  finish_batch(topics, batch);
  return PLUG_OK;
}

plug_status redis_topics_unsubscribe(struct redis_topics *topics, const struct plug_interest *v,
                                     size_t n, struct plug_op *op)
{
  if (n == 0)
    return PLUG_OK;
  struct redis_channel **gone = calloc(n, sizeof *gone);
  struct batch *batch = new_batch(topics, 0, op);
  if (gone == NULL || batch == NULL) {
    free(gone);
    if (batch != NULL)
      free_batch(topics, batch);
    return PLUG_ENOMEM;
  }
  for (size_t i = 0; i < n; i++) {
    struct redis_channel *c = channel_of(topics, &v[i], false);
    if (c == NULL)
      continue; /* forgotten with a lost connection */
    if (remove_interest(c, v[i].id))
      gone[i] = c;
    else
      free_if_unused(topics, c);
  }
  bool ok = send_unsubscribe(topics, batch, gone, n);
  free(gone);
  if (!ok)
    return give_up(topics);
  if (batch->n_commands > 0)
    return PLUG_PENDING;
  batch->op = NULL;
  finish_batch(topics, batch);
  return PLUG_OK;
}

bool redis_topics_listen(struct redis_topics *topics, struct plug_str channel, bool on)
{
  return send_command(topics, NULL, on ? LISTEN : UNLISTEN, NULL, &channel, 1);
}

/* Redis has answered for one channel of a command. */
static void answered(struct redis_topics *topics, struct redis_channel *c, enum kind kind, bool ok)
{
  if (kind == UNSUBSCRIBE || kind == PUNSUBSCRIBE) {
    c->n_unsubscribing--;
    c->at_redis = false;
  } else {
    c->n_subscribing--;
    topics->n_subscribing--;
    c->at_redis = c->at_redis || ok;
    if (!c->at_redis && c->n_subscribing == 0)
      c->wanted = false;
  }
  if (c->held.n > 0 && (is_settled(c) || c->n_subscribing == 0))
    topics->events->release(topics->arg, &c->held);
  free_if_unused(topics, c);
}

static void finish_command(struct redis_topics *topics)
{
  struct command *command = topics->head;
  struct batch *batch = command->batch;
  enum kind kind = command->kind;
  topics->head = command->next;
  if (topics->head == NULL)
    topics->tail = NULL;
  free(command);
  if (kind == OWN)
    topics->events->own_ready(topics->arg);
  else if (kind == LISTEN)
    topics->events->listens(topics->arg, PLUG_OK, "");
  else if (batch != NULL && --batch->n_commands == 0)
    finish_batch(topics, batch);
}

static void on_error(struct redis_topics *topics, struct plug_str error)
{
  struct command *command = topics->head;
  char why[REDIS_WHY_MAX];
  redis_error_explain(error, false, why);
  if (command == NULL || command->kind == OWN || redis_error_is_fatal(error)) {
    topics->events->broken(topics->arg, why);
    return;
  }
  struct batch *batch = command->batch;
  plug_status status = redis_error_status(error);
  if (is_by_name(command)) {
    bool listens = command->kind == LISTEN;
    command->kind = UNLISTEN; /* it ends without a word */
    finish_command(topics);
    if (listens)
      topics->events->listens(topics->arg, status, why);
    return;
  }
  bool subscribe = command->kind == SUBSCRIBE || command->kind == PSUBSCRIBE;
  /* What is denied for good the host tells itself, with the topic; the rest it just asks again. */
  if (!subscribe || status != PLUG_EDENIED)
    redis_log_limited(topics->env, &topics->error_limit, PLUG_LOG_WARN, "Redis refused %s%s: %s",
                      words[command->kind].command, subscribe ? ", which is tried again" : "", why);
  if (batch != NULL && subscribe) {
    batch->status = status;
    memcpy(batch->why, why, sizeof why);
  }
  for (; command->n_seen < command->n; command->n_seen++)
    answered(topics, command->v[command->n_seen], command->kind, false);
  finish_command(topics);
}

static void on_confirmation(struct redis_topics *topics, struct plug_str word, struct plug_str name)
{
  struct command *command = topics->head;
  if (command == NULL || !redis_str_eq(word, redis_str(words[command->kind].confirmation)) ||
      (!is_by_name(command) && !redis_str_eq(name, name_of(command->v[command->n_seen])))) {
    topics->events->broken(topics->arg, "Redis confirmed what nobody asked for");
    return;
  }
  size_t i = command->n_seen++;
  bool last = command->n_seen == command->n;
  if (!is_by_name(command))
    answered(topics, command->v[i], command->kind, true);
  if (last)
    finish_command(topics);
}

static void deliver(struct redis_topics *topics, uint64_t id, const struct plug_msg *msg)
{
  const struct plug_host *host = topics->env->host;
  if (host->broker->deliver(host, id, msg) != PLUG_OK)
    redis_count(topics->env, REDIS_M_CONGESTED, 1);
  redis_count(topics->env, REDIS_M_DELIVERED, 1);
}

static void on_message(struct redis_topics *topics, const struct redis_channel *c,
                       struct plug_str wire)
{
  const struct plug_host *host = topics->env->host;
  if (c->interests == NULL)
    return; /* the last one has just gone, Redis does not know yet */
  const struct plug_msg *msg = host->msg_decode(host, wire);
  if (msg == NULL) {
    redis_count(topics->env, REDIS_M_DROPPED_BAD_ENVELOPE, 1);
    redis_log_limited(topics->env, &topics->bad_limit, PLUG_LOG_WARN,
                      "dropped a message of %zu bytes on the channel %.*s: it is not in the format "
                      "of this cluster; something else publishes there",
                      wire.len, (int)(c->by_name.name.len < 200 ? c->by_name.name.len : 200),
                      c->text);
    return;
  }
  for (const struct redis_interest *in = c->interests; in != NULL; in = in->next) {
    struct plug_str topic =
        in->topic_len == 0 ? topic_in_name(topics, c) : (struct plug_str){in->topic, in->topic_len};
    /* Other spellings of the topic share the channel. What a glob catches, the host filters. */
    if (c->is_glob || redis_str_eq(topic, msg->topic))
      deliver(topics, in->id, msg);
  }
  host->msg_unref(msg);
}

static struct plug_str text_at(const redisReply *reply, size_t i)
{
  const redisReply *e = i < reply->elements ? reply->element[i] : NULL;
  if (e == NULL || e->type != REDIS_REPLY_STRING)
    return (struct plug_str){"", 0};
  return (struct plug_str){e->str, e->len};
}

void redis_topics_received(struct redis_topics *topics, const redisReply *reply)
{
  if (reply->type == REDIS_REPLY_ERROR) {
    on_error(topics, (struct plug_str){reply->str, reply->len});
    return;
  }
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 3) {
    topics->events->broken(topics->arg, "Redis sent something that is no message");
    return;
  }
  struct plug_str word = text_at(reply, 0), name = text_at(reply, 1);
  if (redis_str_eq(word, redis_str("message"))) {
    const struct redis_channel *c = redis_map_find(&topics->map, name, false);
    if (c != NULL)
      on_message(topics, c, text_at(reply, 2));
    else
      topics->events->own_message(topics->arg, name, text_at(reply, 2));
  } else if (redis_str_eq(word, redis_str("pmessage"))) {
    const struct redis_channel *c = redis_map_find(&topics->map, name, true);
    if (c != NULL)
      on_message(topics, c, text_at(reply, 3));
  } else {
    on_confirmation(topics, word, name);
  }
}

struct redis_held_list *redis_topics_hold(struct redis_topics *topics, struct plug_str channel)
{
  if (topics->n_subscribing == 0)
    return NULL;
  struct redis_channel *c = redis_map_find(&topics->map, channel, false);
  return c != NULL && c->n_subscribing > 0 && !is_settled(c) ? &c->held : NULL;
}

bool redis_topics_idle(const struct redis_topics *topics)
{
  return topics->batches == NULL;
}
