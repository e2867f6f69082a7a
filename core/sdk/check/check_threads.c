/* Group T: which thread calls what, how long a call takes, and what a plugin's own threads do. */
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/str.h"
#include "check_host.h"

/* ---- T1 ---- */

static void calls_where_it_may(struct check_run *run)
{
  struct check_host *host = check_start(run, NULL);
  check_exercise(host);
  check_run_for(host, 50); /* for threads of its own */
  plug_mock_advance(host->mock, 60000);
  check_drain(host);
  check_stop(host);
  check_destroy(host);
  check_no_breach(host, CHECK_BREACH(MOCK_THREAD) | CHECK_BREACH(MOCK_USE), "a call of the host");
}

/* ---- T2 ---- */

static void is_quick(struct check_run *run)
{
  const char *slowest[3];
  uint64_t took[3];
  /* What is slow once may have been unlucky; what is slow each time is slow. */
  for (int i = 0; i < 3; i++) {
    struct check_host *host = check_create(run, NULL);
    host->timed = true;
    plug_status status = check_start_it(host);
    CHECK(run, status == PLUG_OK, "start ends with %d", status);
    check_exercise(host);
    plug_mock_advance(host->mock, 60000);
    check_drain(host);
    check_stop(host);
    check_destroy(host);
    slowest[i] = host->slowest;
    took[i] = host->slowest_us;
    check_free(host);
    if (!slowest[i])
      return;
  }
  check_fail(run,
             "%s takes %llu ms, where a function at home must return within about one: hand it to "
             "the work pool, or to a thread",
             slowest[2], (unsigned long long)(took[2] / 1000));
}

/* ---- T3 ---- */

enum { N_THREADS = 8, N_CALLS = 100 };

struct crowd {
  struct check_run *run;
  struct check_host *host;
  pthread_barrier_t barrier;
  size_t n_before; /* deliveries */
};

/* What one thread asks, and what has become of it. */
struct member {
  struct crowd *crowd;
  pthread_t thread;
  unsigned number;
  struct plug_op *ops[N_CALLS];
  plug_status returned[N_CALLS];
  const void *given[N_CALLS];
  struct plug_decision decisions[N_CALLS];
  struct plug_mock_answer *answers;
};

static void *member_publish(void *arg)
{
  struct member *member = arg;
  struct check_host *host = member->crowd->host;
  pthread_barrier_wait(&member->crowd->barrier);
  for (unsigned i = 0; i < N_CALLS; i++)
    member->returned[i] =
        host->mock->plugin->broker->publish(host->mock->self, member->given[i], member->ops[i]);
  return NULL;
}

static void *member_authorize(void *arg)
{
  struct member *member = arg;
  struct check_host *host = member->crowd->host;
  pthread_barrier_wait(&member->crowd->barrier);
  for (unsigned i = 0; i < N_CALLS; i++)
    member->returned[i] = host->mock->plugin->auth->authorize(
        host->mock->self, member->given[i], &member->decisions[i], member->ops[i]);
  return NULL;
}

static void *member_request(void *arg)
{
  struct member *member = arg;
  struct check_host *host = member->crowd->host;
  pthread_barrier_wait(&member->crowd->barrier);
  for (unsigned i = 0; i < N_CALLS; i++)
    member->returned[i] =
        host->mock->plugin->app->request(host->mock->self, member->given[i], member->ops[i]);
  return NULL;
}

static bool all_done(void *arg)
{
  struct member *members = arg;
  for (unsigned i = 0; i < N_THREADS; i++)
    for (unsigned k = 0; k < N_CALLS; k++)
      if (members[i].returned[k] == PLUG_PENDING && members[i].ops[k] &&
          !check_op_is_done(members[i].ops[k]))
        return false;
  return true;
}

static void run_crowd(struct crowd *crowd, struct member *members, const char *what,
                      void *(*body)(void *))
{
  struct check_run *run = crowd->run;
  pthread_barrier_init(&crowd->barrier, NULL, N_THREADS);
  check_in(what);
  for (unsigned i = 0; i < N_THREADS; i++)
    CHECK(run, !pthread_create(&members[i].thread, NULL, body, &members[i]),
          "the kit has no threads");
  for (unsigned i = 0; i < N_THREADS; i++)
    pthread_join(members[i].thread, NULL);
  pthread_barrier_destroy(&crowd->barrier);
  for (unsigned i = 0; i < N_THREADS; i++)
    for (unsigned k = 0; k < N_CALLS; k++)
      if (members[i].returned[k] != PLUG_PENDING && members[i].ops[k])
        check_op_returned(members[i].ops[k], members[i].returned[k]);
  CHECK(run, check_run_until(crowd->host, all_done, members, 10000),
        "%s: an operation is never completed", what);
  check_no_breach(crowd->host, CHECK_ANY_BREACH, what);
}

static bool is_refused(const struct member *member, unsigned k)
{
  plug_status status = member->returned[k];
  if (status == PLUG_PENDING && member->ops[k])
    status = check_op_status(member->ops[k]);
  return status < 0 && status != PLUG_EAGAIN;
}

/* Of a broker with an echo, each message comes back once. */
static void count_echoes(struct crowd *crowd, struct member *members)
{
  struct check_run *run = crowd->run;
  struct plug_mock *mock = crowd->host->mock;
  uint32_t caps = mock->plugin->broker->caps;
  if (!(caps & PLUG_CAP_ECHO) || !(caps & PLUG_CAP_NO_GAPS) || caps & PLUG_CAP_CROSS_NODE)
    return;
  size_t n_good = 0;
  for (unsigned i = 0; i < N_THREADS; i++)
    for (unsigned k = 0; k < N_CALLS; k++)
      n_good += !is_refused(&members[i], k);
  check_deliveries(crowd->host, crowd->n_before + n_good);
  for (unsigned i = 0; i < N_THREADS; i++)
    for (unsigned k = 0; k < N_CALLS; k++) {
      uint64_t id = ((const struct plug_msg *)members[i].given[k])->id;
      unsigned n = 0;
      for (size_t d = 0; d < mock->n_deliveries; d++)
        n += mock->deliveries[d].msg->id == id;
      CHECK(run, is_refused(&members[i], k) || n == 1,
            "of messages published by eight threads at once, one came %u times", n);
    }
}

static void crowd_publishes(struct crowd *crowd, struct member *members)
{
  struct plug_interest interest = {1, str_of("/topic/check.t3"), 0};
  check_subscribe(crowd->host, &interest, 1);
  for (unsigned i = 0; i < N_THREADS; i++)
    for (unsigned k = 0; k < N_CALLS; k++) {
      members[i].given[k] = check_message(crowd->host, "/topic/check.t3", str_of("hello"));
      members[i].ops[k] = k % 2 ? check_op(crowd->host, 10000) : NULL;
    }
  crowd->n_before = check_deliveries(crowd->host, 0);
  run_crowd(crowd, members, "publish from eight threads", member_publish);
  count_echoes(crowd, members);
  for (unsigned i = 0; i < N_THREADS; i++)
    for (unsigned k = 0; k < N_CALLS; k++)
      check_unref(members[i].given[k]);
}

static void crowd_asks(struct crowd *crowd, struct member *members)
{
  static struct plug_mock_verdict verdict;
  check_authenticate(crowd->host, &verdict);
  if (verdict.status != PLUG_ALLOW)
    check_not(crowd->run,
              "authenticate does not let the kit in: give login and passcode in [check]");
  static struct plug_identity who;
  static struct plug_authz_request requests[2];
  who =
      (struct plug_identity){.size = sizeof who, .user = str_of(verdict.user), .ctx = verdict.ctx};
  for (int i = 0; i < 2; i++)
    requests[i] = (struct plug_authz_request){
        .size = sizeof requests[i],
        .action = i ? PLUG_PUBLISH : PLUG_SUBSCRIBE,
        .session = 1,
        .who = &who,
        .topic = str_of(i ? "/topic/check.a" : "/topic/check.b"),
    };
  for (unsigned i = 0; i < N_THREADS; i++)
    for (unsigned k = 0; k < N_CALLS; k++) {
      members[i].given[k] = &requests[(i + k) % 2];
      members[i].ops[k] = check_op(crowd->host, 10000);
      members[i].decisions[k].size = sizeof members[i].decisions[k];
      members[i].ops[k]->decision = &members[i].decisions[k];
    }
  run_crowd(crowd, members, "authorize on eight threads", member_authorize);
  plug_status first[2];
  for (unsigned i = 0; i < N_THREADS; i++)
    for (unsigned k = 0; k < N_CALLS; k++) {
      plug_status status = members[i].returned[k] == PLUG_PENDING ? members[i].ops[k]->status
                                                                  : members[i].returned[k];
      unsigned which = (i + k) % 2;
      if (i == 0 && k < 2)
        first[which] = status;
      CHECK(crowd->run, status == first[which],
            "authorize answers %d to one thread and %d to another, for the same question", status,
            first[which]);
    }
  const struct plug_auth *auth = crowd->host->mock->plugin->auth;
  if (auth->session_end)
    CHECK_CALL(crowd->host, "session_end", auth->session_end(crowd->host->mock->self, verdict.ctx));
}

static void crowd_requests(struct crowd *crowd, struct member *members)
{
  struct plug_mock *mock = crowd->host->mock;
  static struct plug_app_request request;
  CHECK(crowd->run, mock->claims.n_claims, "PLUG_APP_ANY without a claim");
  /* The pattern of a claim without variables is a path that it matches; else the first of them. */
  struct plug_kv variables[PLUG_APP_VARIABLES_MAX];
  static char path[512];
  size_t n = check_fill_pattern(mock->claims.claims[0].pattern, path, sizeof path, variables);
  request = (struct plug_app_request){
      .size = sizeof request,
      .action = mock->claims.claims[0].actions & PLUG_APP_SEND ? PLUG_APP_SEND : PLUG_APP_SUBSCRIBE,
      .session = 1,
      .session_id = str_of("node-1-1"),
      .destination = str_of(path),
      .path = str_of(path),
      .variables = variables,
      .n_variables = n,
      .content_type = str_of("application/json"),
      .body = str_of("{\"text\":\"hello\"}"),
  };
  for (unsigned i = 0; i < N_THREADS; i++) {
    members[i].answers = calloc(N_CALLS, sizeof *members[i].answers);
    CHECK(crowd->run, members[i].answers, "out of memory");
    for (unsigned k = 0; k < N_CALLS; k++) {
      members[i].given[k] = &request;
      members[i].ops[k] = check_op(crowd->host, 10000);
      members[i].ops[k]->answer = &members[i].answers[k];
    }
  }
  run_crowd(crowd, members, "request on eight threads", member_request);
  for (unsigned i = 0; i < N_THREADS; i++)
    for (unsigned k = 0; k < N_CALLS; k++) {
      const struct plug_mock_answer *one = &members[i].answers[k], *first = &members[0].answers[0];
      CHECK(crowd->run,
            one->n_publishes == first->n_publishes && one->has_reply == first->has_reply &&
                !strcmp(one->publishes[0].body, first->publishes[0].body) &&
                !strcmp(one->code, first->code),
            "request answers one thread otherwise than another, for the same request");
    }
}

static void from_eight_threads(struct check_run *run)
{
  const struct plug_plugin *plugin = check_plugin(run);
  bool publishes = plugin->broker && plugin->broker->caps & PLUG_CAP_PUBLISH_ANY;
  bool authorizes = plugin->auth && plugin->auth->flags & PLUG_AUTHORIZE_ANY;
  bool answers = plugin->app && plugin->app->flags & PLUG_APP_ANY;
  if (!publishes && !authorizes && !answers)
    check_not(run, "nothing of it may be called on any thread");
  static struct member members[N_THREADS];
  struct crowd crowd = {.run = run, .host = check_start(run, NULL)};
  for (unsigned round = 0; round < 3; round++) {
    memset(members, 0, sizeof members);
    for (unsigned i = 0; i < N_THREADS; i++)
      members[i] = (struct member){.crowd = &crowd, .number = i};
    if (publishes)
      crowd_publishes(&crowd, members);
    else if (authorizes)
      crowd_asks(&crowd, members);
    else
      crowd_requests(&crowd, members);
  }
  check_drain(crowd.host);
  check_stop(crowd.host);
  check_destroy(crowd.host);
  check_no_breach(crowd.host, CHECK_BREACH(MOCK_LEFT), "after calls from eight threads");
  check_say(run, "%d calls, eight at a time", 3 * N_THREADS * N_CALLS);
}

/* ---- T4 ---- */

/* Those that a process is told of from outside, or that a library may raise; the ones of faults go
 * to the thread that makes them. */
static const int to_be_blocked[] = {SIGHUP,  SIGINT,   SIGQUIT, SIGPIPE, SIGALRM,
                                    SIGTERM, SIGUSR1,  SIGUSR2, SIGCHLD, SIGTSTP,
                                    SIGCONT, SIGWINCH, SIGIO,   SIGPROF, SIGVTALRM};

static unsigned long long blocked_by(const char *tid)
{
  char path[64], line[256];
  unsigned long long mask = ~0ull;
  snprintf(path, sizeof path, "/proc/self/task/%.20s/status", tid);
  FILE *status = fopen(path, "re");
  if (!status)
    return mask; /* it has ended */
  while (fgets(line, sizeof line, status))
    if (sscanf(line, "SigBlk: %llx", &mask) == 1)
      break;
  fclose(status);
  return mask;
}

struct tids {
  char names[256][24];
  size_t n;
};

static void list_threads(struct tids *tids)
{
  DIR *dir = opendir("/proc/self/task");
  struct dirent *entry;
  tids->n = 0;
  while (dir && (entry = readdir(dir)) && tids->n < 256)
    if (entry->d_name[0] != '.')
      snprintf(tids->names[tids->n++], sizeof tids->names[0], "%.20s", entry->d_name);
  if (dir)
    closedir(dir);
}

static bool has_thread(const struct tids *tids, const char *name)
{
  for (size_t i = 0; i < tids->n; i++)
    if (!strcmp(tids->names[i], name))
      return true;
  return false;
}

static void look_at_threads(struct check_run *run, const struct tids *before, size_t *n)
{
  static struct tids now;
  list_threads(&now);
  for (size_t i = 0; i < now.n; i++) {
    if (has_thread(before, now.names[i]))
      continue;
    unsigned long long blocked = blocked_by(now.names[i]);
    char path[64], name[32] = "?";
    snprintf(path, sizeof path, "/proc/self/task/%s/comm", now.names[i]);
    FILE *comm = fopen(path, "re");
    if (comm && fgets(name, sizeof name, comm))
      name[strcspn(name, "\n")] = '\0';
    if (comm)
      fclose(comm);
    for (size_t k = 0; k < sizeof to_be_blocked / sizeof to_be_blocked[0]; k++)
      CHECK(run, blocked & (1ull << (to_be_blocked[k] - 1)),
            "its thread '%s' does not block signal %d (%s): block all of them before "
            "pthread_create, and restore them after",
            name, to_be_blocked[k], strsignal(to_be_blocked[k]));
    ++*n;
  }
}

static void threads_block_signals(struct check_run *run)
{
  static struct tids before;
  size_t n = 0;
  sigset_t mask, after;
  check_plugin(run);
  list_threads(&before);
  pthread_sigmask(SIG_SETMASK, NULL, &mask);
  struct check_host *host = check_start(run, NULL);
  look_at_threads(run, &before, &n);
  check_exercise(host);
  look_at_threads(run, &before, &n);
  check_run_for(host, 20);
  look_at_threads(run, &before, &n);
  pthread_sigmask(SIG_SETMASK, NULL, &after);
  for (int i = 1; i < 65; i++)
    CHECK(run, sigismember(&mask, i) == sigismember(&after, i),
          "it has changed what the home thread blocks: signal %d", i);
  check_end(host);
  if (!n)
    check_not(run, "it starts no threads");
}

/* ---- T5 ---- */

static void silent_after_stop(struct check_run *run)
{
  size_t threads = check_count_threads();
  struct check_host *host = check_start(run, NULL);
  check_exercise(host);
  check_drain(host);
  check_stop(host);
  usleep(100000); /* for what it has left running */
  check_no_breach(host, CHECK_BREACH(MOCK_STOPPED), "stopped");
  check_destroy(host);
  usleep(20000);
  check_no_breach(host, CHECK_BREACH(MOCK_STOPPED), "stopped and destroyed");
  for (int i = 0; check_count_threads() > threads && i < 100; i++)
    usleep(10000);
  CHECK(run, check_count_threads() <= threads,
        "a thread of it still runs after destroy: stop has to join it");
}

static const struct check checks[] = {
    {"T1", "calls the host only where and when it may",
     "Over a whole life the host looks at which thread calls it: io_*, timer_*, state and the work "
     "pool only at home, configuration and new metrics only in create, nothing twice that is done "
     "once. The tag before each function in the headers says where it may be called.",
     60, calls_where_it_may},
    {"T2", "no call at home takes long",
     "Each call into the plugin is timed, also those of timers of the minute that follows. The "
     "time "
     "for which the thread was ready and the machine busy does not count. More than 50 ms (a "
     "second "
     "for create, stop and destroy) is too long each time that it is tried three times: whatever "
     "waits for a network, a disk or a lock holds up all plugins.",
     90, is_quick},
    {"T3", "may be called by eight threads at once, if it says so",
     "With PLUG_CAP_PUBLISH_ANY publish, with PLUG_AUTHORIZE_ANY authorize, with PLUG_APP_ANY "
     "request is called by eight threads at once: each call is answered once, the same question in "
     "the same way, and each message of a broker with an echo comes back once. Built with "
     "-fsanitize=thread, kit and plugin find more.",
     60, from_eight_threads},
    {"T4", "its threads have all signals blocked",
     "Signals of a process go to any thread that does not block them, and those of the server are "
     "the server's. A thread inherits the mask of the one that starts it: block all signals before "
     "pthread_create, and restore the mask after.",
     0, threads_block_signals},
    {"T5", "no call of the host after stop",
     "When stop is over, only log and msg_unref may be called, in destroy and by threads, of which "
     "there are none any more: stop joins them.",
     0, silent_after_stop},
};

const struct check_group check_group_threads = CHECK_GROUP_PLAIN("T", "threads and time", checks);
