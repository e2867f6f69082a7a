/* plugctl bench: publishers and subscribers of one process and one core; counts every delivery and
 * how long it took. What is published at a rate leaves at fixed times whatever the server does, and
 * latencies count from those, so that a stalled server cannot hide its stall. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/bench_result.h"
#include "cli/command.h"
#include "cli/dial.h"
#include "cli/say.h"
#include "cli/stamp.h"

enum {
  OPENING_MAX = 64, /* connections that are opened at a time */
  EVENTS_MAX = 256,
  BURST_MAX = 64,        /* messages that are due, published before the sockets are looked at */
  BACKLOG_MAX = 4 << 20, /* bytes that wait for a publisher's socket */
  STALL_MS = 5000,       /* without a delivery what is missing counts as lost */
  SPARE_FILES = 32,
};
#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

struct bench;

struct party {
  struct bench *bench;
  struct link link;
  size_t index; /* among those of its role */
  bool subscriber, ready;
  uint32_t events;  /* epoll waits for */
  uint64_t turns;   /* of a publisher: messages it has published */
  uint64_t waiting; /* ... whose receipts are not here */
  uint32_t *seen;   /* of a subscriber, per slot: the number that comes next */
};

struct bench {
  const struct arguments *arguments;
  struct dial dial;
  struct party *parties; /* subscribers first */
  size_t n_parties, n_opened, n_ready, n_subscribers, n_publishers, n_topics, n_slots;
  int epoll;
  char **topics;
  char *body;
  uint32_t *next_seq;         /* per topic and slot */
  uint64_t from_ns, until_ns; /* what is published between them counts */
  uint64_t ticks_ns;          /* when all links were looked at for their times */
  bool measuring, interrupted;
  enum exit_code exit;
  struct bench_result result;
};

static uint64_t now_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void fail(struct bench *bench, enum exit_code code, const char *why)
{
  if (bench->exit == EXIT_DONE) {
    bench->exit = code;
    say_error("%s%s", code == EXIT_REFUSED ? "refused: " : "", why);
  }
}

/* --- what comes --- */

static void on_message(struct party *party, struct plug_str body)
{
  struct bench *bench = party->bench;
  const uint8_t *bytes = (const uint8_t *)body.ptr;
  if (body.len != (size_t)bench->arguments->size || bytes[0] != 'S') {
    bench->result.foreign++;
    return;
  }
  struct stamp stamp = stamp_read(bytes);
  if (stamp.slot >= bench->n_slots) {
    bench->result.foreign++;
    return;
  }
  if (stamp.seq < party->seen[stamp.slot]) {
    bench->result.doubled++;
    return;
  }
  party->seen[stamp.slot] = stamp.seq + 1;
  if (stamp.time_ns < bench->from_ns)
    return;
  uint64_t now = now_ns();
  bench->result.delivered++;
  latencies_add(&bench->result.latency, now > stamp.time_ns ? now - stamp.time_ns : 0);
}

static void subscribe(struct party *party)
{
  struct link *link = &party->link;
  const char *topic = party->bench->topics[party->index % party->bench->n_topics];
  link_begin(link, STOMP_SUBSCRIBE);
  link_put(link, STOMP_SUBSCRIBE, STR("id"), STR("bench"));
  link_put(link, STOMP_SUBSCRIBE, STR("destination"), str_of(topic));
  link_put(link, STOMP_SUBSCRIBE, STR("ack"), STR("auto"));
  link_put(link, STOMP_SUBSCRIBE, STR("receipt"), STR("ready"));
  link_send(link, (struct plug_str){0});
}

static void become_ready(struct party *party)
{
  party->ready = true;
  party->bench->n_ready++;
}

static void on_frame(void *ctx, const struct stomp_frame *frame)
{
  struct party *party = ctx;
  if (frame->command == STOMP_MESSAGE) {
    if (party->subscriber)
      on_message(party, frame->body);
  } else if (frame->command == STOMP_CONNECTED) {
    if (party->subscriber)
      subscribe(party);
    else
      become_ready(party);
  } else if (frame->command == STOMP_RECEIPT) {
    if (party->subscriber && !party->ready)
      become_ready(party);
    else if (party->waiting)
      party->waiting--;
  }
}

/* --- sockets --- */

/* While it is opened, one socket may follow another, under the same number. */
static void watch(struct party *party)
{
  uint32_t wants = (uint32_t)((link_wants(&party->link) & POLLIN ? EPOLLIN : 0) |
                              (link_wants(&party->link) & POLLOUT ? EPOLLOUT : 0));
  if (link_fd(&party->link) < 0 || (party->link.stream.open && wants == party->events))
    return;
  struct epoll_event event = {.events = wants, .data.ptr = party};
  int fd = link_fd(&party->link), epoll = party->bench->epoll;
  if (epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event) < 0 &&
      epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
    fail(party->bench, EXIT_FAILED, strerror(errno));
  party->events = wants;
}

static void turn(struct party *party)
{
  if (party->link.state == LINK_ENDED)
    return;
  link_turn(&party->link);
  if (party->link.state == LINK_ENDED)
    fail(party->bench, party->link.exit == EXIT_DONE ? EXIT_UNREACHABLE : party->link.exit,
         party->link.why);
  else
    watch(party);
}

/* Heart-beats and deadlines. */
static void tick(struct bench *bench)
{
  uint64_t now = now_ns();
  if (now - bench->ticks_ns < NS_PER_S / 4)
    return;
  bench->ticks_ns = now;
  for (size_t i = 0; i < bench->n_opened; i++)
    turn(&bench->parties[i]);
}

static void look(struct bench *bench, uint64_t until)
{
  struct epoll_event events[EVENTS_MAX];
  uint64_t now = now_ns(), wait = until > now ? until - now : 0;
  wait = wait > NS_PER_S / 4 ? NS_PER_S / 4 : wait;
  struct pollfd ready = {.fd = bench->epoll, .events = POLLIN};
  struct timespec timeout = {.tv_nsec = (long)wait};
  if (ppoll(&ready, 1, &timeout, NULL) > 0) { /* epoll_wait itself counts in milliseconds */
    int n = epoll_wait(bench->epoll, events, EVENTS_MAX, 0);
    for (int i = 0; i < n; i++) {
      if (events[i].data.ptr)
        turn(events[i].data.ptr);
      else
        bench->interrupted = true;
    }
  }
  tick(bench);
}

static bool goes_on(const struct bench *bench)
{
  return bench->exit == EXIT_DONE && !bench->interrupted;
}

static void open_all(struct bench *bench)
{
  while (goes_on(bench) && bench->n_ready < bench->n_parties) {
    while (bench->n_opened < bench->n_parties && bench->n_opened - bench->n_ready < OPENING_MAX) {
      struct party *party = &bench->parties[bench->n_opened++];
      link_open(&party->link, &bench->dial.terms, on_frame, party);
      turn(party);
    }
    look(bench, now_ns() + NS_PER_S);
  }
}

/* --- publishing --- */

/* As many publishers as topics or more: each has one topic; else each has several, in turn. */
static size_t next_topic(const struct bench *bench, const struct party *party)
{
  if (bench->n_publishers >= bench->n_topics)
    return party->index % bench->n_topics;
  size_t own = (bench->n_topics - party->index + bench->n_publishers - 1) / bench->n_publishers;
  return party->index + party->turns % own * bench->n_publishers;
}

static void publish(struct bench *bench, struct party *party, uint64_t due, bool receipt)
{
  struct link *link = &party->link;
  size_t topic = next_topic(bench, party);
  uint32_t slot =
      (uint32_t)(bench->n_publishers >= bench->n_topics ? party->index / bench->n_topics : 0);
  uint32_t *seq = &bench->next_seq[topic * bench->n_slots + slot];
  char length[24];
  stamp_put((uint8_t *)bench->body, &(struct stamp){slot, (*seq)++, due});
  snprintf(length, sizeof length, "%lld", (long long)bench->arguments->size);
  link_begin(link, STOMP_SEND);
  link_put(link, STOMP_SEND, STR("destination"), str_of(bench->topics[topic]));
  if (receipt)
    link_put(link, STOMP_SEND, STR("receipt"), STR("taken"));
  link_put(link, STOMP_SEND, STR("content-length"), str_of(length));
  link_send(link, str_from(bench->body, (size_t)bench->arguments->size));
  link_flush(link);
  watch(party);
  party->turns++;
  party->waiting += receipt;
  if (due < bench->from_ns)
    return;
  size_t listeners =
      bench->n_subscribers / bench->n_topics + (topic < bench->n_subscribers % bench->n_topics);
  bench->result.published++;
  bench->result.expected += listeners;
}

/* At a rate: all messages that are due. Returns when the next is. */
static uint64_t publish_due(struct bench *bench, uint64_t start, uint64_t *n)
{
  double gap = (double)NS_PER_S / (double)bench->arguments->rate;
  for (int burst = 0; burst < BURST_MAX; burst++) {
    uint64_t due = start + (uint64_t)((double)*n * gap), now = now_ns();
    struct party *party = &bench->parties[bench->n_subscribers + *n % bench->n_publishers];
    if (due > now || due >= bench->until_ns)
      return due;
    if (link_backlog(&party->link) > BACKLOG_MAX)
      return now + NS_PER_MS; /* it is late, and that counts */
    if (due >= bench->from_ns)
      latencies_add(&bench->result.late, now - due);
    publish(bench, party, due, false);
    (*n)++;
  }
  return 0;
}

/* As fast as receipts come. */
static uint64_t publish_on(struct bench *bench)
{
  uint64_t in_flight = (uint64_t)bench->arguments->in_flight;
  for (size_t i = 0; i < bench->n_publishers; i++) {
    struct party *party = &bench->parties[bench->n_subscribers + i];
    while (party->waiting < in_flight && party->link.state == LINK_UP)
      publish(bench, party, now_ns(), true);
  }
  return bench->until_ns;
}

static void measure(struct bench *bench)
{
  const struct arguments *a = bench->arguments;
  uint64_t start = now_ns(), n = 0;
  bench->from_ns = start + (uint64_t)a->warmup_ms * NS_PER_MS;
  bench->until_ns = bench->from_ns + (uint64_t)a->duration_ms * NS_PER_MS;
  bench->measuring = true;
  while (goes_on(bench) && now_ns() < bench->until_ns) {
    uint64_t next = a->rate ? publish_due(bench, start, &n) : publish_on(bench);
    look(bench, next < bench->until_ns ? next : bench->until_ns);
  }
  if (bench->interrupted) {
    uint64_t now = now_ns();
    bench->until_ns = now > bench->from_ns ? now : bench->from_ns + 1;
  }
  uint64_t before = bench->result.delivered, since = now_ns();
  while (bench->exit == EXIT_DONE && bench->result.delivered < bench->result.expected &&
         now_ns() - since < STALL_MS * NS_PER_MS) {
    look(bench, now_ns() + NS_PER_S / 20);
    if (bench->result.delivered != before) {
      before = bench->result.delivered;
      since = now_ns();
    }
  }
}

/* --- setting up --- */

static bool name_topics(struct bench *bench)
{
  const struct arguments *a = bench->arguments;
  bench->topics = calloc(bench->n_topics, sizeof *bench->topics);
  for (size_t i = 0; bench->topics && i < bench->n_topics; i++) {
    int n = a->n_operands ? asprintf(&bench->topics[i], "%s.%zu", a->operands[0], i)
                          : asprintf(&bench->topics[i], "/topic/plugctl.%d.%zu", (int)getpid(), i);
    if (n < 0) {
      bench->topics[i] = NULL;
      return false;
    }
  }
  return bench->topics;
}

static bool make_parties(struct bench *bench)
{
  bench->parties = calloc(bench->n_parties, sizeof *bench->parties);
  bench->next_seq = calloc(bench->n_topics * bench->n_slots, sizeof *bench->next_seq);
  bench->body = malloc((size_t)bench->arguments->size);
  if (!bench->parties || !bench->next_seq || !bench->body)
    return false;
  memset(bench->body, 'x', (size_t)bench->arguments->size);
  for (size_t i = 0; i < bench->n_parties; i++) {
    struct party *party = &bench->parties[i];
    party->bench = bench;
    party->subscriber = i < bench->n_subscribers;
    party->index = party->subscriber ? i : i - bench->n_subscribers;
    party->link.state = LINK_ENDED;
    party->link.stream.fd = -1;
    if (party->subscriber && !(party->seen = calloc(bench->n_slots, sizeof *party->seen)))
      return false;
  }
  return true;
}

static bool raise_files(const struct bench *bench)
{
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return true;
  rlim_t wanted = bench->n_parties + SPARE_FILES;
  if (limit.rlim_cur < wanted) {
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur >= wanted)
    return true;
  say_error("%zu connections need more open files than the %llu allowed here (ulimit -n)",
            bench->n_parties, (unsigned long long)limit.rlim_max);
  return false;
}

static enum exit_code set_up(struct bench *bench)
{
  const struct arguments *a = bench->arguments;
  char why[240];
  bench->n_subscribers = (size_t)a->subscribers;
  bench->n_publishers = (size_t)a->publishers;
  bench->n_topics = (size_t)a->topics;
  bench->n_parties = bench->n_subscribers + bench->n_publishers;
  bench->n_slots = (bench->n_publishers + bench->n_topics - 1) / bench->n_topics;
  if (!raise_files(bench))
    return EXIT_FAILED;
  bench->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (bench->epoll < 0 || !name_topics(bench) || !make_parties(bench)) {
    say_error("out of memory");
    return EXIT_FAILED;
  }
  struct epoll_event event = {.events = EPOLLIN};
  if (epoll_ctl(bench->epoll, EPOLL_CTL_ADD, bench->dial.signal_fd, &event) < 0) {
    say_error("signals cannot be caught");
    return EXIT_FAILED;
  }
  enum exit_code code = dial_resolve(&bench->dial, why);
  if (code != EXIT_DONE)
    say_error("%s", why);
  return code;
}

static void tear_down(struct bench *bench)
{
  for (size_t i = 0; bench->parties && i < bench->n_parties; i++) {
    link_fini(&bench->parties[i].link);
    free(bench->parties[i].seen);
  }
  for (size_t i = 0; bench->topics && i < bench->n_topics; i++)
    free(bench->topics[i]);
  free(bench->topics);
  free(bench->parties);
  free(bench->next_seq);
  free(bench->body);
  if (bench->epoll >= 0)
    close(bench->epoll);
}

static int run_bench(const struct arguments *arguments)
{
  struct bench *bench = calloc(1, sizeof *bench);
  if (!bench) {
    say_error("out of memory");
    return EXIT_FAILED;
  }
  bench->arguments = arguments;
  bench->epoll = -1;
  enum exit_code code = dial_init(&bench->dial, arguments);
  if (code == EXIT_DONE)
    code = set_up(bench);
  if (code == EXIT_DONE) {
    open_all(bench);
    if (goes_on(bench))
      measure(bench);
    code = bench->exit;
    if (code == EXIT_DONE && !bench->measuring) {
      say_error("interrupted");
      code = EXIT_FAILED;
    } else if (code == EXIT_DONE) {
      code = bench_result_tell(&bench->result, arguments, bench->dial.target.shown,
                               bench->until_ns - bench->from_ns);
    }
  }
  tear_down(bench);
  dial_fini(&bench->dial);
  free(bench);
  return (int)code;
}

static const struct option_spec specs[] = {
    {.name = "publishers",
     .letter = 'P',
     .value = "N",
     .kind = OPTION_NUMBER,
     .at = AT(publishers),
     .min = 1,
     .max = 4096,
     .usual = 1,
     .help = "connections that publish"},
    {.name = "subscribers",
     .letter = 'S',
     .value = "N",
     .kind = OPTION_NUMBER,
     .at = AT(subscribers),
     .max = 100000,
     .usual = 10,
     .help = "connections that subscribe"},
    {.name = "topics",
     .value = "N",
     .kind = OPTION_NUMBER,
     .at = AT(topics),
     .min = 1,
     .max = 100000,
     .usual = 1,
     .help = "topics over which both are spread"},
    {.name = "rate",
     .letter = 'r',
     .value = "N",
     .kind = OPTION_NUMBER,
     .at = AT(rate),
     .max = 10000000,
     .usual = 100,
     .help = "messages a second, of all publishers together; 0: as fast as receipts come"},
    {.name = "in-flight",
     .value = "N",
     .kind = OPTION_NUMBER,
     .at = AT(in_flight),
     .min = 1,
     .max = 10000,
     .usual = 1,
     .help = "with --rate 0: messages of a publisher that wait for their receipts"},
    {.name = "size",
     .value = "BYTES",
     .kind = OPTION_BYTES,
     .at = AT(size),
     .min = STAMP_LEN,
     .max = 16 << 20,
     .usual = 128,
     .help = "bytes of each body"},
    {.name = "duration",
     .letter = 'd',
     .value = "TIME",
     .kind = OPTION_DURATION,
     .at = AT(duration_ms),
     .min = 100,
     .max = 86400000,
     .usual = 10000,
     .help = "how long to measure"},
    {.name = "warm-up",
     .value = "TIME",
     .kind = OPTION_DURATION,
     .at = AT(warmup_ms),
     .max = 3600000,
     .usual = 1000,
     .help = "how long to publish before"},
    {.name = "json",
     .letter = 'j',
     .kind = OPTION_FLAG,
     .at = AT(json),
     .help = "the result in one line of JSON"},
};
static const struct option_group group = {"Load", specs, sizeof specs / sizeof *specs};

const struct command command_bench = {
    .name = "bench",
    .operands = "[DESTINATION]",
    .summary = "measure a server: rates and latencies of fan-out",
    .text = "Connects subscribers and publishers, publishes for a while, and prints how many "
            "messages came how late; 'late' is how late they left, which a busy machine makes of "
            "itself. DESTINATION gets the topic's number behind it; default: "
            "/topic/plugctl.PID. The exit status is 1 when messages were lost.\n\n"
            "One process with one core: what it measures beyond some 100,000 messages a second is "
            "itself. Run it on another machine than the server's, or on cores of its own.",
    .examples = "plugctl bench -u ws://127.0.0.1:8080/ws\n"
                "plugctl bench -S 1000 --rate 50 --size 1K --duration 30s\n"
                "plugctl bench -P 4 -S 0 --rate 0 --in-flight 16 --json\n"
                "plugctl bench -u stomp+ssl://mq.example -l guest -p guest --host / /topic/load",
    .max_operands = 1,
    .groups = {&group, &options_connection},
    .run = run_bench,
};
