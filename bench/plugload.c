/* plugload: the load generator. One process, one core: subscribers, idle connections and
 * publishers of one server; counts and checks every delivery and prints one JSON object.
 *
 * Closed loop: publish a burst of messages, wait until every subscriber has all of them, publish
 * the next. Open loop (--rate): messages leave at fixed times whatever the server does, and
 * latencies count from those times, so that a stalled server cannot hide its stall. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "load_conn.h"
#include "load_process.h"
#include "load_stats.h"

enum { MAX_PIDS = 64, MAX_STALLS = 3 };

struct options {
  unsigned port, subscribers, topics, publishers, idle, idle_topics, in_flight, parallel, sources;
  size_t body;
  double duration_s, warmup_s, rate, stall_s;
  bool busy;
  const char *protocol, *path, *login, *passcode, *topic;
  pid_t pids[MAX_PIDS];
  size_t n_pids;
};

/* A publish as it goes over the wire, of one topic; only the stamp changes. */
struct frame {
  struct bytes bytes;
  size_t stamp_at, stamp_phase;
};

struct run {
  struct options options;
  struct load load;
  struct frame *frames, *fenced; /* per topic */
  struct conn **publishers;
  uint32_t n_slots;   /* publishers per topic, at least 1 */
  uint32_t *next_seq; /* per topic and slot */
  uint32_t *seen;     /* per subscriber and slot: the sequence number that comes next */
  uint64_t published, expected, delivered, fences_expected;
  uint64_t lost, doubled, foreign;
  uint64_t measured_from_ns;
  struct histogram latency;
};

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
  if (conn->role != ROLE_SUBSCRIBER || len != run.options.body || body[0] != 'S') {
    run.foreign++;
    return;
  }
  struct stamp stamp = stamp_read(body);
  if (stamp.slot >= run.n_slots) {
    run.foreign++;
    return;
  }
  uint32_t *seen = &run.seen[(size_t)conn->index * run.n_slots + stamp.slot];
  if (stamp.seq < *seen) {
    run.doubled++;
    return;
  }
  /* A gap stays open: what is missing may only be late in a burst that is then given up. */
  *seen = stamp.seq + 1;
  run.delivered++;
  if (stamp.time_ns >= run.measured_from_ns)
    histogram_add(&run.latency, conn->load->now_ns - stamp.time_ns);
}

static uint64_t poll_timeout(uint64_t most_ns)
{
  return run.options.busy ? 0 : most_ns;
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

static struct frame make_frame(const char *topic, bool fence)
{
  struct bytes payload = {0}, body = {0};
  struct frame frame = {0};
  uint8_t stamp[STAMP_LEN];
  stamp_put(stamp, &(struct stamp){0});
  bytes_put(&body, stamp, sizeof stamp);
  while (body.len < run.options.body)
    bytes_put(&body, "x", 1);
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

static unsigned closed_loop(uint64_t until_ns)
{
  unsigned stalls = 0;
  while (clock_now_ns() < until_ns)
    if (!burst() && ++stalls > MAX_STALLS)
      load_fail("the server delivers no more: %" PRIu64 " messages are missing", run.lost);
  return stalls;
}

static void open_loop(uint64_t from_ns, uint64_t until_ns)
{
  double step_ns = 1e9 / run.options.rate;
  for (uint64_t i = 0;;) {
    uint64_t due = from_ns + (uint64_t)((double)i * step_ns), now = clock_now_ns();
    if (due >= until_ns)
      return;
    if (now < due) {
      load_poll(&run.load, poll_timeout(due - now));
      continue;
    }
    conn_flush(publish_one(due, false));
    i++;
    load_poll(&run.load, 0);
  }
}

static void load_for(double s)
{
  uint64_t now = clock_now_ns(), until = now + (uint64_t)(s * 1e9);
  if (run.options.rate > 0) {
    open_loop(now, until);
    wait_for_all();
  } else {
    closed_loop(until);
  }
}

static void print_result(double idle_s, double subscribe_s, const struct process_usage *at_start,
                         const struct process_usage *at_idle, const struct process_usage *at_ready,
                         const struct process_usage *from, const struct process_usage *to,
                         double run_s, uint64_t deliveries, uint64_t publishes, uint64_t bytes)
{
  const struct options *o = &run.options;
  const struct histogram *h = &run.latency;
  double n_conns = (double)o->idle + (double)o->subscribers, open_s = idle_s + subscribe_s;
  printf("{\"protocol\": \"%s\", \"subscribers\": %u, \"topics\": %u, \"publishers\": %u, "
         "\"idle\": %u, \"in_flight\": %u, \"rate\": %.0f, \"body\": %zu,\n",
         o->protocol, o->subscribers, o->topics, o->publishers, o->idle, o->in_flight, o->rate,
         o->body);
  printf(" \"seconds\": %.6f, \"deliveries\": %" PRIu64 ", \"deliveries_per_s\": %.1f, "
         "\"published\": %" PRIu64 ", \"published_per_s\": %.1f, \"frame_bytes\": %.2f,\n",
         run_s, deliveries, (double)deliveries / run_s, publishes, (double)publishes / run_s,
         deliveries ? (double)bytes / (double)deliveries : 0);
  printf(" \"lost\": %" PRIu64 ", \"doubled\": %" PRIu64 ", \"foreign\": %" PRIu64 ",\n", run.lost,
         run.doubled, run.foreign);
  printf(" \"latency_us\": {\"p50\": %.2f, \"p99\": %.2f, \"p999\": %.2f, \"max\": %.2f, "
         "\"mean\": %.2f},\n",
         (double)histogram_quantile(h, 0.5) / 1e3, (double)histogram_quantile(h, 0.99) / 1e3,
         (double)histogram_quantile(h, 0.999) / 1e3, (double)h->max / 1e3,
         h->n ? (double)h->sum / (double)h->n / 1e3 : 0);
  printf(" \"opened\": {\"connections\": %.0f, \"seconds\": %.4f, \"per_s\": %.1f}", n_conns,
         open_s, open_s > 0 ? n_conns / open_s : 0);
  if (o->n_pids) {
    double cpu_us = (double)(to->run_ns - from->run_ns) / 1e3;
    printf(",\n \"server\": {\"cpu_us_per_delivery\": %.4f, \"cpu_us_per_publish\": %.4f, "
           "\"cpu_us_per_open\": %.3f, \"cpu_share\": %.3f, \"wait_share\": %.3f, \"user_s\": "
           "%.2f, \"system_s\": %.2f,\n",
           deliveries ? cpu_us / (double)deliveries : 0, publishes ? cpu_us / (double)publishes : 0,
           n_conns > 0 ? (double)(at_ready->run_ns - at_start->run_ns) / 1e3 / n_conns : 0,
           cpu_us / 1e6 / run_s, (double)(to->wait_ns - from->wait_ns) / 1e9 / run_s,
           (double)(to->user_ms - from->user_ms) / 1e3,
           (double)(to->system_ms - from->system_ms) / 1e3);
    printf("  \"rss_start\": %" PRIu64 ", \"rss_idle\": %" PRIu64 ", \"rss_end\": %" PRIu64
           ", \"bytes_per_idle\": %.1f}",
           at_start->rss_bytes, at_idle->rss_bytes, to->rss_bytes,
           o->idle ? ((double)at_idle->rss_bytes - (double)at_start->rss_bytes) / o->idle : 0);
  }
  printf("}\n");
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
  if (load->protocol->topic_in_path && o->publishers % o->topics != 0)
    o->publishers = o->topics;
  if (o->subscribers % o->topics != 0)
    load_fail("--subscribers must be a multiple of --topics");
  run.n_slots = o->publishers > o->topics ? (o->publishers + o->topics - 1) / o->topics : 1;
  load->server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)o->port)};
  load->server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  load->path = o->path;
  load->login = o->login;
  load->passcode = o->passcode;
  load->n_sources = o->sources;
  load->body_len = o->body;
  load->topics = allocate(n_topics, sizeof *load->topics);
  load_init(load, (size_t)o->idle + o->subscribers + o->publishers);
  run.frames = allocate(o->topics, sizeof *run.frames);
  run.fenced = allocate(o->topics, sizeof *run.fenced);
  run.publishers = allocate(o->publishers, sizeof(struct conn *));
  run.next_seq = allocate((size_t)o->topics * run.n_slots, sizeof *run.next_seq);
  run.seen = allocate((size_t)o->subscribers * run.n_slots, sizeof *run.seen);
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

static void release(void)
{
  for (unsigned i = 0; i < run.options.topics + run.options.idle_topics; i++)
    free(run.load.topics[i]);
  for (unsigned i = 0; i < run.options.topics; i++) {
    bytes_free(&run.frames[i].bytes);
    bytes_free(&run.fenced[i].bytes);
  }
  load_fini(&run.load);
  free(run.load.topics);
  free(run.frames);
  free(run.fenced);
  free(run.publishers);
  free(run.next_seq);
  free(run.seen);
}

static void measure(void)
{
  const struct options *o = &run.options;
  struct process_usage at_start = usage();
  double idle_s = seconds(open_all(ROLE_IDLE, o->idle, o->topics, o->idle_topics));
  if (o->idle)
    settle(0.3);
  struct process_usage at_idle = usage();
  double subscribe_s = seconds(open_all(ROLE_SUBSCRIBER, o->subscribers, 0, o->topics));
  settle(0.1);
  struct process_usage at_ready = usage();
  open_all(ROLE_PUBLISHER, o->publishers, 0, o->topics);

  run.measured_from_ns = UINT64_MAX;
  if (o->warmup_s > 0)
    load_for(o->warmup_s);
  uint64_t delivered = run.delivered, published = run.published, bytes = run.load.received_bytes;
  struct process_usage from = usage();
  run.measured_from_ns = clock_now_ns();
  if (o->duration_s > 0)
    load_for(o->duration_s);
  struct process_usage to = usage();
  uint64_t end_ns = clock_now_ns();
  double run_s = seconds(end_ns - run.measured_from_ns);
  delivered = run.delivered - delivered;
  published = run.published - published;
  bytes = run.load.received_bytes - bytes;
  settle(0.1); /* what arrives now was doubled, and is counted as such */
  print_result(idle_s, subscribe_s, &at_start, &at_idle, &at_ready, &from, &to, run_s, delivered,
               published, bytes);
}

static const char help[] =
    "plugload --port N [options]: puts load on a server at 127.0.0.1, prints JSON\n"
    "  --protocol NAME   stomp (default), mqtt, nats, nchan\n"
    "  --path PATH       of the WebSocket endpoint (default /ws)\n"
    "  --login, --passcode TEXT\n"
    "  --topic NAME      prefix of topic names (default load)\n"
    "  --subscribers N   in total, spread over the topics (default 1000)\n"
    "  --topics N        (default 1)\n"
    "  --publishers N    (default 1)\n"
    "  --idle N          connections subscribed to topics nobody publishes on (default 0)\n"
    "  --idle-topics N   (default 1)\n"
    "  --in-flight N     messages per burst (default 1)\n"
    "  --rate N          open loop: messages per second instead of bursts\n"
    "  --body BYTES      at least 28 (default 120)\n"
    "  --duration S, --warmup S, --stall S   (defaults 2, 0.5, 5)\n"
    "  --parallel N      connections being opened at a time (default 256)\n"
    "  --sources N       source addresses 127.0.0.1 .. N (default 4)\n"
    "  --pid N           the server's process, for its CPU time and memory; repeatable\n"
    "  --busy            poll without sleeping, so that waking the generator costs the server\n"
    "                    nothing\n";

static double number(const char *option, const char *text, double least, double most)
{
  char *end;
  errno = 0;
  double v = strtod(text, &end);
  if (errno || end == text || *end || !(v >= least && v <= most))
    load_fail("--%s: '%s' is not a number from %.0f to %.0f", option, text, least, most);
  return v;
}

static void parse_options(int argc, char **argv)
{
  struct options *o = &run.options;
  static const struct option longs[] = {{"port", 1, NULL, 'p'},
                                        {"protocol", 1, NULL, 'P'},
                                        {"path", 1, NULL, 'u'},
                                        {"login", 1, NULL, 'l'},
                                        {"passcode", 1, NULL, 'L'},
                                        {"topic", 1, NULL, 't'},
                                        {"subscribers", 1, NULL, 's'},
                                        {"topics", 1, NULL, 'T'},
                                        {"publishers", 1, NULL, 'k'},
                                        {"idle", 1, NULL, 'i'},
                                        {"idle-topics", 1, NULL, 'I'},
                                        {"in-flight", 1, NULL, 'f'},
                                        {"rate", 1, NULL, 'r'},
                                        {"body", 1, NULL, 'b'},
                                        {"duration", 1, NULL, 'd'},
                                        {"warmup", 1, NULL, 'w'},
                                        {"stall", 1, NULL, 'S'},
                                        {"parallel", 1, NULL, 'c'},
                                        {"sources", 1, NULL, 'a'},
                                        {"pid", 1, NULL, 'x'},
                                        {"busy", 0, NULL, 'B'},
                                        {"help", 0, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
  *o = (struct options){.subscribers = 1000, .topics = 1, .publishers = 1, .idle_topics = 1};
  o->in_flight = 1;
  o->parallel = 256;
  o->sources = 4;
  o->body = 120;
  o->duration_s = 2;
  o->warmup_s = 0.5;
  o->stall_s = 5;
  o->protocol = "stomp";
  o->path = "/ws";
  o->login = o->passcode = "";
  o->topic = "load";
  for (int c, at = 0; (c = getopt_long(argc, argv, "", longs, &at)) != -1;) {
    const char *name = longs[at].name;
    switch (c) {
    case 'p':
      o->port = (unsigned)number(name, optarg, 1, 65535);
      break;
    case 'P':
      o->protocol = optarg;
      break;
    case 'u':
      o->path = optarg;
      break;
    case 'l':
      o->login = optarg;
      break;
    case 'L':
      o->passcode = optarg;
      break;
    case 't':
      o->topic = optarg;
      break;
    case 's':
      o->subscribers = (unsigned)number(name, optarg, 0, 1e6);
      break;
    case 'T':
      o->topics = (unsigned)number(name, optarg, 1, 1e6);
      break;
    case 'k':
      o->publishers = (unsigned)number(name, optarg, 1, 4000);
      break;
    case 'i':
      o->idle = (unsigned)number(name, optarg, 0, 1e6);
      break;
    case 'I':
      o->idle_topics = (unsigned)number(name, optarg, 1, 1e6);
      break;
    case 'f':
      o->in_flight = (unsigned)number(name, optarg, 1, 1e6);
      break;
    case 'r':
      o->rate = number(name, optarg, 1, 1e7);
      break;
    case 'b':
      o->body = (size_t)number(name, optarg, STAMP_LEN, 500000);
      break;
    case 'd':
      o->duration_s = number(name, optarg, 0, 3600);
      break;
    case 'w':
      o->warmup_s = number(name, optarg, 0, 3600);
      break;
    case 'S':
      o->stall_s = number(name, optarg, 0.1, 3600);
      break;
    case 'c':
      o->parallel = (unsigned)number(name, optarg, 1, 20000);
      break;
    case 'a':
      o->sources = (unsigned)number(name, optarg, 1, 250);
      break;
    case 'x':
      if (o->n_pids == MAX_PIDS)
        load_fail("--pid: at most %d", MAX_PIDS);
      o->pids[o->n_pids++] = (pid_t)number(name, optarg, 1, 4194304);
      break;
    case 'B':
      o->busy = true;
      break;
    case 'h':
      fputs(help, stdout);
      exit(0);
    default:
      exit(2);
    }
  }
  if (optind < argc || o->port == 0) {
    fputs(help, stderr);
    exit(2);
  }
}

int main(int argc, char **argv)
{
  parse_options(argc, argv);
  prepare();
  measure();
  release();
  return run.lost || run.doubled || run.foreign ? 3 : 0;
}
