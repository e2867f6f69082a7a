/* The server's own work per message, without the kernel's: real sessions, hub and interest table in
 * one thread, fed with bytes; what would be sent is thrown away. Run under callgrind it gives
 * instruction counts that repeat from run to run (bench/instructions.py compares them with the
 * stored ones).
 *
 *   instructions CASE [ROUNDS]
 *
 * Only what runs between measured_begin and measured_end counts: callgrind is told to collect
 * inside the function "measured". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message/message.h"
#include "net/batch.h"
#include "session/admission.h"
#include "session/session.h"

struct world {
  struct interest_table *interests;
  struct hub hub;
  struct inbox inbox;
  struct session_env env;
  struct destination_rules destinations;
  struct batch_set batches;
  struct access *access; /* NULL: no rules */
  struct session *sessions;
  size_t n_sessions;
  uint64_t sent_bytes; /* keeps the compiler from dropping what nobody reads */
};

static struct world world;

static void no_wake(struct inbox *inbox)
{
  (void)inbox;
}

static void no_change(void *ctx)
{
  (void)ctx;
}

/* As conn_flush without the socket: the bytes of each send are put together and released. */
static void flush(struct outq *queue)
{
  while (queue->count) {
    uint32_t n = 1;
    struct plug_str bytes = str_from(NULL, outq_at(queue, 0)->len);
    if (queue->count > 1 && !batch_set_get(&world.batches, queue, false, 65536, &bytes, &n)) {
      batch_set_reset(&world.batches);
      continue;
    }
    world.sent_bytes += bytes.len;
    outq_drop_front(queue, n);
  }
}

static plug_status publish(struct session_env *env, const struct plug_msg *msg,
                           struct inbox_item *answer)
{
  (void)env;
  (void)answer;
  return interest_deliver(world.interests, 0, msg);
}

static bool publish_unheard(struct session_env *env, uint64_t topic_hash, size_t payload_len)
{
  (void)env;
  (void)payload_len;
  return !interest_is_heard(world.interests, topic_hash);
}

static void turn_end(void)
{
  hub_take_all(&world.hub, &world.inbox);
  struct list *dirty;
  while ((dirty = list_first(&world.hub.outqs.dirty))) {
    list_remove(dirty);
    flush(container_of(dirty, struct outq, dirty));
  }
  batch_set_reset(&world.batches);
}

static void feed(struct session *session, const char *bytes, size_t len)
{
  static char chunk[16384];
  memcpy(chunk, bytes, len);
  session_receive(session, chunk, len, 0);
}

static void check(int good, const char *what)
{
  if (!good) {
    fprintf(stderr, "instructions: %s\n", what);
    exit(EXIT_FAILURE);
  }
}

static void wake(struct session *session)
{
  (void)session;
}

/* Thirty rules, of which the last opens what the cases use. */
static void give_rules(void)
{
  char text[4096];
  int n = sprintf(text, "[access]\n");
  for (int i = 0; i < 29; i++)
    n += sprintf(text + n, "r%d = subscribe, send /topic/other%d/{id}/** if {id} == x\n", i, i);
  n += sprintf(text + n, "all = subscribe, send /topic/**\n");
  struct plug_err err = {0};
  struct config *config = config_new();
  struct access_settings settings = {.world = {.destinations = &world.destinations}};
  bool wanted;
  check(config && config_read_text(config, "rules", str_from(text, (size_t)n), &err) == PLUG_OK,
        "bad rules");
  world.access = access_new(&settings, config, NULL, &wanted, &err);
  check(world.access != NULL, err.text);
  world.env.access = access_worker_new(world.access, 0, &world.inbox, &admission_events);
  world.env.wake = wake;
  check(world.env.access != NULL, "out of memory");
  config_free(config); /* the rules' names and files are not shown any more */
}

static void world_init(size_t n_sessions)
{
  static const struct plug_str prefixes[] = {{"/topic", 6}};
  static struct inbox *inboxes[] = {&world.inbox};
  world.inbox.wake = no_wake;
  world.interests = interest_table_new(1, inboxes, UINT64_MAX / 2, no_change, NULL);
  check(world.interests != NULL, "out of memory");
  interest_bind_worker(0);
  hub_init(&world.hub, 0, world.interests);
  world.hub.outqs.max_bytes = UINT64_MAX / 2;
  world.hub.outqs.max_frames = UINT32_MAX / 2;
  world.hub.outqs.flush = flush;
  world.hub.on_interest = session_interest;
  world.hub.on_published = session_published;
  world.hub.on_unacked_full = session_unacked_full;
  world.hub.on_costly = session_costly;
  world.destinations.broker.items = world.destinations.client_send.items = prefixes;
  world.destinations.broker.n = world.destinations.client_send.n = 1;
  world.env = (struct session_env){
      .hub = &world.hub,
      .terms.destinations = &world.destinations,
      .terms.limits = {.frame_bytes = 65536, .n_headers = 64, .header_bytes = 8192},
      .scratch = calloc(1, sizeof(struct stomp_scratch)),
      .kv = malloc(STOMP_HEADERS_CAP * sizeof(struct plug_kv)),
      .server = "plugboard",
      .heartbeat_tolerance = 300,
      .connect_timeout_ms = 30000,
      .max_subscriptions = 1000,
      .max_destination_length = 1024,
      .max_transactions = 16,
      .max_transaction_bytes = 1 << 20,
      .max_session_memory = 1 << 24,
      .publish = publish,
      .publish_unheard = publish_unheard,
  };
  world.n_sessions = n_sessions;
  world.sessions = calloc(n_sessions, sizeof *world.sessions);
  check(world.env.scratch && world.env.kv && world.sessions, "out of memory");
}

static void world_fini(void)
{
  for (size_t i = 0; i < world.n_sessions; i++)
    if (world.sessions[i].env)
      session_fini(&world.sessions[i]);
  access_worker_free(world.env.access);
  access_free(world.access);
  hub_fini(&world.hub);
  batch_set_fini(&world.batches);
  interest_table_free(world.interests);
  buf_free(&world.env.out);
  free(world.env.scratch);
  free(world.env.kv);
  free(world.sessions);
}

static void open_session(struct session *session, bool subscribe)
{
  static const char connect[] = "CONNECT\naccept-version:1.2\nhost:x\nheart-beat:0,0\n\n";
  static const char sub[] = "SUBSCRIBE\nid:sub-0\ndestination:/topic/load0\n\n";
  session_init(session, &world.env, 0);
  feed(session, connect, sizeof connect);
  if (subscribe)
    feed(session, sub, sizeof sub);
}

/* One SEND as @stomp/stompjs writes it, with a body of 120 bytes. */
static size_t put_send(char *out, const char *topic)
{
  int n = sprintf(out, "SEND\ndestination:/topic/%s\ncontent-length:120\n\n%0120d", topic, 7);
  return (size_t)n + 1; /* the NUL is the frame's */
}

/* --- cases -------------------------------------------------------------------------------- */

struct measure_case {
  const char *name, *unit;
  size_t sessions, subscribers;
  unsigned in_flight;
  const char *topic;
  bool open;            /* measures the opening of sessions instead of messages */
  uint64_t per_message; /* units in one message */
};

static const struct measure_case cases[] = {
    {"publish-unheard", "SEND", 1, 0, 64, "nobody", false, 1},
    {"fan-out-1000", "delivery", 1001, 1000, 1, "load0", false, 1000},
    {"fan-out-1000-16", "delivery", 1001, 1000, 16, "load0", false, 1000},
    {"one-to-one", "delivery", 2, 1, 1, "load0", false, 1},
    {"one-to-one-16", "delivery", 2, 1, 16, "load0", false, 1},
    {"one-to-one-rules", "delivery", 2, 1, 1, "load0", false, 1},
    {"one-to-one-16-rules", "delivery", 2, 1, 16, "load0", false, 1},
    {"open", "session", 1000, 1000, 0, "load0", true, 1},
};

/* The function inside which callgrind collects. */
__attribute__((noinline)) static void measured(const struct measure_case *c, const char *bytes,
                                               size_t len, unsigned rounds)
{
  if (c->open) {
    for (size_t i = 0; i < c->sessions; i++)
      open_session(&world.sessions[i], true);
    turn_end();
    return;
  }
  for (unsigned i = 0; i < rounds; i++) {
    feed(&world.sessions[0], bytes, len);
    turn_end();
  }
}

int main(int argc, char **argv)
{
  const struct measure_case *c = NULL;
  unsigned rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 50;
  for (size_t i = 0; argc > 1 && i < sizeof cases / sizeof *cases; i++)
    if (strcmp(argv[1], cases[i].name) == 0)
      c = &cases[i];
  if (!c || !rounds) {
    fprintf(stderr, "usage: instructions CASE [ROUNDS]; cases:");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
      fprintf(stderr, " %s", cases[i].name);
    fputc('\n', stderr);
    return 64;
  }
  char bytes[16384];
  size_t len = 0;
  for (unsigned i = 0; i < c->in_flight; i++)
    len += put_send(bytes + len, c->topic);
  message_set_node("bench");
  world_init(c->sessions);
  if (strstr(c->name, "-rules"))
    give_rules();
  if (!c->open) {
    for (size_t i = 0; i < c->sessions; i++)
      open_session(&world.sessions[i], i > 0 && i <= c->subscribers);
    turn_end();
    measured(c, bytes, len, 3); /* warm; collected too, and counted as rounds below */
  }
  uint64_t before = world.sent_bytes;
  measured(c, bytes, len, rounds);
  check(c->subscribers == 0 || world.sent_bytes > before, "nothing was delivered");
  uint64_t units = c->open ? c->sessions : (uint64_t)(rounds + 3) * c->in_flight * c->per_message;
  printf("%s %llu %s\n", c->name, (unsigned long long)units, c->unit);
  world_fini();
  return 0;
}
