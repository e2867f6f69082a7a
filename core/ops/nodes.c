#include "ops/nodes.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/utf8.h"

/* --- beats --------------------------------------------------------------------------------- */

#define VERSION 1 /* of the messages by which nodes tell each other, see api/api_order.c */

bool node_beat_put(const struct node_beat *beat, struct buf *out)
{
  json_t *json =
      json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:b}",
                "version", VERSION, "order", "beat", "instance", beat->instance, "server",
                beat->version, "state", beat->state, "broker", beat->broker, "host", beat->host,
                "pid", (json_int_t)beat->pid, "uptime", (json_int_t)beat->uptime_ms, "connections",
                (json_int_t)beat->connections, "sessions", (json_int_t)beat->sessions, "interval",
                (json_int_t)beat->interval_ms, "day", (json_int_t)beat->day_ms, "in",
                beat->in_per_s, "out", beat->out_per_s, "wanted", beat->wanted);
  char *text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
  json_decref(json);
  if (!text)
    return false;
  buf_put_str(out, str_of(text));
  free(text);
  return !out->failed;
}

/* Whole characters of it, without those that would disturb whoever reads a list. */
static void read_text(const json_t *json, const char *name, char out[NODE_TEXT_SHOWN + 1])
{
  const json_t *value = json_object_get(json, name);
  const char *text = json_string_value(value);
  size_t len = text ? json_string_length(value) : 0;
  len = len > NODE_TEXT_SHOWN ? utf8_cut(text, len, NODE_TEXT_SHOWN) : len;
  for (size_t i = 0; i < len; i++)
    out[i] = (unsigned char)text[i] < ' ' ? ' ' : text[i];
  out[len] = '\0';
}

static uint64_t read_number(const json_t *json, const char *name)
{
  json_int_t value = json_integer_value(json_object_get(json, name));
  return value > 0 ? (uint64_t)value : 0;
}

static double read_rate(const json_t *json, const char *name)
{
  double value = json_number_value(json_object_get(json, name));
  return value > 0 ? value : 0;
}

static bool read_instance(const json_t *json, char out[NODE_INSTANCE_LEN + 1])
{
  const char *text = json_string_value(json_object_get(json, "instance"));
  if (!text || strlen(text) != NODE_INSTANCE_LEN ||
      strspn(text, "0123456789abcdef") != NODE_INSTANCE_LEN)
    return false;
  memcpy(out, text, NODE_INSTANCE_LEN + 1);
  return true;
}

/* What [admin] beat-interval may be. */
#define INTERVAL_MIN_MS 1000u
#define INTERVAL_MAX_MS 300000u

bool node_beat_read(struct plug_str text, struct node_beat *beat)
{
  *beat = (struct node_beat){0};
  json_t *json = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
  const char *order = json_string_value(json_object_get(json, "order"));
  bool well = order && strcmp(order, "beat") == 0 &&
              json_integer_value(json_object_get(json, "version")) == VERSION &&
              read_instance(json, beat->instance);
  if (well) {
    read_text(json, "server", beat->version);
    read_text(json, "state", beat->state);
    read_text(json, "broker", beat->broker);
    read_text(json, "host", beat->host);
    beat->pid = read_number(json, "pid");
    beat->uptime_ms = read_number(json, "uptime");
    beat->connections = read_number(json, "connections");
    beat->sessions = read_number(json, "sessions");
    beat->interval_ms = read_number(json, "interval");
    beat->day_ms = read_number(json, "day");
    beat->in_per_s = read_rate(json, "in");
    beat->out_per_s = read_rate(json, "out");
    beat->wanted = json_is_true(json_object_get(json, "wanted"));
    well = beat->interval_ms >= INTERVAL_MIN_MS && beat->interval_ms <= INTERVAL_MAX_MS;
  }
  json_decref(json);
  return well;
}

/* --- nodes --------------------------------------------------------------------------------- */

struct node {
  char name[NODE_NAME_SHOWN + 1];
  struct node_beat beat;
  uint64_t seen_ms;
};

struct nodes {
  pthread_mutex_t mutex; /* of all that follows */
  struct node *items;    /* by name and instance */
  size_t n, cap;
};

struct nodes *nodes_new(void)
{
  struct nodes *nodes = calloc(1, sizeof *nodes);
  if (nodes)
    pthread_mutex_init(&nodes->mutex, NULL);
  return nodes;
}

void nodes_free(struct nodes *nodes)
{
  if (!nodes)
    return;
  pthread_mutex_destroy(&nodes->mutex);
  free(nodes->items);
  free(nodes);
}

static void remove_at(struct nodes *nodes, size_t i)
{
  memmove(&nodes->items[i], &nodes->items[i + 1], (--nodes->n - i) * sizeof *nodes->items);
}

static void forget_missing(struct nodes *nodes, uint64_t now_ms)
{
  for (size_t i = nodes->n; i-- > 0;)
    if (now_ms > nodes->items[i].seen_ms + NODE_MISSED * nodes->items[i].beat.interval_ms)
      remove_at(nodes, i);
}

/* Of a node that has started anew: its former self has missed a beat since. */
static void forget_former(struct nodes *nodes, const char *name, const char *instance,
                          uint64_t now_ms)
{
  for (size_t i = nodes->n; i-- > 0;) {
    const struct node *node = &nodes->items[i];
    if (strcmp(node->name, name) == 0 && strcmp(node->beat.instance, instance) != 0 &&
        now_ms > node->seen_ms + node->beat.interval_ms * 3 / 2)
      remove_at(nodes, i);
  }
}

static int compare(const struct node *node, const char *name, const char *instance)
{
  int order = strcmp(node->name, name);
  return order ? order : strcmp(node->beat.instance, instance);
}

/* The entry of this node; NULL: there is no room. */
static struct node *entry_of(struct nodes *nodes, const char *name, const char *instance)
{
  size_t at = 0;
  while (at < nodes->n && compare(&nodes->items[at], name, instance) < 0)
    at++;
  if (at < nodes->n && compare(&nodes->items[at], name, instance) == 0)
    return &nodes->items[at];
  if (nodes->n == NODES_MAX)
    return NULL;
  if (nodes->n == nodes->cap) {
    size_t cap = nodes->cap ? nodes->cap * 2 : 8;
    struct node *items = realloc(nodes->items, cap * sizeof *items);
    if (!items)
      return NULL;
    nodes->items = items;
    nodes->cap = cap;
  }
  struct node *node = &nodes->items[at];
  memmove(node + 1, node, (nodes->n++ - at) * sizeof *node);
  memcpy(node->name, name, strlen(name) + 1);
  return node;
}

bool nodes_hear(struct nodes *nodes, struct plug_str text, const struct node_beat *beat,
                uint64_t now_ms)
{
  char name[NODE_NAME_SHOWN + 1];
  size_t len =
      text.len > NODE_NAME_SHOWN ? utf8_cut(text.ptr, text.len, NODE_NAME_SHOWN) : text.len;
  if (!len || !utf8_valid(text.ptr, len) || memchr(text.ptr, '\0', len))
    return false;
  memcpy(name, text.ptr, len);
  name[len] = '\0';
  pthread_mutex_lock(&nodes->mutex);
  forget_missing(nodes, now_ms);
  forget_former(nodes, name, beat->instance, now_ms);
  struct node *node = entry_of(nodes, name, beat->instance);
  if (node) {
    node->beat = *beat;
    node->seen_ms = now_ms;
  }
  pthread_mutex_unlock(&nodes->mutex);
  return node != NULL;
}

static json_t *node_json(const struct node *node, const char *self, uint64_t now_ms)
{
  const struct node_beat *beat = &node->beat;
  uint64_t ago = now_ms > node->seen_ms ? now_ms - node->seen_ms : 0;
  return json_pack("{s:s, s:b, s:s, s:s, s:I, s:I, s:s, s:s, s:I, s:I, s:f, s:f, s:I}", "node",
                   node->name, "self", strcmp(beat->instance, self) == 0, "version", beat->version,
                   "host", beat->host, "pid", (json_int_t)beat->pid, "uptime_ms",
                   (json_int_t)(beat->uptime_ms + ago), "state", beat->state, "broker",
                   beat->broker, "connections", (json_int_t)beat->connections, "sessions",
                   (json_int_t)beat->sessions, "in_per_s", beat->in_per_s, "out_per_s",
                   beat->out_per_s, "seen_ms_ago", (json_int_t)ago);
}

json_t *nodes_list(struct nodes *nodes, const char *self, uint64_t now_ms)
{
  json_t *list = json_array();
  bool well = list != NULL;
  pthread_mutex_lock(&nodes->mutex);
  forget_missing(nodes, now_ms);
  for (size_t i = 0; i < nodes->n && well; i++)
    well = json_array_append_new(list, node_json(&nodes->items[i], self, now_ms)) == 0;
  pthread_mutex_unlock(&nodes->mutex);
  if (!well) {
    json_decref(list);
    return NULL;
  }
  return list;
}
