#include "nats_gate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nats_exit.h"
#include "nats_subject.h"

enum { LIMIT_MS = 10000, SETTLE_MS = 2000, LEAVE_MS = 2000 };

struct nats_gate {
  atomic_uint refs;
  size_t prefix_len;
  pthread_mutex_t lock;       /* of what follows, and held while something goes through */
  const struct nats_env *env; /* NULL: closed */
  void (*wake)(void *arg);
  void *arg;
  struct host_log_limit envelope_limit, slow_limit, denied_limit;
};

struct nats_tap {
  atomic_uint refs; /* the owner's and the library's */
  struct nats_gate *gate;
  natsSubscription *sub;
  uint64_t interest;
  bool any; /* of all topics */
  size_t topic_len;
  char topic[];
};

/* Taps that the library has not taken leave of; it may still use them, until it is gone itself. */
static pthread_mutex_t library_lock = PTHREAD_MUTEX_INITIALIZER; /* of these */
static unsigned n_users;
static struct orphan {
  struct orphan *next;
  struct nats_tap *tap;
} *orphans;

struct nats_gate *nats_gate_new(const struct nats_env *env, size_t prefix_len,
                                void (*wake)(void *arg), void *arg)
{
  struct nats_gate *gate = calloc(1, sizeof *gate);
  if (gate == NULL)
    return NULL;
  atomic_init(&gate->refs, 1);
  pthread_mutex_init(&gate->lock, NULL);
  gate->env = env;
  gate->prefix_len = prefix_len;
  gate->wake = wake;
  gate->arg = arg;
  return gate;
}

void nats_gate_close(struct nats_gate *gate)
{
  pthread_mutex_lock(&gate->lock);
  gate->env = NULL;
  pthread_mutex_unlock(&gate->lock);
}

void nats_gate_settle(struct nats_gate *gate)
{
  for (int i = 0; i < SETTLE_MS && atomic_load(&gate->refs) > 1; i++)
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

void nats_gate_release(struct nats_gate *gate)
{
  if (gate == NULL || atomic_fetch_sub(&gate->refs, 1) != 1)
    return;
  pthread_mutex_destroy(&gate->lock);
  free(gate);
}

static void release_tap(struct nats_tap *tap)
{
  if (atomic_fetch_sub(&tap->refs, 1) != 1)
    return;
  nats_gate_release(tap->gate);
  free(tap);
}

static void on_complete(void *arg)
{
  release_tap(arg);
}

/* Under the lock of the gate. */
static void drop_foreign(struct nats_gate *gate, const natsMsg *in)
{
  char topic[200];
  uint64_t left_out;
  const struct plug_host *host = gate->env->host;
  nats_count(gate->env, NATS_M_DROPPED_BAD_ENVELOPE, 1);
  if (!host_log_pass(host, &gate->envelope_limit, LIMIT_MS, &left_out))
    return;
  size_t n = nats_subject_topic(natsMsg_GetSubject(in) + gate->prefix_len, topic, sizeof topic);
  host_log(
      host, PLUG_LOG_WARN,
      "dropped a message of %d bytes for the topic %.*s: it is not from a node of this cluster; "
      "something else publishes on the subject %.200s",
      natsMsg_GetDataLength(in), n == SIZE_MAX ? 1 : (int)n, n == SIZE_MAX ? "?" : topic,
      natsMsg_GetSubject(in));
}

/* Under the lock of the gate. */
static void deliver(struct nats_gate *gate, const struct nats_tap *tap, const natsMsg *in)
{
  const struct nats_env *env = gate->env;
  const struct plug_host *host = env->host;
  const struct plug_str wire = {natsMsg_GetData(in), (size_t)natsMsg_GetDataLength(in)};
  const struct plug_msg *msg = host->msg_decode(host, wire);
  if (msg == NULL) {
    drop_foreign(gate, in);
    return;
  }
  /* Topics that differ in the number of slashes share a subject. */
  if (tap->any || (msg->topic.len == tap->topic_len &&
                   memcmp(msg->topic.ptr, tap->topic, tap->topic_len) == 0)) {
    nats_count(env, NATS_M_DELIVERED, 1);
    if (host->broker->deliver(host, tap->interest, msg) != PLUG_OK)
      nats_count(env, NATS_M_CONGESTED, 1);
  }
  host->msg_unref(msg);
}

static void on_message(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *arg)
{
  struct nats_tap *tap = arg;
  (void)nc, (void)sub;
  pthread_mutex_lock(&tap->gate->lock);
  if (tap->gate->env != NULL)
    deliver(tap->gate, tap, msg);
  pthread_mutex_unlock(&tap->gate->lock);
  natsMsg_Destroy(msg);
}

/* Not free to go: kept until the library is gone. */
static void abandon(struct nats_tap *tap)
{
  struct orphan *orphan = malloc(sizeof *orphan);
  if (orphan == NULL)
    return; /* lost, which is better than used after it was freed */
  *orphan = (struct orphan){.tap = tap};
  pthread_mutex_lock(&library_lock);
  orphan->next = orphans;
  orphans = orphan;
  pthread_mutex_unlock(&library_lock);
}

struct nats_tap *nats_tap_open(struct nats_gate *gate, natsConnection *nc, const char *subject,
                               uint64_t interest, struct plug_str topic, natsStatus *status)
{
  struct nats_tap *tap = malloc(sizeof *tap + topic.len);
  *status = NATS_NO_MEMORY;
  if (tap == NULL)
    return NULL;
  atomic_fetch_add(&gate->refs, 1);
  atomic_init(&tap->refs, 2);
  tap->gate = gate;
  tap->interest = interest;
  tap->any = topic.ptr == NULL;
  tap->topic_len = topic.len;
  if (topic.len > 0)
    memcpy(tap->topic, topic.ptr, topic.len);
  natsSubscription *sub = NULL;
  *status = natsConnection_Subscribe(&sub, nc, subject, on_message, tap);
  if (*status != NATS_OK) {
    release_tap(tap);
    release_tap(tap);
    return NULL;
  }
  tap->sub = sub;
  *status = natsSubscription_SetOnCompleteCB(sub, on_complete, tap);
  if (*status != NATS_OK) { /* the connection has been closed meanwhile */
    nats_tap_close(tap);
    abandon(tap);
    return NULL;
  }
  return tap;
}

void nats_tap_close(struct nats_tap *tap)
{
  natsSubscription_Destroy(tap->sub); /* on_complete follows, or was before */
  release_tap(tap);
}

void nats_gate_on_error(natsConnection *nc, natsSubscription *sub, natsStatus status, void *arg)
{
  struct nats_gate *gate = arg;
  uint64_t left_out;
  (void)sub;
  pthread_mutex_lock(&gate->lock);
  const struct nats_env *env = gate->env;
  if (env != NULL && status == NATS_SLOW_CONSUMER) {
    nats_count(env, NATS_M_DROPPED_SLOW, 1);
    if (host_log_pass(env->host, &gate->slow_limit, LIMIT_MS, &left_out))
      host_log(env->host, PLUG_LOG_WARN,
               "messages are dropped: this node does not keep up with what NATS brings (see "
               "receive-queue)");
  } else if (env != NULL && status == NATS_NOT_PERMITTED) {
    const char *text = NULL;
    nats_count(env, NATS_M_DENIED, 1);
    (void)natsConnection_GetLastError(nc, &text);
    if (host_log_pass(env->host, &gate->denied_limit, LIMIT_MS, &left_out))
      host_log(
          env->host, PLUG_LOG_ERROR,
          "NATS says: %.200s. The user needs publish and subscribe on the prefix and all below "
          "it",
          text != NULL ? text : "Permissions Violation");
  }
  pthread_mutex_unlock(&gate->lock);
}

void nats_gate_hold(struct nats_gate *gate)
{
  atomic_fetch_add(&gate->refs, 1);
}

void nats_gate_on_closed(natsConnection *nc, void *arg)
{
  struct nats_gate *gate = arg;
  (void)nc;
  pthread_mutex_lock(&gate->lock);
  if (gate->env != NULL)
    gate->wake(gate->arg);
  pthread_mutex_unlock(&gate->lock);
  nats_gate_release(gate);
}

void nats_library_enter(void)
{
  pthread_mutex_lock(&library_lock);
  if (n_users++ == 0) {
    nats_exit_before_open();
    (void)nats_Open(-1);
    nats_exit_after_open();
    /* One thread brings all messages, so that those of a topic keep their order across taps. */
    (void)nats_SetMessageDeliveryPoolSize(1);
  }
  pthread_mutex_unlock(&library_lock);
}

void nats_library_leave(void)
{
  pthread_mutex_lock(&library_lock);
  bool gone = --n_users == 0 && nats_CloseAndWait(LEAVE_MS) == NATS_OK;
  while (gone && orphans != NULL) {
    struct orphan *orphan = orphans;
    orphans = orphan->next;
    release_tap(orphan->tap);
    free(orphan);
  }
  pthread_mutex_unlock(&library_lock);
}
