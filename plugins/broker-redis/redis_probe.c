#include "redis_probe.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <time.h>

/* The first digits of a nonce are those of the process. */
enum { MAX_EXTENDED = 4, NONCE_LEN = 16, PROCESS_LEN = 8, FOREIGN_MS = 60000 };

static uint64_t now_us(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

struct plug_str redis_probe_payload(const struct redis_probe *probe, char text[REDIS_PROBE_MAX])
{
  int n = snprintf(text, REDIS_PROBE_MAX, "%016" PRIx64 ":%" PRIu64, probe->nonce, probe->seq);
  return (struct plug_str){text, (size_t)n};
}

static void send_probe(struct redis_probe *probe)
{
  char text[REDIS_PROBE_MAX];
  probe->seq++;
  probe->sent_us = now_us();
  probe->waiting = true;
  probe->answered = false;
  probe->n_extended = 0;
  probe->events->progress(probe->arg, &probe->progress);
  if (!probe->waiting)
    return;
  probe->env->host->timer_set(probe->timer, probe->timeout_ms);
  probe->events->send(probe->arg, redis_probe_payload(probe, text));
}

/* As long as answers keep coming on the connection that it waits for, a probe merely stands in line
 * behind them; but not for ever. */
static bool is_in_line(struct redis_probe *probe, const struct redis_progress *now)
{
  bool moving = probe->answered ? now->subscriptions != probe->progress.subscriptions
                                : now->commands != probe->progress.commands;
  return moving && probe->n_extended++ < MAX_EXTENDED;
}

static void on_timer(void *arg) PLUG_NOEXCEPT
{
  struct redis_probe *probe = arg;
  struct redis_progress now;
  if (!probe->waiting) {
    send_probe(probe);
    return;
  }
  /* This thread may have been late rather than Redis: what is there already counts. */
  probe->events->progress(probe->arg, &now);
  if (!probe->waiting)
    return;
  if (is_in_line(probe, &now)) {
    probe->progress = now;
    probe->env->host->timer_set(probe->timer, probe->timeout_ms);
    return;
  }
  redis_count(probe->env, REDIS_M_PROBE_TIMEOUTS, 1);
  probe->events->failed(probe->arg, probe->answered ? "it takes messages but does not deliver them"
                                                    : "it does not answer any more");
}

/* Where a broker is swapped to the same Redis, two instances of a node probe for a while, perhaps
 * each from a file of its own: so it is made of what the kernel gives a process, which cannot be
 * told from the digest. False: there is none. */
static bool digest_process(uint32_t *out)
{
  unsigned char digest[EVP_MAX_MD_SIZE];
  const void *random = (const void *)getauxval(AT_RANDOM);
  if (random == NULL || EVP_Digest(random, 16, digest, NULL, EVP_sha256(), NULL) != 1)
    return false;
  memcpy(out, digest, sizeof *out);
  return true;
}

static uint64_t make_nonce(const struct redis_probe *probe)
{
  uint64_t nonce;
  uint32_t process;
  if (getrandom(&nonce, sizeof nonce, GRND_NONBLOCK) != sizeof nonce)
    nonce = now_us() ^ (uintptr_t)probe;
  return digest_process(&process) ? (uint64_t)process << 32 | (uint32_t)nonce : nonce;
}

bool redis_probe_init(struct redis_probe *probe, const struct redis_env *env, uint64_t interval_ms,
                      uint64_t timeout_ms, const struct redis_probe_events *events, void *arg)
{
  *probe = (struct redis_probe){.env = env,
                                .events = events,
                                .arg = arg,
                                .interval_ms = interval_ms,
                                .timeout_ms = timeout_ms};
  probe->nonce = make_nonce(probe);
  probe->timer = env->host->timer_new(env->host, on_timer, probe);
  return probe->timer != NULL;
}

void redis_probe_fini(struct redis_probe *probe)
{
  if (probe->timer != NULL)
    probe->env->host->timer_free(probe->timer);
  probe->timer = NULL;
}

void redis_probe_start(struct redis_probe *probe)
{
  send_probe(probe);
}

void redis_probe_stop(struct redis_probe *probe)
{
  probe->waiting = false;
  if (probe->timer != NULL)
    probe->env->host->timer_stop(probe->timer);
}

void redis_probe_answered(struct redis_probe *probe)
{
  probe->answered = true;
}

/* NONCE:NUMBER, as redis_probe_payload writes it. */
static bool is_probe(struct plug_str payload)
{
  if (payload.len <= NONCE_LEN + 1 || payload.len >= REDIS_PROBE_MAX ||
      payload.ptr[NONCE_LEN] != ':')
    return false;
  for (size_t i = 0; i < payload.len; i++) {
    char c = payload.ptr[i];
    bool digit = c >= '0' && c <= '9';
    if (i != NONCE_LEN && !digit && !(i < NONCE_LEN && c >= 'a' && c <= 'f'))
      return false;
  }
  return true;
}

static void hear_foreign(struct redis_probe *probe)
{
  uint64_t now = probe->env->host->now_ms(probe->env->host), before = probe->foreign_ms;
  uint64_t patience = 2 * probe->interval_ms;
  probe->foreign_ms = now;
  if (before != 0 && now - before <= (patience > FOREIGN_MS ? patience : FOREIGN_MS))
    probe->events->namesake(probe->arg);
}

bool redis_probe_is_awaited(const struct redis_probe *probe, struct plug_str payload)
{
  char text[REDIS_PROBE_MAX];
  return probe->waiting && redis_str_eq(payload, redis_probe_payload(probe, text));
}

void redis_probe_receive(struct redis_probe *probe, struct plug_str payload)
{
  char text[REDIS_PROBE_MAX];
  if (is_probe(payload) &&
      memcmp(payload.ptr, redis_probe_payload(probe, text).ptr, PROCESS_LEN) != 0) {
    hear_foreign(probe);
    return;
  }
  if (!redis_probe_is_awaited(probe, payload))
    return;
  uint64_t rtt = now_us() - probe->sent_us;
  probe->waiting = false;
  probe->env->host->timer_set(probe->timer, probe->interval_ms);
  redis_gauge(probe->env, REDIS_M_PROBE_RTT_US, (int64_t)rtt);
  probe->events->heard(probe->arg, rtt > UINT32_MAX ? UINT32_MAX : (uint32_t)rtt);
}
