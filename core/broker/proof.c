#include "broker/proof.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "message/message.h"
#include "plugin/op.h"

#define PAYLOAD_MAX    48
#define FIRST_RETRY_MS 50 /* doubled each time, up to the interval */

static const struct plug_broker_proof *own_of(const struct plugin_instance *instance)
{
  const struct plug_broker_proof *own = instance_extension(instance, PLUG_EXT_BROKER_PROOF);
  return own && PLUG_HAS(own, proven_ms) && own->proven_ms ? own : NULL;
}

void proof_init(struct proof *proof, struct plugin_instance *instance,
                struct interest_table *interests, uint32_t caps, uint64_t interval_ms,
                uint64_t limit_ms)
{
  *proof = (struct proof){.instance = instance,
                          .interests = interests,
                          .own = own_of(instance),
                          .interval_ms = interval_ms,
                          .limit_ms = limit_ms,
                          .echoes = (caps & PLUG_CAP_ECHO) != 0};
  proof->kind = caps & PLUG_CAP_DIRECT ? PROOF_TRIVIAL
                : proof->own           ? PROOF_ITS_OWN
                : interval_ms          ? PROOF_BY_PROBES
                                       : PROOF_OFF;
  snprintf(proof->topic, sizeof proof->topic, PROOF_TOPIC "%.64s", message_node());
  if (getrandom(&proof->nonce, sizeof proof->nonce, GRND_NONBLOCK) != sizeof proof->nonce)
    proof->nonce = clock_now_us() ^ (uintptr_t)proof;
}

static struct plug_str put_payload(const struct proof *proof, uint64_t number,
                                   char out[PAYLOAD_MAX])
{
  int n = snprintf(out, PAYLOAD_MAX, "%016" PRIx64 ":%" PRIu64, proof->nonce, number);
  return str_from(out, (size_t)n);
}

/* [any] The awaited one has come. */
static void prove(struct proof *proof, uint64_t number)
{
  if (!atomic_compare_exchange_strong(&proof->number, &number, 0))
    return; /* another thread, or given up */
  uint64_t now_us = clock_now_us();
  atomic_store(&proof->rtt_us, now_us - atomic_load(&proof->sent_us));
  atomic_store(&proof->proven_ms, now_us / 1000);
  atomic_store(&proof->since_ms, 0);
}

bool proof_hear(struct proof *proof, const struct plug_msg *msg)
{
  char text[PAYLOAD_MAX];
  if (msg->topic.ptr[0] == '/' || !str_eq(msg->topic, str_of(proof->topic)))
    return false;
  uint64_t number = atomic_load(&proof->number);
  if (number && str_eq(msg->payload, put_payload(proof, number, text)))
    prove(proof, number);
  return true;
}

/* --- sending ------------------------------------------------------------------------------- */

struct probe {
  struct proof *proof;
  const struct plug_msg *msg;
  uint64_t number;
};

static void settle(struct probe *probe, plug_status status)
{
  if (!probe->proof->echoes && (status == PLUG_OK || status == PLUG_EAGAIN))
    prove(probe->proof, probe->number);
}

static void probe_free(struct probe *probe)
{
  message_unref(probe->msg);
  free(probe);
}

static void on_done(void *arg, plug_status status, struct plug_str detail)
{
  (void)detail;
  settle(arg, status);
}

static void on_release(void *arg, plug_status status, struct plug_str detail)
{
  (void)status;
  (void)detail;
  probe_free(arg);
}

static struct probe *probe_new(struct proof *proof, uint64_t number)
{
  char text[PAYLOAD_MAX];
  const struct plug_msg_init init = {.size = sizeof init,
                                     .topic = str_of(proof->topic),
                                     .payload = put_payload(proof, number, text)};
  struct probe *probe = calloc(1, sizeof *probe);
  const struct plug_msg *msg = probe ? message_new(&init) : NULL;
  if (!msg) {
    free(probe);
    return NULL;
  }
  *probe = (struct probe){proof, msg, number};
  return probe;
}

static void send_probe(struct proof *proof)
{
  static uint64_t last; /* control thread */
  uint64_t now_us = clock_now_us();
  struct probe *probe = probe_new(proof, ++last);
  struct plug_op *op = probe ? op_new(proof->instance, proof->limit_ms, on_done, probe) : NULL;
  if (!op) {
    if (probe)
      probe_free(probe);
    return; /* out of memory: the next one comes in time */
  }
  atomic_store(&proof->sent_us, now_us);
  atomic_store(&proof->number, probe->number);
  uint64_t none = 0;
  atomic_compare_exchange_strong(&proof->since_ms, &none, now_us / 1000);
  op_on_release(op, on_release);
  struct instance_call call;
  instance_call_begin(&call, proof->instance, "publish");
  plug_status status =
      instance_broker(proof->instance)->publish(instance_self(proof->instance), probe->msg, op);
  status = op_offered(op, status);
  instance_call_end(&call);
  if (status == PLUG_PENDING)
    return;
  settle(probe, status);
  probe_free(probe);
}

/* Once for each time. */
static void complain(struct proof *proof, bool fails)
{
  if (fails && !proof->complained)
    log_warn(instance_name(proof->instance),
             "takes messages but has not delivered the last one that this node sent to itself: not "
             "ready");
  else if (!fails && proof->complained)
    log_info(instance_name(proof->instance), "delivers again");
  proof->complained = fails;
}

/* [any] For how long none has come back although one should have; 0: for no longer than it may. */
static uint64_t late_ms(const struct proof *proof)
{
  uint64_t since_ms = atomic_load(&proof->since_ms), now_ms = clock_now_ms();
  return since_ms && now_ms > since_ms + proof->limit_ms ? now_ms - since_ms : 0;
}

static void on_timer(uv_timer_t *timer);

static void again_in(struct proof *proof, uint64_t ms)
{
  if (proof->timer)
    uv_timer_start(proof->timer, on_timer, ms, 0);
}

static void on_timer(uv_timer_t *timer)
{
  struct proof *proof = timer->data;
  uint64_t age_ms = clock_now_ms() - atomic_load(&proof->sent_us) / 1000;
  bool waits = atomic_load(&proof->number) != 0, first = !atomic_load(&proof->proven_ms);
  uint64_t time_ms = first ? proof->retry_ms : proof->limit_ms;
  /* The first one may have been sent before the broker had subscribed to it. Later ones have their
   * whole time, for what comes after that is no proof. */
  if (waits && age_ms < time_ms) {
    again_in(proof, time_ms - age_ms);
    return;
  }
  if (waits && first && proof->retry_ms < proof->limit_ms)
    proof->retry_ms *= 2;
  complain(proof, late_ms(proof) != 0);
  send_probe(proof);
  again_in(proof, first ? proof->retry_ms : proof->interval_ms);
}

void proof_begin(struct proof *proof)
{
  if (!proof->timer)
    return;
  atomic_store(&proof->proven_ms, 0);
  atomic_store(&proof->since_ms, 0);
  proof->complained = false;
  proof->retry_ms = FIRST_RETRY_MS;
  send_probe(proof);
  again_in(proof, proof->retry_ms);
}

void proof_pause(struct proof *proof)
{
  if (proof->timer)
    uv_timer_stop(proof->timer);
  atomic_store(&proof->number, 0);
  atomic_store(&proof->since_ms, 0);
}

void proof_open(struct proof *proof)
{
  if (proof->kind != PROOF_BY_PROBES)
    return;
  /* The first worker stands for the node: messages for it are taken out before they reach it. */
  bool hears = !proof->echoes ||
               interest_join(proof->interests, 0, str_of(proof->topic), false) != PLUG_ENOMEM;
  proof->timer = hears ? malloc(sizeof *proof->timer) : NULL;
  if (!proof->timer) {
    log_error(instance_name(proof->instance),
              "out of memory: nothing proves that it delivers, so this node will not be ready");
    return;
  }
  uv_timer_init(loop_uv(instance_loop(proof->instance)), proof->timer);
  proof->timer->data = proof;
}

static void free_timer(uv_handle_t *handle)
{
  free(handle);
}

void proof_close(struct proof *proof)
{
  proof_pause(proof);
  if (proof->timer)
    uv_close((uv_handle_t *)proof->timer, free_timer);
  proof->timer = NULL;
}

/* --- judging ------------------------------------------------------------------------------- */

bool proof_fault(const struct proof *proof, char *out, size_t size)
{
  if (proof->kind != PROOF_BY_PROBES)
    return false;
  uint64_t waits_ms = late_ms(proof);
  if (waits_ms) {
    snprintf(out, size,
             "takes messages but has not delivered one that this node sent to itself %" PRIu64
             " ms ago",
             waits_ms);
    return true;
  }
  if (atomic_load(&proof->proven_ms))
    return false;
  snprintf(out, size, "has not delivered a message yet that this node sent to itself");
  return true;
}

uint64_t proof_proven_ms(const struct proof *proof)
{
  if (proof->kind == PROOF_ITS_OWN)
    return proof->own->proven_ms(instance_self(proof->instance));
  return atomic_load(&proof->proven_ms);
}
