#include "ops/pulse.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/day.h"
#include "base/log.h"
#include "base/str.h"
#include "ops/node_state.h"
#include "plugin/watchdog.h"
#include "tls/tls_contexts.h"

#define TICK_MS         1000u
/* Rates are those of so many seconds. */
#define RATE_SAMPLES    5u
/* Clocks may differ so much until somebody is told; a message is under way much shorter. */
#define CLOCKS_APART_MS 5000

static const enum counter sampled[PULSE_COUNTERS] = {
    [PULSE_IN] = COUNTER_frames_in,
    [PULSE_OUT] = COUNTER_delivered,
    [PULSE_CONNECTS] = COUNTER_connections_total,
    COUNTER_dropped_queue,
    COUNTER_closed_queue,
    COUNTER_dropped_congested,
    COUNTER_log_dropped,
    COUNTER_accept_paused,
};

/* Of those that somebody is to be told of when they have risen within the last minute. */
static const struct {
  enum counter counter;
  const char *id, *text;
} rising[] = {
    {COUNTER_dropped_queue, "dropped-queue",
     "%lld messages were dropped in the last minute because clients read too slowly "
     "(queue-policy)"},
    {COUNTER_closed_queue, "closed-queue",
     "%lld sessions were closed in the last minute because their queue was full (queue-size, "
     "queue-messages)"},
    {COUNTER_dropped_congested, "dropped-congested",
     "%lld messages were dropped in the last minute because a worker was behind (worker-queue)"},
    {COUNTER_log_dropped, "log-dropped",
     "%lld log lines were dropped in the last minute because nobody read them in time"},
    {COUNTER_accept_paused, "accept-paused",
     "accepting connections paused %lld times in the last minute for want of file descriptors"},
};

/* --- samples ------------------------------------------------------------------------------- */

static const int64_t *sample(const struct pulse *pulse, size_t ago)
{
  return pulse->samples[(pulse->n_samples - 1 - ago) % PULSE_SAMPLES];
}

static size_t samples_back(const struct pulse *pulse, size_t wanted)
{
  size_t most = pulse->n_samples < PULSE_SAMPLES ? pulse->n_samples - 1 : PULSE_SAMPLES - 1;
  return wanted < most ? wanted : most;
}

static void take_sample(struct pulse *pulse, uint64_t now_ms)
{
  size_t at = pulse->n_samples++ % PULSE_SAMPLES;
  for (size_t i = 0; i < PULSE_COUNTERS; i++)
    pulse->samples[at][i] = counter_read(sampled[i]);
  pulse->sampled_ms[at] = now_ms;
  size_t back = samples_back(pulse, RATE_SAMPLES);
  size_t before = (pulse->n_samples - 1 - back) % PULSE_SAMPLES;
  uint64_t ms = now_ms - pulse->sampled_ms[before];
  for (size_t i = 0; i < PULSE_RATES; i++) {
    int64_t n = pulse->samples[at][i] - pulse->samples[before][i];
    atomic_store_explicit(&pulse->rates[i], ms && n > 0 ? (uint64_t)n * 1000000u / ms : 0,
                          memory_order_relaxed);
  }
}

double pulse_per_s(const struct pulse *pulse, enum pulse_rate rate)
{
  return (double)atomic_load_explicit(&pulse->rates[rate], memory_order_relaxed) / 1000;
}

/* --- warnings ------------------------------------------------------------------------------ */

static void warn_of_rising(struct pulse *pulse)
{
  const int64_t *now = sample(pulse, 0), *then = sample(pulse, samples_back(pulse, 60));
  for (size_t i = 0; i < sizeof rising / sizeof *rising; i++) {
    size_t k = PULSE_RATES;
    while (sampled[k] != rising[i].counter)
      k++;
    int64_t n = now[k] - then[k];
    char text[WARNING_TEXT_MAX];
    if (n > 0)
      snprintf(text, sizeof text, rising[i].text, (long long)n);
    warnings_set(pulse->warnings, n > 0, rising[i].id, "%s", text);
  }
}

/* Not each second, for it looks into every certificate; but at once when they are other ones. */
#define CERTIFICATES_MS 60000
static void warn_of_certificates(struct pulse *pulse)
{
  char remark[TLS_REMARK_MAX];
  int64_t read = counter_read(COUNTER_tls_reloads);
  if (!pulse->env->tls ||
      (pulse->env->now_ms < pulse->certificates_ms && read == pulse->certificates_read))
    return;
  pulse->certificates_read = read;
  pulse->certificates_ms = pulse->env->now_ms + CERTIFICATES_MS;
  (void)tls_contexts_end(pulse->env->tls, remark);
  warnings_set(pulse->warnings, remark[0], "certificate", "%s", remark);
}

static void warn_of_descriptors(struct pulse *pulse)
{
  struct rlimit limit;
  int64_t n = counter_read(COUNTER_connections);
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return;
  /* The server's own, and those of plugins, are few. */
  warnings_set(pulse->warnings, n > 0 && (uint64_t)n >= (uint64_t)limit.rlim_cur / 10 * 9,
               "descriptors", "%lld connections are open, and the process may have %llu files",
               (long long)n, (unsigned long long)limit.rlim_cur);
}

static void warn_of_plugins(struct pulse *pulse)
{
  char why[NODE_WHY_SIZE];
  warnings_set(pulse->warnings, watchdog_reason(why, sizeof why), "plugin-hangs",
               "a plugin hangs: %s", why);
  char text[HEALTH_TEXT_MAX];
  bool down = !broker_ready(pulse->env->broker);
  broker_health_text(pulse->env->broker, text);
  warnings_set(pulse->warnings, down, "broker", "the broker is unavailable%s%s",
               text[0] ? ": " : "", text);
}

static void warn_of_twin(struct pulse *pulse, const struct node_beat *beat)
{
  static struct log_limit limit;
  uint64_t held;
  uint64_t for_ms = NODE_MISSED * beat->interval_ms;
  (void)warnings_put_for(pulse->warnings, for_ms, "twin",
                         "another node has this one's name, '%s': process %llu on host '%s'; "
                         "[server] node is to be unique",
                         pulse->settings->node, (unsigned long long)beat->pid, beat->host);
  if (log_limit_pass(&limit, 60000, &held))
    log_warn("cluster",
             "another node has this one's name, '%s': process %llu on host '%s'; [server] node is "
             "to be unique",
             pulse->settings->node, (unsigned long long)beat->pid, beat->host);
}

static void warn_of_clock(struct pulse *pulse, struct plug_str name, const struct node_beat *beat)
{
  char id[WARNING_ID_MAX + 1];
  int64_t apart = beat->day_ms ? (int64_t)beat->day_ms - (int64_t)day_now_ms() : 0;
  int64_t size = apart < 0 ? -apart : apart;
  snprintf(id, sizeof id, "clock:%.*s", STR_ARG(name));
  if (size > CLOCKS_APART_MS)
    (void)warnings_put_for(pulse->warnings, NODE_MISSED * beat->interval_ms, id,
                           "the clock of node '%.*s' is %lld s %s this one's", STR_ARG(name),
                           (long long)(size / 1000), apart < 0 ? "behind" : "ahead of");
  else
    (void)warnings_clear(pulse->warnings, id);
}

/* --- beats --------------------------------------------------------------------------------- */

static void fill_beat(const struct pulse *pulse, const struct net_env *env, struct node_beat *beat)
{
  char why[NODE_WHY_SIZE];
  enum node_state state = node_state(env->broker, env->leaving, why);
  *beat = (struct node_beat){.pid = (uint64_t)getpid(),
                             .uptime_ms = env->now_ms - pulse->started_ms,
                             .connections = (uint64_t)counter_read(COUNTER_connections),
                             .sessions = (uint64_t)counter_read(COUNTER_sessions),
                             .interval_ms = pulse->settings->admin_beat_ms,
                             .day_ms = day_now_ms(),
                             .in_per_s = pulse_per_s(pulse, PULSE_IN),
                             .out_per_s = pulse_per_s(pulse, PULSE_OUT),
                             .wanted = pulse->wants};
  snprintf(beat->instance, sizeof beat->instance, "%s", pulse->instance);
  snprintf(beat->version, sizeof beat->version, "%s", PLUGBOARD_VERSION);
  snprintf(beat->state, sizeof beat->state, "%s", node_state_text(state));
  snprintf(beat->broker, sizeof beat->broker, "%s", broker_ready(env->broker) ? "up" : "down");
  snprintf(beat->host, sizeof beat->host, "%s", pulse->host);
}

void pulse_note_self(struct pulse *pulse, const struct net_env *env)
{
  struct node_beat beat;
  fill_beat(pulse, env, &beat);
  (void)nodes_hear(pulse->nodes, str_of(pulse->settings->node), &beat, env->now_ms);
}

static void tell(struct pulse *pulse)
{
  struct node_beat beat;
  struct buf text = {0};
  fill_beat(pulse, pulse->env, &beat);
  if (broker_ready(pulse->env->broker) && node_beat_put(&beat, &text))
    (void)control_tell(pulse->env, str_from(text.data, text.len)); /* the next one says the same */
  buf_free(&text);
  pulse->next_beat_ms = pulse->env->now_ms + pulse->settings->admin_beat_ms;
}

static bool is_wanted(const struct pulse *pulse)
{
  return pulse->wants || pulse->env->now_ms < pulse->wanted_until_ms;
}

bool pulse_hear(struct pulse *pulse, struct net_env *env, const struct plug_msg *msg)
{
  struct node_beat beat;
  uint64_t now_ms = env->now_ms;
  if (!node_beat_read(msg->payload, &beat))
    return false;
  if (env->session.worker != 0 || strcmp(beat.instance, pulse->instance) == 0)
    return true;
  (void)nodes_hear(pulse->nodes, msg->origin, &beat, now_ms);
  if (str_eq(msg->origin, str_of(pulse->settings->node)))
    warn_of_twin(pulse, &beat);
  else
    warn_of_clock(pulse, msg->origin, &beat);
  if (beat.wanted) {
    if (now_ms >= pulse->wanted_until_ms)
      pulse->next_beat_ms = now_ms;
    pulse->wanted_until_ms = now_ms + NODE_MISSED * beat.interval_ms;
  }
  return true;
}

static void on_tick(struct timer *timer, uint64_t now_ms)
{
  struct pulse *pulse = container_of(timer, struct pulse, timer);
  timers_arm(&pulse->env->timers, &pulse->timer, now_ms + TICK_MS);
  take_sample(pulse, now_ms);
  warn_of_rising(pulse);
  warn_of_descriptors(pulse);
  warn_of_certificates(pulse);
  warn_of_plugins(pulse);
  if (now_ms >= pulse->next_beat_ms && is_wanted(pulse))
    tell(pulse);
}

void pulse_init(struct pulse *pulse, const struct settings *settings, struct nodes *nodes,
                struct warnings *warnings)
{
  uint64_t number = 0;
  *pulse = (struct pulse){.settings = settings,
                          .nodes = nodes,
                          .warnings = warnings,
                          .started_ms = clock_now_ms(),
                          .wants = settings->n_admin_listen || settings->n_admin_tls_listen ||
                                   settings->admin_socket.path};
  if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
    number = clock_now_us() ^ (uint64_t)getpid() << 40;
  snprintf(pulse->instance, sizeof pulse->instance, "%016llx", (unsigned long long)number);
  if (gethostname(pulse->host, sizeof pulse->host) != 0)
    pulse->host[0] = '\0';
  pulse->host[sizeof pulse->host - 1] = '\0';
}

void pulse_begin(struct pulse *pulse, struct net_env *env)
{
  pulse->env = env;
  take_sample(pulse, env->now_ms);
  timer_init(&pulse->timer, on_tick);
  timers_arm(&env->timers, &pulse->timer, env->now_ms + TICK_MS);
}
