/* Two sessions on one hub, driven by the input: bytes in chunks, time steps, answers of the broker,
 * flushes. Whatever comes, everything that a session sends can be read by a STOMP client as frames
 * of a server, is UTF-8 where it is sent as text, keeps within its limits, and nothing is left
 * when the sessions are gone.
 *
 * Input: options, then steps of two bytes: the kind and its operand. Behind STEP_BYTES... follow as
 * many bytes as the operand says. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/counter.h"
#include "base/utf8.h"
#include "message/message.h"
#include "session/admission.h"
#include "session/session.h"

enum step {
  STEP_BYTES, /* to session 0 */
  STEP_BYTES_OTHER,
  STEP_FRAME, /* one of the usual frames, for the session that the operand chooses */
  STEP_TIME,
  STEP_ANSWER_PUBLISH,
  STEP_ANSWER_INTEREST,
  STEP_FLUSH,
  STEP_BLOCK,
  STEP_DELIVER,
  STEP_RECONNECT,
  N_STEPS
};

#define SESSIONS  2
#define ANSWERS   32
#define MAX_BYTES 4096

static const char *const usual[] = {
    "CONNECT\naccept-version:1.2\nheart-beat:500,500\n\n",
    "CONNECT\naccept-version:1.1\n\n",
    "CONNECT\n\n",
    "SUBSCRIBE\nid:0\ndestination:/sub/a\nreceipt:r\n\n",
    "SUBSCRIBE\nid:1\ndestination:/sub/**\nack:client\nreceipt:r\n\n",
    "SUBSCRIBE\nid:2\ndestination:/user/queue/a\nack:client\nreceipt:r\n\n",
    "SUBSCRIBE\nid:2\ndestination:/sub/a\nack:client-individual\n\n",
    "SUBSCRIBE\nid:0\ndestination:/sub/b\nack:client\n\n",
    "UNSUBSCRIBE\nid:0\nreceipt:u\n\n",
    "UNSUBSCRIBE\nid:1\n\n",
    "SEND\ndestination:/sub/a\nreceipt:s\nx:y\n\nhello",
    "SEND\ndestination:/sub/a\ntransaction:t\nreceipt:s\n\nhello",
    "BEGIN\ntransaction:t\n\n",
    "COMMIT\ntransaction:t\nreceipt:c\n\n",
    "ABORT\ntransaction:t\n\n",
    "ACK\nid:n-1/1\n\n",
    "DISCONNECT\nreceipt:d\n\n",
    "SUBSCRIBE\nid:w\ndestination:/plugboard/token\nreceipt:w\n\n",
    "SEND\ndestination:/plugboard/token\nreceipt:p\n\ntoken",
    "UNSUBSCRIBE\nid:w\n\n",
    "SEND\ndestination:/sub/b\nreceipt:n\n\nno",
};
#define N_USUAL (sizeof usual / sizeof *usual)

#define LIT(text) {text, sizeof(text) - 1}
static const struct plug_str prefixes[] = {LIT("/sub"), LIT("/topic")};
static const struct plug_str apps[] = {LIT("/app")};

static struct stomp_scratch scratch, reader_scratch;
static struct plug_kv kv[STOMP_HEADERS_CAP];

/* A client's end of a session: reads what the session sends. */
struct client {
  struct session session;
  struct stomp_parser parser;
  bool failed; /* an ERROR without recoverable: the last frame */
};

/* Rules without an auth plugin; kept for all runs. */
static struct access *rules_only(const struct destination_rules *destinations)
{
  static struct access *access;
  static struct config *config;
  struct plug_err err = {0};
  bool wanted;
  if (access)
    return access;
  config = config_new();
  invariant(config && config_read_text(config, "rules",
                                       STR("[access]\n"
                                           "a = subscribe, send /sub/a/**\n"
                                           "b = subscribe /sub/{x}/b if {x} == y\n"
                                           "c = subscribe, subscribe-pattern /sub/**\n"),
                                       &err) == PLUG_OK);
  static struct destination_rules kept;
  kept = *destinations;
  struct access_settings settings = {.world = {.destinations = &kept, .patterns = true}};
  access = access_new(&settings, config, NULL, &wanted, &err);
  invariant(access);
  return access;
}

static struct world {
  struct interest_table *table;
  struct inbox inbox;
  struct hub hub;
  struct destination_rules rules;
  struct session_env env;
  struct client clients[SESSIONS];
  struct inbox_item *answers[ANSWERS];
  unsigned n_answers;
  plug_status publish_status;
  uint64_t now, next_id;
} *w;

static const struct stomp_limits reader_limits = {
    .frame_bytes = 1 << 24, .n_headers = STOMP_HEADERS_CAP, .header_bytes = 1 << 20};

static void read_frame(struct client *client, const struct frame *frame)
{
  struct plug_str bytes = str_from(frame->bytes + frame->ws_header, frame->len - frame->ws_header);
  invariant(!client->failed); /* nothing follows an ERROR that ends the session */
  if ((uint8_t)frame->bytes[0] == FRAME_WS_TEXT)
    invariant(utf8_valid(bytes.ptr, bytes.len));
  if (bytes.len == 1 && bytes.ptr[0] == '\n')
    return;
  char *copy = malloc(bytes.len);
  invariant(copy);
  memcpy(copy, bytes.ptr, bytes.len);
  struct stomp_frame read;
  struct stomp_parse_error error;
  stomp_parser_set_version(&client->parser, (enum stomp_version)client->session.version);
  stomp_parser_feed(&client->parser, copy, bytes.len);
  invariant(stomp_parser_next(&client->parser, &read, &error) == STOMP_EVENT_FRAME);
  invariant(stomp_command_is_server(read.command));
  /* The queue's policy may drop a MESSAGE, but for those that are to be acknowledged, which 1.2
   * shows by a header; never an answer. */
  if (read.command != STOMP_MESSAGE)
    invariant(!frame->droppable);
  else if (client->session.version == STOMP_1_2)
    invariant(frame->droppable == !stomp_frame_header(&read, STR("ack")));
  if (read.command == STOMP_MESSAGE) {
    invariant(stomp_frame_header(&read, STR("subscription")));
    invariant(stomp_frame_header(&read, STR("message-id")));
    invariant(stomp_frame_header(&read, STR("destination")));
  }
  if (read.command == STOMP_RECEIPT)
    invariant(stomp_frame_header(&read, STR("receipt-id")));
  if (read.command == STOMP_ERROR) {
    invariant(stomp_frame_header(&read, STR("message")));
    client->failed = !stomp_frame_header(&read, STR("recoverable"));
  }
  invariant(stomp_parser_next(&client->parser, &read, &error) == STOMP_EVENT_MORE);
  invariant(client->parser.pending.len == 0); /* one queued frame is one STOMP frame */
  free(copy);
}

static struct client *client_of(struct outq *q)
{
  return (struct client *)(void *)q; /* first member of the first member */
}

static void flush(struct outq *q)
{
  if (q->blocked)
    return;
  uint32_t messages = q->messages;
  invariant(outq_split(q));
  invariant(q->count == messages);
  for (uint32_t i = 0; i < q->count; i++)
    read_frame(client_of(q), outq_at(q, i));
  outq_drop_front(q, q->count);
  client_of(q)->session.last_tx_ms = w->now;
}

static void settle(struct client *client)
{
  struct outq *q = &client->session.out;
  if (q->overflow)
    session_overflow(&client->session);
  flush(q);
}

static plug_status publish(struct session_env *env, const struct plug_msg *msg,
                           struct inbox_item *answer)
{
  (void)env;
  if (w->publish_status == PLUG_PENDING && answer) {
    if (w->n_answers == ANSWERS)
      return PLUG_EUNAVAIL;
    w->answers[w->n_answers++] = answer;
  }
  if (w->publish_status >= 0)
    interest_deliver(w->table, 0, msg);
  return w->publish_status;
}

static bool publish_unheard(struct session_env *env, uint64_t topic_hash, size_t payload_len)
{
  (void)env;
  invariant(payload_len < MAX_BYTES);
  return !interest_is_heard(w->table, topic_hash);
}

static void take_inbox(void)
{
  hub_take_all(&w->hub, &w->inbox);
}

static void wake(struct inbox *inbox)
{
  (void)inbox;
}

static void changed(void *ctx)
{
  (void)ctx;
}

static void answer_interests(plug_status status)
{
  struct interest *next, *interest = interest_take_changes(w->table);
  for (; interest; interest = next) {
    next = interest_next_change(interest);
    switch (interest_judge(w->table, interest)) {
    case INTEREST_CHANGE_SUBSCRIBE:
      interest_answer(w->table, interest, status);
      break;
    case INTEREST_CHANGE_UNUSED:
      if (interest_retire(w->table, interest))
        interest_free(interest);
      break;
    case INTEREST_CHANGE_GONE:
      interest_free(interest);
      break;
    default:
      break;
    }
  }
}

static void answer_publish(unsigned i, plug_status status)
{
  struct inbox_item *item = w->answers[i];
  w->answers[i] = w->answers[--w->n_answers];
  item->status = status;
  inbox_put(&w->inbox, item);
}

static void open_client(struct client *client)
{
  session_init(&client->session, &w->env, w->now);
  stomp_parser_init(&client->parser, &reader_limits, &reader_scratch);
  client->failed = false;
}

static void close_client(struct client *client)
{
  session_fini(&client->session);
  stomp_parser_fini(&client->parser);
}

static void receive(struct client *client, const void *bytes, size_t len)
{
  char *chunk = malloc(len ? len : 1);
  invariant(chunk);
  if (len)
    memcpy(chunk, bytes, len);
  session_receive(&client->session, chunk, len, w->now);
  free(chunk);
}

static void awake(struct session *session)
{
  (void)session;
}

static void open_world(uint8_t options)
{
  static const enum outq_policy policies[] = {OUTQ_CLOSE, OUTQ_DROP_OLDEST, OUTQ_DROP_NEWEST,
                                              OUTQ_CLOSE};
  static struct world world;
  w = &world;
  memset(w, 0, sizeof *w);
  struct inbox *inbox = &w->inbox;
  inbox->wake = wake;
  w->table = interest_table_new(1, &inbox, 1 << 20, changed, NULL);
  invariant(w->table);
  interest_set_local_patterns(w->table, options & 1);
  hub_init(&w->hub, 0, w->table);
  w->hub.outqs.max_bytes = 8192;
  w->hub.outqs.max_frames = 16;
  w->hub.outqs.policy = policies[options >> 1 & 3];
  w->hub.outqs.flush = flush;
  w->hub.max_unacked = 8;
  w->hub.on_interest = session_interest;
  w->hub.on_published = session_published;
  w->hub.on_unacked_full = session_unacked_full;
  w->hub.on_costly = session_costly;
  bool spring = options >> 3 & 1;
  w->rules =
      (struct destination_rules){{prefixes, 2}, {apps, 1}, {prefixes, 2}, spring, STR("/user")};
  w->env = (struct session_env){
      .hub = &w->hub,
      .terms.destinations = &w->rules,
      .terms.limits = {.frame_bytes = MAX_BYTES, .n_headers = 16, .header_bytes = 1024},
      .scratch = &scratch,
      .kv = kv,
      .server = "plugboard/fuzz",
      .terms.heartbeat_send_ms = 1000,
      .terms.heartbeat_receive_ms = 1000,
      .heartbeat_tolerance = 150,
      .connect_timeout_ms = 5000,
      .max_subscriptions = 8,
      .max_destination_length = 100,
      .max_transactions = 2,
      .max_transaction_bytes = 4096,
      .max_session_memory = 20000,
      .terms.patterns = !(options >> 4 & 1),
      .terms.errors_end = options >> 7 & 1,
      .terms.no_rules = options >> 7 & 1,
      .terms.spring = spring,
      .publish = publish,
      .publish_unheard = options >> 5 & 1 ? publish_unheard : NULL};
  static const struct user_names users = {{"/user", 5}, {"key", 3}};
  w->env.users = &users;
  w->hub.user_prefix = users.prefix;
  w->env.wake = awake;
  if (options >> 6 & 1) {
    struct destination_rules plain = {{prefixes, 2}, {apps, 1}, {prefixes, 2}, false, STR("/user")};
    w->env.access = access_worker_new(rules_only(&plain), 0, inbox, &admission_events);
    invariant(w->env.access);
  }
  w->now = 1000000;
  message_set_node("n");
  for (unsigned i = 0; i < SESSIONS; i++)
    open_client(&w->clients[i]);
}

static void check(void)
{
  uint64_t n = 0;
  for (unsigned i = 0; i < SESSIONS; i++) {
    const struct session *session = &w->clients[i].session;
    n += session->n_subscriptions;
    invariant(session->n_subscriptions <= w->env.max_subscriptions);
    invariant(session->n_transactions <= w->env.max_transactions);
    invariant(session->transaction_bytes <= w->env.max_transaction_bytes);
    invariant(session->kept_bytes <= w->env.max_session_memory);
    invariant(session->state != SESSION_CLOSED || session->n_subscriptions == 0);
    invariant(session->state == SESSION_CLOSED || session_deadline_ms(session) > 0);
  }
  /* A user destination of somebody known is two of the hub. */
  invariant(n <= w->hub.subscriptions.count && w->hub.subscriptions.count <= 2 * n);
  invariant((int64_t)w->hub.subscriptions.count == counter_read(COUNTER_subscriptions));
}

static void close_world(void)
{
  for (unsigned i = 0; i < SESSIONS; i++)
    close_client(&w->clients[i]);
  while (w->n_answers) /* outlive the sessions */
    answer_publish(0, PLUG_ECANCELED);
  take_inbox();
  check();
  invariant(counter_read(COUNTER_sessions) == 0);
  invariant(w->hub.topics.count + w->hub.patterns.count + w->hub.groups.count == 0);
  hub_fini(&w->hub);
  answer_interests(PLUG_OK);
  interest_table_free(w->table);
  buf_free(&w->env.out);
  if (w->env.access)
    access_worker_free(w->env.access);
  invariant(message_count_alive() <= 0);
}

static void deliver(uint8_t operand)
{
  static const char *const topics[] = {"/sub/a", "/sub/b", "/sub/a/b", "/none"};
  struct plug_msg_init init = {.size = sizeof init,
                               .topic = str_of(topics[operand & 3]),
                               .payload = operand & 4 ? STR("\xff") : STR("text")};
  const struct plug_msg *msg = message_new_from(&init, STR("n"), ++w->next_id);
  invariant(msg);
  interest_deliver(w->table, 0, msg);
  message_unref(msg);
}

static void run_step(enum step step, uint8_t operand)
{
  static const plug_status statuses[] = {PLUG_OK,      PLUG_EUNAVAIL, PLUG_EDENIED,
                                         PLUG_PENDING, PLUG_EAGAIN,   PLUG_ETIMEDOUT};
  struct client *client = &w->clients[operand & 1];
  switch (step) {
  case STEP_FRAME: {
    const char *text = usual[operand / 2 % N_USUAL];
    receive(client, text, strlen(text) + 1);
    break;
  }
  case STEP_TIME:
    w->now += (uint64_t)operand * 20;
    for (unsigned i = 0; i < SESSIONS; i++)
      if (w->now >= session_deadline_ms(&w->clients[i].session))
        session_tick(&w->clients[i].session, w->now);
    break;
  case STEP_ANSWER_PUBLISH:
    w->publish_status = statuses[operand % 6];
    if (w->n_answers)
      answer_publish(operand % w->n_answers, statuses[operand / 8 % 3]);
    break;
  case STEP_ANSWER_INTEREST:
    answer_interests(statuses[operand % 3]);
    break;
  case STEP_FLUSH:
    take_inbox();
    client->session.out.blocked = false;
    settle(client);
    break;
  case STEP_BLOCK:
    invariant(outq_split(&client->session.out)); /* as the carrier does */
    client->session.out.blocked = true;
    break;
  case STEP_DELIVER:
    deliver(operand);
    break;
  case STEP_RECONNECT:
    close_client(client);
    open_client(client);
    break;
  default:
    break;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size < 1)
    return 0;
  open_world(data[0]);
  size_t at = 1;
  while (at + 2 <= size) {
    enum step step = data[at] % N_STEPS;
    uint8_t operand = data[at + 1];
    at += 2;
    if (step == STEP_BYTES || step == STEP_BYTES_OTHER) {
      size_t len = operand < size - at ? operand : size - at;
      receive(&w->clients[step == STEP_BYTES_OTHER], data + at, len);
      at += len;
    } else {
      run_step(step, operand);
    }
    if (operand & 0x40)
      take_inbox();
    check();
  }
  take_inbox();
  for (unsigned i = 0; i < SESSIONS; i++) {
    w->clients[i].session.out.blocked = false;
    settle(&w->clients[i]);
  }
  close_world();
  return 0;
}
