/* plugload: the load generator. One process, one core: subscribers, idle connections and
 * publishers of one server; counts and checks every delivery and prints one JSON object.
 *
 * Closed loop: publish a burst of messages, wait until every subscriber has all of them, publish
 * the next. Open loop (--rate): messages leave at fixed times whatever the server does, and
 * latencies count from those times, so that a stalled server cannot hide its stall. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "load_close.h"
#include "load_conn.h"
#include "load_heartbeat.h"
#include "load_report.h"

enum { MAX_STALLS = 3 };

static struct run run;

static struct process_usage usage(void)
{
  struct process_usage u;
  if (!process_usage_read(run.options.pids, run.options.n_pids, &u))
    load_fail("the server process is gone");
  return u;
}

static double seconds(uint64_t ns)
{
  return (double)ns / 1e9;
}

void on_delivery(struct conn *conn, const uint8_t *body, size_t len)
{
  const struct protocol *protocol = run.load.protocol;
  if (protocol->unwrap)
    body = protocol->unwrap(body, &len);
  if (conn->role != ROLE_SUBSCRIBER || !body || len != run.options.body || body[0] != 'S') {
    run.foreign++;
    return;
  }
  struct stamp stamp = stamp_read(body);
  if (stamp.slot >= run.n_slots) {
    run.foreign++;
    return;
  }
  /* A gap stays open: what is missing may only be late in a burst that is then given up. */
  switch (order_note(&run.order, (size_t)conn->index * run.n_slots + stamp.slot, stamp.seq)) {
  case ARRIVED_TWICE:
    run.doubled++;
    return;
  case ARRIVED_LATE:
    run.reordered++;
    break;
  case ARRIVED:
    break;
  }
  run.delivered++;
  enum storm_phase phase = storm_phase_at(&run.storm, stamp.time_ns);
  if (stamp.time_ns >= run.measured_from_ns && phase != STORM_CUT)
    latencies_add(phase == STORM_BACK ? &run.storm_latency : &run.latency,
                  conn->load->now_ns - stamp.time_ns);
}

static uint64_t poll_timeout(uint64_t most_ns)
{
  return run.options.busy && !run.options.storm ? 0
                                                : most_ns; /* whose thread wants the core, too */
}

/* Opens n connections, at most options.parallel of them unfinished at a time. */
static uint64_t open_all(enum role role, unsigned n, unsigned first_topic, unsigned n_topics)
{
  struct load *load = &run.load;
  size_t ready_before = load->n_ready;
  uint64_t start = clock_now_ns(), last_progress = start;
  size_t opened = 0, last_ready = 0;
  for (;;) {
    size_t ready = load->n_ready - ready_before;
    if (ready == n)
      return clock_now_ns() - start;
    uint64_t now = clock_now_ns();
    if (ready != last_ready) {
      last_ready = ready;
      last_progress = now;
    } else if (now - last_progress > 20000000000U) {
      load_fail("only %zu of %u connections were accepted", ready, n);
    }
    for (; opened < n && opened - ready < run.options.parallel; opened++) {
      struct conn *conn =
          load_open(load, role, first_topic + (unsigned)opened % n_topics, (uint32_t)opened);
      if (role == ROLE_PUBLISHER)
        run.publishers[opened] = conn;
    }
    load_poll(load, poll_timeout(10000000));
  }
}

static void settle(double s)
{
  uint64_t until = clock_now_ns() + (uint64_t)(s * 1e9);
  while (clock_now_ns() < until)
    load_poll(&run.load, 1000000);
}

/* What fills a body up to its length. */
static void fill(struct bytes *body, size_t len, bool json)
{
  static const char *const words[] = {"order", "price", "amount", "customer", "status", "comment"};
  uint32_t number = 1;
  for (unsigned i = 0; json && body->len + 64 < len; i++) {
    number = number * 1664525U + 1013904223U; /* the same in each run */
    bytes_printf(body, "%s\"%s\":{\"id\":%u,\"value\":%u.%02u}", i ? "," : "{",
                 words[i % (sizeof words / sizeof *words)], number >> 8, number >> 20, i % 100);
  }
  while (body->len < len)
    bytes_put(body, json ? " " : "x", 1);
}

static struct frame make_frame(const char *topic, bool fence)
{
  struct bytes payload = {0}, body = {0};
  struct frame frame = {0};
  uint8_t stamp[STAMP_LEN];
  stamp_put(stamp, &(struct stamp){0});
  bytes_put(&body, stamp, sizeof stamp);
  fill(&body, run.options.body, run.options.json);
  size_t body_at = run.load.protocol->publish(&payload, topic, body.at, body.len, fence);
  size_t payload_at =
      ws_put_frame(&frame.bytes, run.load.protocol->opcode, payload.at, payload.len);
  frame.stamp_at = payload_at + body_at;
  frame.stamp_phase = body_at % 4;
  bytes_free(&payload);
  bytes_free(&body);
  return frame;
}

/* Puts the next message into the buffer of its publisher, which is returned. */
static struct conn *publish_one(uint64_t time_ns, bool fence)
{
  const struct options *o = &run.options;
  bool many_publishers = o->publishers > o->topics;
  unsigned publisher, topic, slot = 0;
  if (many_publishers) {
    publisher = (unsigned)(run.published % o->publishers);
    topic = publisher % o->topics;
    slot = publisher / o->topics;
  } else {
    topic = (unsigned)(run.published % o->topics);
    publisher = topic % o->publishers;
  }
  struct conn *conn = run.publishers[publisher];
  const struct frame *frame = fence ? &run.fenced[topic] : &run.frames[topic];
  uint32_t *seq = &run.next_seq[(size_t)topic * run.n_slots + slot];
  size_t at = conn->out.len;
  bytes_put(&conn->out, frame->bytes.at, frame->bytes.len);
  stamp_put_masked(conn->out.at + at + frame->stamp_at, &(struct stamp){slot, (*seq)++, time_ns},
                   frame->stamp_phase);
  run.published++;
  run.expected += o->subscribers / o->topics;
  if (fence || run.load.protocol->fence_each)
    run.fences_expected++;
  return conn;
}

static bool all_arrived(void)
{
  return run.delivered >= run.expected && run.load.fences >= run.fences_expected;
}

/* False when the server has delivered nothing for too long; what is missing then counts as lost. */
static bool wait_for_all(void)
{
  uint64_t last = run.delivered + run.load.fences, last_ns = 0;
  for (unsigned turn = 0; !all_arrived(); turn++) {
    load_poll(&run.load, poll_timeout(100000000));
    if (turn % 1024 != 0 && run.options.busy)
      continue;
    uint64_t now = clock_now_ns(), got = run.delivered + run.load.fences;
    if (got != last || last_ns == 0) {
      last = got;
      last_ns = now;
    } else if (seconds(now - last_ns) > run.options.stall_s) {
      run.lost += run.expected > run.delivered ? run.expected - run.delivered : 0;
      run.expected = run.delivered;
      run.fences_expected = run.load.fences;
      return false;
    }
  }
  return true;
}

static bool burst(void)
{
  const struct options *o = &run.options;
  bool need_fence = o->subscribers == 0 && !run.load.protocol->fence_each;
  uint64_t now = clock_now_ns();
  struct conn *conn = NULL;
  for (unsigned i = 0; i < o->in_flight; i++) /* each publisher's last message asks for an answer */
    conn = publish_one(now, need_fence && i + o->publishers >= o->in_flight);
  if (o->in_flight == 1)
    conn_flush(conn);
  for (unsigned i = 0; o->in_flight > 1 && i < o->publishers; i++)
    if (run.publishers[i]->out.len)
      conn_flush(run.publishers[i]);
  return wait_for_all();
}

/* Nothing is under way meanwhile, so both sides sleep. */
static void pause_for(double s)
{
  struct timespec left = {.tv_sec = (time_t)s, .tv_nsec = (long)((s - (double)(time_t)s) * 1e9)};
  while (nanosleep(&left, &left) != 0 && errno == EINTR)
    ;
}

static unsigned closed_loop(uint64_t until_ns)
{
  unsigned stalls = 0;
  while (clock_now_ns() < until_ns) {
    if (!burst() && ++stalls > MAX_STALLS)
      load_fail("the server delivers no more: %" PRIu64 " messages are missing", run.lost);
    if (run.options.pause_s > 0)
      pause_for(run.options.pause_s);
  }
  return stalls;
}

/* Whether the storm goes on: it begins after a quarter of what is measured. */
static bool in_storm(uint64_t now)
{
  static bool over;
  if (!run.options.storm || run.measured_from_ns == UINT64_MAX || over ||
      now < run.measured_from_ns + (uint64_t)(run.options.duration_s * 1e9 / 4))
    return false;
  if (!run.storm.begun) {
    run.storm_from = usage();
    storm_begin(&run.storm);
  }
  over = storm_is_over(&run.storm);
  if (over)
    run.storm_to = usage();
  return !over;
}

static void open_loop(uint64_t from_ns, uint64_t until_ns)
{
  double step_ns = 1e9 / run.options.rate;
  run.load.events_max = 16; /* or a message would leave late when much has arrived */
  for (uint64_t i = 0;;) {
    uint64_t due = from_ns + (uint64_t)((double)i * step_ns), now = clock_now_ns();
    bool storm = in_storm(now);
    if (due >= until_ns && !storm)
      return;
    if (now < due) {
      load_poll(&run.load, poll_timeout(due - now));
      continue;
    }
    if (due >= run.measured_from_ns)
      latencies_add(&run.late, now - due);
    conn_flush(publish_one(due, false));
    i++;
    load_poll(&run.load, 0);
  }
}

static void bulk_loop(uint64_t until_ns)
{
  const struct options *o = &run.options;
  uint64_t answered = 1, last_ns = clock_now_ns();
  for (bool busy = true; busy;) {
    uint64_t now = clock_now_ns();
    bool start_new = now < until_ns;
    if (answered)
      last_ns = now;
    else if (seconds(now - last_ns) > o->stall_s)
      load_fail("the server takes no more messages");
    busy = start_new;
    answered = 0;
    for (unsigned i = 0; i < o->publishers; i++) {
      struct bulk *bulk = &run.bulks[i];
      answered += bulk_drive(bulk, start_new);
      busy |= bulk->sent > bulk->done || bulk->at;
    }
    run.published += answered * o->in_flight;
    if (busy)
      load_poll(&run.load, poll_timeout(100000000));
  }
}

static void load_for(double s)
{
  uint64_t now = clock_now_ns(), until = now + (uint64_t)(s * 1e9);
  if (run.options.bulk) {
    bulk_loop(until);
  } else if (run.options.rate > 0) {
    open_loop(now, until);
    wait_for_all();
  } else {
    closed_loop(until);
  }
}

static void *allocate(size_t n, size_t size)
{
  void *p = calloc(n ? n : 1, size);
  if (!p)
    load_fail("out of memory");
  return p;
}

static void prepare(void)
{
  struct options *o = &run.options;
  struct load *load = &run.load;
  unsigned n_topics = o->topics + o->idle_topics;
  load->protocol = protocol_find(o->protocol);
  if (!load->protocol)
    load_fail("unknown protocol '%s': one of %s", o->protocol, protocol_names());
  if (!load_carrier_find(o->carrier, &load->carrier))
    load_fail("unknown carrier '%s': one of websocket, deflate, xhr-streaming", o->carrier);
  if (load->protocol->topic_in_path && o->publishers % o->topics != 0)
    o->publishers = o->topics;
  if (o->subscribers % o->topics != 0)
    load_fail("--subscribers must be a multiple of --topics");
  run.n_slots = o->publishers > o->topics ? (o->publishers + o->topics - 1) / o->topics : 1;
  load->server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)o->port)};
  load->server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  load->publish_server = load->server;
  load->publish_server.sin_port = htons((uint16_t)o->publish_port);
  load->heartbeat_ms = o->heartbeat_ms;
  if (o->tls)
    load->tls = load_tls_new();
  load->silent = o->silent;
  load->path = o->path;
  load->login = o->login;
  load->passcode = o->passcode;
  if (o->tokens)
    tokens_read(&load->tokens, o->tokens);
  load->n_sources = o->sources;
  load->body_len = o->body;
  load->topics = allocate(n_topics, sizeof *load->topics);
  load_init(load, (size_t)o->idle + o->subscribers + o->publishers);
  run.frames = allocate(o->topics, sizeof *run.frames);
  run.fenced = allocate(o->topics, sizeof *run.fenced);
  run.publishers = allocate(o->publishers, sizeof(struct conn *));
  run.next_seq = allocate((size_t)o->topics * run.n_slots, sizeof *run.next_seq);
  if (!order_init(&run.order, (size_t)o->subscribers * run.n_slots, o->late))
    load_fail("out of memory");
  for (unsigned i = 0; i < n_topics; i++) {
    struct bytes name = {0};
    if (i < o->topics)
      load->protocol->topic(&name, o->topic, i);
    else
      load->protocol->topic(&name, "idle", i - o->topics);
    bytes_put(&name, "", 1);
    load->topics[i] = (char *)name.at;
    if (i < o->topics) {
      run.frames[i] = make_frame(load->topics[i], false);
      run.fenced[i] = make_frame(load->topics[i], true);
    }
  }
}

/* The publishers are there. */
static void prepare_bulk(void)
{
  const struct options *o = &run.options;
  if (run.load.protocol->fence_each)
    load_fail("--bulk: with %s every message is answered", o->protocol);
  run.blocks = allocate(o->topics, sizeof *run.blocks);
  run.bulks = allocate(o->publishers, sizeof *run.bulks);
  for (unsigned t = 0; t < o->topics && t < o->publishers; t++) {
    if (o->subscribe_pairs) {
      bulk_put_pairs(&run.blocks[t], run.load.protocol, run.load.topics + t, o->topics - t,
                     o->in_flight);
      continue;
    }
    for (unsigned i = 0; i + 1 < o->in_flight; i++)
      bytes_put(&run.blocks[t], run.frames[t].bytes.at, run.frames[t].bytes.len);
    bytes_put(&run.blocks[t], run.fenced[t].bytes.at, run.fenced[t].bytes.len);
  }
  for (unsigned i = 0; i < o->publishers; i++)
    run.bulks[i] = (struct bulk){.conn = run.publishers[i], .block = &run.blocks[i % o->topics]};
}

static void release(void)
{
  for (unsigned i = 0; i < run.options.topics + run.options.idle_topics; i++)
    free(run.load.topics[i]);
  for (unsigned i = 0; i < run.options.topics; i++) {
    bytes_free(&run.frames[i].bytes);
    bytes_free(&run.fenced[i].bytes);
    if (run.blocks)
      bytes_free(&run.blocks[i]);
  }
  load_fini(&run.load);
  tokens_free(&run.load.tokens);
  storm_free(&run.storm);
  free(run.load.topics);
  free(run.frames);
  free(run.fenced);
  free(run.publishers);
  free(run.blocks);
  free(run.bulks);
  free(run.next_seq);
  order_fini(&run.order);
}

/* The connections stay open and nothing is published; heart-beats go both ways if asked for. */
static void hold(struct measured *m)
{
  const struct options *o = &run.options;
  struct heartbeat heartbeat = {0};
  if (o->heartbeat_ms)
    heartbeat_start(&heartbeat, &run.load, o->heartbeat_ms);
  m->hold_from = usage();
  uint64_t from = clock_now_ns(), until = from + (uint64_t)(o->hold_s * 1e9), now = from;
  uint64_t beats = run.load.beats;
  while (now < until) {
    uint64_t due = o->heartbeat_ms ? heartbeat_run(&heartbeat) : until;
    if (due > until)
      due = until;
    now = clock_now_ns();
    load_poll(&run.load, due > now ? poll_timeout(due - now) : 0);
    now = clock_now_ns();
  }
  m->hold_to = usage();
  m->hold_s = seconds(now - from);
  if (o->heartbeat_ms) {
    m->beats_sent = heartbeat.n_sent;
    m->beats_received = run.load.beats - beats;
  }
}

static double cpu_s(void)
{
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void measure(struct measured *m)
{
  const struct options *o = &run.options;
  m->at_start = usage();
  m->idle_s = seconds(open_all(ROLE_IDLE, o->idle, o->topics, o->idle_topics));
  if (o->idle)
    settle(0.3);
  m->at_idle = usage();
  m->subscribe_s = seconds(open_all(ROLE_SUBSCRIBER, o->subscribers, 0, o->topics));
  settle(0.1);
  m->at_ready = usage();
  if (o->hold_s > 0)
    hold(m);
  open_all(ROLE_PUBLISHER, o->publishers, 0, o->topics);
  if (o->bulk)
    prepare_bulk();
  if (o->storm)
    storm_prepare(&run.storm, &run.load, o->storm, o->topics);

  run.measured_from_ns = UINT64_MAX;
  if (o->warmup_s > 0)
    load_for(o->warmup_s);
  uint64_t delivered = run.delivered, published = run.published, bytes = run.load.received_bytes;
  double generator_from_s = cpu_s();
  m->from = usage();
  run.measured_from_ns = clock_now_ns();
  if (o->duration_s > 0)
    load_for(o->duration_s);
  m->to = usage();
  m->run_s = seconds(clock_now_ns() - run.measured_from_ns);
  m->generator_cpu_s = cpu_s() - generator_from_s;
  m->deliveries = run.delivered - delivered;
  m->publishes = run.published - published;
  m->bytes = run.load.received_bytes - bytes;
  settle(0.1); /* what arrives now was doubled, and is counted as such */
}

int main(int argc, char **argv)
{
  signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without asking for its absence */
  options_parse(argc, argv, &run.options);
  prepare();
  static struct measured measured;
  measure(&measured);
  load_close_idle(&run.load, &run.options, &measured.close_from, &measured.close_to);
  report_print(&run, &measured);
  release();
  return run.lost || run.doubled || run.foreign ? 3 : 0;
}
