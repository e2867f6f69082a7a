/* Group L: create, start, drain, stop, destroy, in all the orders that happen. */
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "check_host.h"
#include "check_strange.h"

/* ---- L1 ---- */

static void create_and_destroy(struct check_run *run)
{
  size_t threads = check_count_threads(), fds = 0;
  for (int i = 0; i < 3; i++) {
    struct check_host *host = check_create(run, NULL);
    CHECK(run, check_count_threads() == threads, "create starts a thread");
    check_no_breach(host, CHECK_BREACH(MOCK_THREAD) | CHECK_BREACH(MOCK_USE), "created");
    mock_audit(host->mock);
    check_destroy(host);
    check_no_breach(host, CHECK_BREACH(MOCK_LEFT), "created and destroyed");
    check_free(host);
    CHECK(run, i == 0 || check_count_fds() <= fds,
          "destroy without start leaves %zu open descriptors, after %zu before", check_count_fds(),
          fds);
    fds = check_count_fds();
  }
}

/* ---- L2: check_strange.c ---- */

/* ---- L3 ---- */

static size_t n_said(const struct check_host *host)
{
  struct plug_mock *mock = host->mock;
  pthread_mutex_lock(&mock->lock);
  size_t n = mock->n_deliveries + mock->n_published;
  pthread_mutex_unlock(&mock->lock);
  return n;
}

struct saying {
  struct check_host *host;
  size_t least;
};

static bool has_said(void *arg)
{
  const struct saying *saying = arg;
  return n_said(saying->host) >= saying->least;
}

/* What a broker is asked to publish comes back to it alone, each once. */
static bool counts(const struct plug_plugin *plugin)
{
  uint32_t sure = PLUG_CAP_ECHO | PLUG_CAP_NO_GAPS;
  return plugin->broker && (plugin->broker->caps & sure) == sure &&
         !(plugin->broker->caps & PLUG_CAP_CROSS_NODE);
}

/* A broker with a thread may deliver a while later what was published without an operation. Returns
 * how much came. */
static size_t exercise_fully(struct check_host *host)
{
  size_t before = n_said(host);
  check_exercise(host);
  if (counts(host->mock->plugin)) {
    struct saying saying = {host, before + CHECK_EXERCISE_PUBLISHES};
    check_run_until(host, has_said, &saying, 5000);
  }
  return n_said(host) - before;
}

static void two_at_once(struct check_run *run)
{
  const struct plug_plugin *plugin = check_plugin(run);
  struct check_host *a = check_start(run, "node-1"), *b = check_start(run, "node-2");
  bool afar = plugin->broker && plugin->broker->caps & PLUG_CAP_CROSS_NODE;
  CHECK(run, a->mock->self != b->mock->self || !a->mock->self,
        "two instances have the same self: what is of one must not be in a static variable");
  size_t said_a = exercise_fully(a);
  CHECK(run, afar || !n_said(b), "what instance A was asked, instance B has answered");
  size_t said_b = exercise_fully(b);
  CHECK(run, !counts(plugin) || (n_said(a) == said_a && said_b == said_a),
        "asked for the same, instance A has told its host of %zu messages, and B %zu", n_said(a),
        said_b);
  check_drain(a);
  check_stop(a);
  check_destroy(a);
  said_b = exercise_fully(b);
  CHECK(run, !counts(plugin) || said_b == said_a,
        "with instance A gone, B has told of %zu messages instead of %zu", said_b, said_a);
  check_drain(b);
  check_stop(b);
  check_destroy(b);
}

/* ---- L4 ---- */

enum { RESTARTS_BEFORE = 20, RESTARTS_HALF = 40 };

static void restart(struct check_run *run, int times)
{
  for (int i = 0; i < times; i++) {
    struct check_host *host = check_create(run, NULL);
    plug_status status = check_start_it(host);
    CHECK(run, status == PLUG_OK, "start number %d ends with %d", i + 1, status);
    check_exercise(host);
    check_end(host);
  }
}

/* A thread that has been joined is still listed for a moment. */
static size_t settled_threads(size_t wanted)
{
  size_t n;
  for (int i = 0; (n = check_count_threads()) > wanted && i < 100; i++)
    usleep(10000);
  return n;
}

static void a_hundred_restarts(struct check_run *run)
{
  restart(run, RESTARTS_BEFORE);
  size_t threads = settled_threads(1), fds = check_count_fds();
  size_t bytes[3] = {check_count_bytes()};
  for (int i = 1; i < 3; i++) {
    restart(run, RESTARTS_HALF);
    settled_threads(threads);
    bytes[i] = check_count_bytes();
  }
  size_t now = settled_threads(threads);
  CHECK(run, now <= threads, "%zu threads more after %d restarts", now - threads,
        2 * RESTARTS_HALF);
  CHECK(run, check_count_fds() <= fds, "%zu descriptors more after %d restarts",
        check_count_fds() - fds, 2 * RESTARTS_HALF);
  /* The smallest leak of malloc's is 16 bytes at each restart, in both halves. */
  size_t least = RESTARTS_HALF * 16;
  CHECK(run, bytes[1] < bytes[0] + least || bytes[2] < bytes[1] + least,
        "%zu bytes more after %d restarts, and %zu after %d more", bytes[1] - bytes[0],
        RESTARTS_HALF, bytes[2] - bytes[1], RESTARTS_HALF);
  check_say(run, "%d restarts, %zu bytes more, no descriptor, no thread",
            RESTARTS_BEFORE + 2 * RESTARTS_HALF, bytes[2] > bytes[0] ? bytes[2] - bytes[0] : 0);
}

/* ---- L5 ---- */

/* A port of 127.0.0.1 at which nobody answers: it was free a moment ago. */
static unsigned closed_port(void)
{
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) ||
      getsockname(fd, (struct sockaddr *)&address, &len))
    return 1;
  close(fd);
  return ntohs(address.sin_port);
}

/* The same address at another port of this machine, or false: the value names no backend. */
static bool lead_astray(const struct plug_option *option, const char *value, char *out, size_t size)
{
  const char *scheme = strstr(value, "://");
  if (option->type == PLUG_OPT_HOSTPORT) {
    snprintf(out, size, "127.0.0.1:%u", closed_port());
    return true;
  }
  if (!scheme || (option->type != PLUG_OPT_STRING && option->type != PLUG_OPT_SECRET &&
                  option->type != PLUG_OPT_LIST))
    return false;
  const char *host = scheme + 3, *path = host + strcspn(host, "/,? ");
  for (const char *at = host; at < path; at++)
    if (*at == '@')
      host = at + 1;
  snprintf(out, size, "%.*s127.0.0.1:%u%.*s", (int)(host - value), value, closed_port(),
           (int)strcspn(path, ","), path);
  return true;
}

/* NULL: no option names a backend. In a static array. */
static const char *const *absent_backend(struct check_run *run)
{
  static const char *overrides[17];
  static char values[8][512];
  const struct plug_plugin *plugin = check_plugin(run);
  const struct config *config = check_order(run)->config;
  const struct config_section *section =
      config ? config_find(config, check_order(run)->section) : NULL;
  size_t n = 0;
  for (size_t i = 0; i < plugin->n_options && n < 8; i++) {
    const struct plug_option *option = &plugin->options[i];
    const struct config_entry *entry = section ? config_section_find(section, option->name) : NULL;
    const char *value = entry ? entry->value : option->def;
    if (!value || !lead_astray(option, value, values[n], sizeof values[n]))
      continue;
    overrides[2 * n] = option->name;
    overrides[2 * n + 1] = values[n];
    n++;
  }
  overrides[2 * n] = NULL;
  return n ? overrides : NULL;
}

static const unsigned after_failure = CHECK_BREACH(MOCK_LEFT) | CHECK_BREACH(MOCK_USE) |
                                      CHECK_BREACH(MOCK_THREAD) | CHECK_BREACH(MOCK_LATE);

static void backend_is_absent(struct check_run *run)
{
  const char *const *overrides = absent_backend(run);
  struct plug_err err;
  if (!overrides)
    check_not(run, "no option of it names a backend");
  size_t threads = check_count_threads();
  struct check_host *host = check_try_create(run, NULL, overrides, 0, &err);
  CHECK(run, host, "create fails with %s = %s: %s", overrides[0], overrides[1], err.text);
  plug_status status = check_start_it(host);
  CHECK(run, status != PLUG_ETIMEDOUT,
        "start without a backend is not over after 10 s: it fails, or it succeeds and says that it "
        "is down");
  CHECK(run, status <= 0, "start without a backend ends with %d, which is no outcome", status);
  if (status == PLUG_OK && host->mock->plugin->broker) {
    struct plug_health health = {.size = sizeof health};
    check_run_for(host, 200);
    CHECK_CALL(host, "health", host->mock->plugin->broker->health(host->mock->self, &health));
    CHECK(run, health.state != PLUG_STATE_UP && host->mock->state != PLUG_STATE_UP,
          "it says that it is up, and nobody is there");
  }
  check_stop(host);
  check_destroy(host);
  check_no_breach(host, after_failure, "started without a backend and stopped");
  CHECK(run, settled_threads(threads) <= threads, "a thread is left of a start without a backend");
  check_say(run, status ? "start fails with %d" : "start succeeds, and it is down (%d)", status);
}

/* ---- L6 ---- */

static void stop_during_start(struct check_run *run)
{
  const struct plug_plugin *plugin = check_plugin(run);
  size_t threads = check_count_threads();
  if (!plugin->start)
    check_not(run, "it has no start");
  struct check_host *host = check_create(run, NULL);
  struct plug_op *op = check_op(host, 10000);
  plug_status status;
  host->mock->phase = PHASE_RUNNING;
  CHECK_CALL(host, "start", status = plugin->start(host->mock->self, op));
  bool pending = check_op_returned(op, status);
  plug_status stopped = check_stop(host);
  CHECK(run, stopped == PLUG_OK, "stop ends with %d", stopped);
  CHECK(run, !pending || check_op_is_done(op),
        "start is still not completed when stop is over: stop has to complete it");
  check_destroy(host);
  check_no_breach(host, after_failure | CHECK_BREACH(MOCK_OP), "stopped while it starts");
  CHECK(run, settled_threads(threads) <= threads, "a thread is left after stop");
  check_say(run, pending ? "stopped while start was pending" : "start is over when it returns");
}

/* ---- L7 ---- */

enum { N_TAKEN = 8 };

static bool is_over(void *arg)
{
  return check_op_is_done(arg);
}

static void drain_finishes(struct check_run *run)
{
  const struct plug_plugin *plugin = check_plugin(run);
  struct check_host *host = check_start(run, NULL);
  struct plug_op *ops[N_TAKEN];
  struct plug_mock_verdict verdicts[N_TAKEN];
  struct plug_mock_answer *answers = calloc(N_TAKEN, sizeof *answers);
  size_t n = 0, pending = 0;
  for (; n < N_TAKEN; n++) {
    plug_status status = PLUG_OK;
    ops[n] = check_op(host, 10000);
    if (plugin->broker)
      status = check_publish_op(host, "/topic/check.a", str_of("taken"), ops[n]);
    else if (plugin->auth)
      status = check_authenticate_op(host, ops[n], &verdicts[n]);
    else if (plugin->app->request && host->mock->claims.n_claims && answers)
      status = check_request_op(host, ops[n], 0, host->mock->claims.claims[0].actions & 1 ? 1 : 2,
                                "{}", &answers[n]);
    pending += check_op_returned(ops[n], status);
  }
  plug_status status = check_drain(host);
  CHECK(run, status == PLUG_OK, "drain ends with %d", status);
  /* The host goes on waiting for what is open, as long as for drain. */
  for (size_t i = 0; i < n; i++) {
    CHECK(run, check_run_until(host, is_over, ops[i], 5000),
          "an operation that was taken before drain is not completed 5 s after it");
    CHECK(run, check_op_status(ops[i]) != PLUG_ESTATE,
          "drain refuses what was taken before it: PLUG_ESTATE");
    if (plugin->auth && !plugin->broker && plugin->auth->session_end &&
        check_op_status(ops[i]) == PLUG_ALLOW)
      CHECK_CALL(host, "session_end", plugin->auth->session_end(host->mock->self, verdicts[i].ctx));
  }
  check_stop(host);
  check_destroy(host);
  check_say(run, "%zu operations were taken, %zu of them open when drain came", n, pending);
}

/* ---- L8 ---- */

static void audit_is_clean(struct check_run *run)
{
  struct check_host *host = check_start(run, NULL);
  check_exercise(host);
  check_drain(host);
  plug_status status = check_stop(host);
  CHECK(run, status == PLUG_OK, "stop ends with %d", status);
  check_no_breach(host, CHECK_BREACH(MOCK_LEFT), "started, used and stopped");
  check_destroy(host);
  check_no_breach(host, CHECK_BREACH(MOCK_LEFT), "started, used, stopped and destroyed");
}

/* ---- L9 ---- */

/* Each allocation of the host in start fails once; at the end the backend is absent, too. */
static void after_a_failed_start(struct check_run *run)
{
  const char *const *overrides = absent_backend(run);
  unsigned failures = 0;
  struct plug_err err;
  if (!check_plugin(run)->start)
    check_not(run, "it has no start");
  for (unsigned n = 1; n < 1000; n++) {
    struct check_host *host = check_create(run, NULL);
    unsigned in_create = host->n_allocs;
    host->fail_at = in_create + n;
    plug_status status = check_start_it(host);
    bool over = host->n_allocs < host->fail_at;
    failures += status < 0;
    check_stop(host);
    check_destroy(host);
    const char *failed_in = host->failed_in;
    if (status < 0)
      check_no_breach(host, after_failure | CHECK_BREACH(MOCK_OP),
                      failed_in ? failed_in : "after a start that fails");
    check_free(host);
    if (over)
      break;
  }
  if (overrides) {
    struct check_host *host = check_try_create(run, NULL, overrides, 0, &err);
    CHECK(run, host, "create fails with %s = %s: %s", overrides[0], overrides[1], err.text);
    failures += check_start_it(host) < 0;
    check_stop(host);
    check_destroy(host);
    check_no_breach(host, after_failure, "after a start without a backend");
  }
  if (!failures)
    check_not(run, "its start does not fail, for want of memory or of a backend");
  check_say(run, "%u starts that failed", failures);
}

/* ---- L10 ---- */

/* What it breaks with all the memory that it asks for is another check's. */
static unsigned broken_anyway(struct check_run *run)
{
  unsigned kinds = 0;
  struct check_host *host = check_start(run, NULL);
  check_exercise(host);
  check_drain(host);
  check_stop(host);
  check_destroy(host);
  for (size_t i = 0; i < host->n_breaches; i++)
    kinds |= CHECK_BREACH(host->breaches[i].kind);
  check_free(host);
  return kinds;
}

static void without_memory(struct check_run *run)
{
  struct plug_err err;
  unsigned n = 1, known = broken_anyway(run);
  for (; n < 2000; n++) {
    memset(&err, 0, sizeof err);
    struct check_host *host = check_try_create(run, NULL, NULL, n, &err);
    if (!host) {
      CHECK(run, err.text[0] || err.code == PLUG_ENOMEM,
            "create fails for want of memory with %d and no text", err.code);
      CHECK(run, !check_create_breach(), "create for want of memory: %s", check_create_breach());
      continue;
    }
    plug_status status = check_start_it(host);
    if (status == PLUG_OK) {
      check_exercise(host);
      check_drain(host);
    }
    check_stop(host);
    check_destroy(host);
    bool over = host->n_allocs < n;
    char when[96];
    snprintf(when, sizeof when, "%s had no memory (allocation %u of the host)",
             host->failed_in ? host->failed_in : "nothing", n);
    if (!over)
      check_no_breach(host, CHECK_ANY_BREACH & ~known, when);
    check_free(host);
    if (over)
      break;
  }
  check_say(run, "%u allocations of the host, each failed once", n - 1);
}

static const struct check checks[] = {
    {"L1", "create and destroy, without start",
     "An instance that is created and destroyed again, as the server's --check does. create checks "
     "the configuration and allocates: it starts no thread, uses no watch and no timer; destroy "
     "gives back all of it, also of an instance that has never been started.",
     0, create_and_destroy},
    {"L2", "create refuses options with a text, and leaves self alone",
     "create is called with strange values for each option, such as the server lets through: empty "
     "and very long texts, bytes that are no UTF-8, paths of nothing, both ends of a range. It "
     "takes them, or fails with a negative status and one sentence in err->text, which ends within "
     "its array and does not tell a secret; and when it fails, it has not set self.",
     0, check_strange_values},
    {"L3", "two instances at once keep apart",
     "Two instances in one process, for two nodes, are used in turns; then the first one ends and "
     "the second goes on. What one is asked must not be answered through the other's host. "
     "Whatever belongs to an instance hangs off self; there is no variable of the whole file.",
     60, two_at_once},
    {"L4", "a hundred restarts leave nothing behind",
     "100 times create, start, use, drain, stop, destroy. Afterwards the process has no more "
     "threads and open descriptors than after the first twenty, and its memory has not grown "
     "restart for restart. Reloads and swaps of a running server do just this.",
     120, a_hundred_restarts},
    {"L5", "start without a backend fails, or succeeds and says so",
     "Every option with an address (host:port, or a URL) is led to a port of this machine at which "
     "nobody answers. start completes within its 10 seconds: with a failure, or with success and "
     "the state PLUG_STATE_DOWN; stop and destroy leave nothing behind.",
     60, backend_is_absent},
    {"L6", "stop while start is still pending",
     "stop is called as soon as start has returned. It completes what start has not completed yet, "
     "and leaves nothing behind.",
     0, stop_during_start},
    {"L7", "drain finishes what was taken",
     "Some operations are given to the plugin, then drain is called. Within the 5 seconds of drain "
     "each of them is completed, with what became of it; PLUG_ESTATE is for those that come later. "
     "A plugin without drain goes on as before, and finishes them.",
     60, drain_finishes},
    {"L8", "nothing is left after stop",
     "After an instance has been started, used and stopped, the host counts what it still has: "
     "timers, watches, open operations, jobs of the work pool, and messages after destroy. stop "
     "gives back what start and the time since have taken.",
     0, audit_is_clean},
    {"L9", "stop and destroy after a start that has failed",
     "start is made to fail: each allocation that it asks of the host is refused once, and the "
     "backend is absent. Then the server calls stop and destroy, which must cope with a half of "
     "what start does, and leave nothing behind.",
     60, after_a_failed_start},
    {"L10", "each allocation of the host fails once",
     "Whatever of the host may fail for want of memory (io_open, timer_new, post, msg_make, "
     "msg_decode, msg_encode, deliver, metrics, the work pool, publish) does so once, one after "
     "the "
     "other, over a whole life of an instance. The plugin may fail an operation, or create, or "
     "start; it may not crash, hang, or break the contract.",
     120, without_memory},
};

const struct check_group check_group_lifecycle =
    CHECK_GROUP_PLAIN("L", "create, start, drain, stop, destroy", checks);
