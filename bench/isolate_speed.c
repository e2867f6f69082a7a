/* What a broker in a process of its own costs: the server's own broker and interest table, one
 * worker, one topic that it subscribes to, and the plugin here and there.
 *
 *   isolate_speed HOST PLUGIN [MESSAGES [BODY]]
 *
 * HOST is plugboard-plugin-host, PLUGIN the absolute path of a broker's .so, "speed" the time in
 * which messages are made, published and come back, with some thousands under way at a time;
 * "alone" the way of one message that has nobody beside it, from broker_publish to the inbox of the
 * worker. Each is looked at when it arrives: once, and in its order. */
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/str.h"
#include "broker/broker.h"
#include "isolate/isolate.h"
#include "plugin/watchdog.h"

#define ALONE  5000
#define RUNS   5
/* Under way at a time: what one core's cache holds, as with a server that is not behind. */
#define WINDOW 2000

struct run {
  struct loop *loop;
  struct workpool *pool;
  struct broker *broker;
  struct interest_table *interests;
  struct inbox inbox;
  uint64_t n_come, last_id;
};

static struct run run;

static void die(const char *why)
{
  fprintf(stderr, "isolate_speed: %s\n", why);
  exit(EXIT_FAILURE);
}

static void no_wake(struct inbox *inbox)
{
  (void)inbox;
}

/* True: the broker has confirmed the topic. */
static bool take(void)
{
  struct mpsc_node *node = mpsc_take(&run.inbox.queue);
  uint64_t load = 0;
  bool confirmed = false;
  while (node) {
    struct inbox_item *item = container_of(node, struct inbox_item, node);
    node = node->next;
    load += inbox_item_load(item);
    if (item->kind == INBOX_INTEREST) {
      confirmed = item->status == PLUG_OK;
    } else {
      if (item->msg->id <= run.last_id)
        die("a message came out of order, or twice");
      run.last_id = item->msg->id;
      run.n_come++;
    }
    inbox_item_free(item);
  }
  inbox_taken(&run.inbox, load);
  return confirmed;
}

static void begin(const char *host, const char *plugin)
{
  static const struct broker_settings settings = {.unsubscribe_grace_ms = 1000,
                                                  .operation_timeout_ms = 60000,
                                                  .down_queue_messages = 1,
                                                  .down_queue_bytes = 1 << 20,
                                                  .down_queue_ms = 1000,
                                                  .max_unused_topics = 100,
                                                  .publish_queue = 100000};
  const struct isolate_settings is = {.program = host,
                                      .hang_ms = 5000,
                                      .buffer_bytes = 64 << 20,
                                      .pool_threads = 2,
                                      .pool_queue = 100};
  struct plug_err err = {0};
  run = (struct run){.loop = loop_start(), .inbox.wake = no_wake};
  struct plugin_image *image =
      host ? isolate_load(&is, "", plugin, &err) : image_load("", "broker", plugin, &err);
  struct inbox *inboxes[] = {&run.inbox};
  run.broker = broker_new(&settings);
  run.interests =
      run.broker ? interest_table_new(1, inboxes, 1000000, broker_on_change, run.broker) : NULL;
  if (!image || !run.loop || !run.interests ||
      broker_create(run.broker, image, run.loop, "broker.bench", NULL, run.interests, &err) ||
      broker_start(run.broker, &err))
    die(err.text);
  interest_bind_worker(0);
  plug_status status = interest_join(run.interests, 0, STR("/topic/bench"), false);
  if (status != PLUG_PENDING && status != PLUG_OK)
    die("the topic cannot be subscribed to");
  loop_wake_owed(); /* as a worker does at the end of its turn */
  while (status == PLUG_PENDING && !take())
    sched_yield();
}

static void end(void)
{
  interest_leave(run.interests, 0, STR("/topic/bench"), false);
  loop_wake_owed();
  broker_drain(run.broker);
  take();
  broker_stop(run.broker);
  broker_free(run.broker);
  loop_stop(run.loop);
  take();
  interest_table_free(run.interests);
}

static const struct plug_msg *make(const char *text, size_t body)
{
  const struct plug_msg_init init = {.size = sizeof init,
                                     .topic = STR("/topic/bench"),
                                     .content_type = STR("text/plain"),
                                     .payload = {text, body}};
  const struct plug_msg *msg = message_new(&init);
  if (!msg)
    die("out of memory");
  return msg;
}

static void publish(const struct plug_msg *msg)
{
  plug_status status = broker_publish(run.broker, msg, NULL, NULL);
  if (status != PLUG_OK && status != PLUG_PENDING && status != PLUG_EAGAIN)
    die("a message was refused");
}

/* Of the control thread and of the plugin's process: what each message costs, however much else the
 * machine has to do. */
struct cpu {
  double home_s, process_s;
};

static double seconds(clockid_t clock)
{
  struct timespec now = {0};
  clock_gettime(clock, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void read_home(void *arg) PLUG_NOEXCEPT
{
  *(double *)arg = seconds(CLOCK_THREAD_CPUTIME_ID);
}

static pid_t process(void)
{
  char path[64];
  pid_t pid = 0;
  snprintf(path, sizeof path, "/proc/%ld/task/%ld/children", (long)getpid(), (long)getpid());
  FILE *file = fopen(path, "r");
  if (file && fscanf(file, "%d", &pid) != 1)
    pid = 0;
  if (file)
    fclose(file);
  return pid;
}

static struct cpu cpu_now(void)
{
  struct cpu cpu = {0};
  clockid_t clock;
  pid_t pid = process();
  loop_call(run.loop, read_home, &cpu.home_s);
  if (pid > 0 && clock_getcpuclockid(pid, &clock) == 0)
    cpu.process_s = seconds(clock);
  return cpu;
}

/* As a worker does that has nothing to do: it leaves its core to those that have. */
static void rest(void)
{
  const struct timespec pause = {.tv_nsec = 50000};
  nanosleep(&pause, NULL);
}

static double speed(size_t n, size_t body)
{
  char *text = calloc(1, body + 1);
  if (!text)
    die("out of memory");
  run.n_come = 0;
  uint64_t from_us = clock_now_us();
  for (size_t i = 0; i < n; i++) {
    const struct plug_msg *msg = make(text, body);
    publish(msg);
    message_unref(msg);
    if (i % 64 == 0)
      take();
    while (i + 1 - run.n_come > WINDOW || broker_congested(run.broker)) {
      take();
      rest();
    }
  }
  while (run.n_come < n) {
    take();
    rest();
  }
  uint64_t took_us = clock_now_us() - from_us;
  free(text);
  return (double)n * 1e6 / (double)took_us;
}

static int compare(const void *a, const void *b)
{
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static void alone(size_t body, uint64_t *median_us, uint64_t *p99_us)
{
  static uint64_t took_us[ALONE];
  char *text = calloc(1, body + 1);
  if (!text)
    die("out of memory");
  for (size_t i = 0; i < ALONE; i++) {
    const struct plug_msg *msg = make(text, body);
    run.n_come = 0;
    uint64_t from_us = clock_now_us();
    publish(msg);
    while (!run.n_come)
      take();
    took_us[i] = clock_now_us() - from_us;
    rest();
    message_unref(msg);
  }
  free(text);
  qsort(took_us, ALONE, sizeof *took_us, compare);
  *median_us = took_us[ALONE / 2];
  *p99_us = took_us[ALONE * 99 / 100];
}

int main(int argc, char **argv)
{
  size_t n = argc > 3 ? strtoul(argv[3], NULL, 10) : 1000000;
  size_t body = argc > 4 ? strtoul(argv[4], NULL, 10) : 120;
  if (argc < 3 || !n) {
    fprintf(stderr, "usage: isolate_speed HOST PLUGIN [MESSAGES [BODY]]\n");
    return 64;
  }
  const struct watchdog_settings watch = {.hang_ms = 60000};
  log_setup(LOG_WARN, false);
  hash_seed();
  message_set_node("bench");
  if (!watchdog_start(&watch))
    die("no watchdog");
  printf("%zu messages with bodies of %zu bytes, best of %d runs\n", n, body, RUNS);
  for (int isolated = 0; isolated < 2; isolated++) {
    double best = 0;
    uint64_t median_us, p99_us;
    begin(isolated ? argv[1] : NULL, argv[2]);
    alone(body, &median_us, &p99_us);
    struct cpu before = cpu_now();
    for (int i = 0; i < RUNS; i++) {
      double now = speed(n, body);
      best = now > best ? now : best;
    }
    struct cpu after = cpu_now();
    printf("%-23s %9.0f messages/s; each: control thread %4.0f ns, process %4.0f ns; alone: median "
           "%" PRIu64 " us, p99 %" PRIu64 " us\n",
           isolated ? "in a process of its own" : "in the server", best,
           (after.home_s - before.home_s) * 1e9 / RUNS / (double)n,
           (after.process_s - before.process_s) * 1e9 / RUNS / (double)n, median_us, p99_us);
    fflush(stdout);
    end();
  }
  watchdog_stop();
  return EXIT_SUCCESS;
}
