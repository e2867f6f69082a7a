#include "nats_link.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nats_dial.h"
#include "nats_subject.h"
#include "nats_taps.h"

enum { LIMIT_MS = 10000, BATCH = 256 };

struct nats_link {
  const struct nats_env *env;
  const struct nats_config *config;
  const struct nats_link_events *events;
  void *arg;
  pthread_t writer, flusher;

  pthread_mutex_t lock; /* of what follows, up to the writer's own */
  pthread_cond_t stirred, flush_due, flush_over;
  struct nats_queue queue;   /* home ──► writer */
  struct nats_queue written; /* writer ──► flusher: to be confirmed */
  size_t n_waiting, bytes_waiting;
  bool ending;
  bool stir;          /* the library has something to say */
  natsConnection *nc; /* for the flusher; NULL: none that it may use */
  bool flush_wanted;  /* something was written since the last PING */
  bool flushing;      /* the flusher is inside of the library */
  bool silent;        /* there was no PONG */
  uint32_t rtt_us;

  /* The writer's own. */
  struct nats_gate *gate;
  natsConnection *own_nc;
  struct nats_taps taps;
  size_t current;                   /* index of the server in use, or to be tried next */
  struct host_log_limit full_limit; /* home's */
};

/* What the writer tells home. */
struct note {
  struct nats_link *link;
  enum { UP, DOWN, ENDED } what;
  size_t max_payload;
  const char *addr;
  char why[NATS_WHY_MAX];
};

/* ---- notes */

static void take_note(void *arg) PLUG_NOEXCEPT
{
  struct note *note = arg;
  struct nats_link *link = note->link;
  if (note->what == UP)
    link->events->up(link->arg, note->addr, note->max_payload);
  else if (note->what == DOWN)
    link->events->down(link->arg, note->addr, note->why);
  else
    link->events->ended(link->arg);
  free(note);
}

/* Home must hear of it, or it would wait for ever. */
static void tell(struct nats_link *link, const struct note *what)
{
  const struct timespec a_while = {.tv_nsec = 10000000};
  const struct plug_host *host = link->env->host;
  struct note *note;
  while ((note = malloc(sizeof *note)) == NULL)
    nanosleep(&a_while, NULL);
  *note = *what;
  note->link = link;
  while (host->post(host, take_note, note) != PLUG_OK)
    nanosleep(&a_while, NULL);
}

static void tell_down(struct nats_link *link, const char *why)
{
  struct note note = {.what = DOWN, .addr = link->config->servers[link->current].addr};
  snprintf(note.why, sizeof note.why, "%s", why);
  tell(link, &note);
}

/* ---- the end of commands */

/* Not under the lock, which home takes for each message: completing hundreds takes a while. */
static void finish_all(struct nats_link *link, struct nats_queue *queue, plug_status status,
                       const char *why)
{
  size_t n = 0, bytes = 0;
  for (const struct nats_command *command = queue->head; command != NULL; command = command->next)
    if (command->kind == NATS_PUBLISH) {
      n++;
      bytes += command->bytes;
    }
  if (n > 0) {
    pthread_mutex_lock(&link->lock);
    link->n_waiting -= n;
    link->bytes_waiting -= bytes;
    nats_gauge(link->env, NATS_M_PUBLISH_IN_FLIGHT, (int64_t)link->n_waiting);
    pthread_mutex_unlock(&link->lock);
    if (status != PLUG_OK)
      nats_count(link->env, NATS_M_PUBLISH_FAILED, (int64_t)n);
  }
  for (struct nats_command *command; (command = nats_queue_take(queue)) != NULL;) {
    if (command->op != NULL)
      link->env->host->op_done(command->op, status, nats_str(why));
    nats_command_free(link->env, command);
  }
}

static void finish_one(struct nats_link *link, struct nats_command *command, plug_status status,
                       const char *why)
{
  struct nats_queue one = {0};
  nats_queue_put(&one, command);
  finish_all(link, &one, status, why);
}

/* ---- the flusher */

static void in_ms(struct timespec *at, uint64_t ms)
{
  clock_gettime(CLOCK_MONOTONIC, at);
  at->tv_sec += (time_t)(ms / 1000);
  at->tv_nsec += (long)(ms % 1000) * 1000000;
  if (at->tv_nsec >= 1000000000) {
    at->tv_sec++;
    at->tv_nsec -= 1000000000;
  }
}

static uint64_t now_us(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* NATS_OK: there was a PONG. FlushTimeout alone does not tell, for it succeeds at once where the
 * PING could not be written; the thread's last error does, which stays until the thread's memory is
 * released. */
static natsStatus ping(natsConnection *nc, uint64_t timeout_ms)
{
  natsStatus last = NATS_OK;
  natsStatus status = natsConnection_FlushTimeout(nc, (int64_t)timeout_ms);
  (void)nats_GetLastError(&last);
  if (status == NATS_OK)
    status = last;
  if (last != NATS_OK)
    nats_ReleaseThreadMemory();
  return status;
}

/* Under the lock, which it gives up meanwhile. */
static void flush(struct nats_link *link)
{
  struct nats_queue confirmed = link->written;
  natsConnection *nc = link->nc;
  link->written = (struct nats_queue){0};
  link->flush_wanted = false;
  link->flushing = true;
  pthread_mutex_unlock(&link->lock);
  uint64_t begin = now_us();
  natsStatus status = ping(nc, link->config->ping_timeout_ms);
  uint64_t took = now_us() - begin;
  if (status == NATS_OK)
    finish_all(link, &confirmed, PLUG_OK, "");
  else
    finish_all(link, &confirmed, PLUG_EUNAVAIL,
               "the connection to NATS was lost before it was confirmed");
  pthread_mutex_lock(&link->lock);
  link->flushing = false;
  if (status == NATS_OK) {
    link->rtt_us = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
    nats_gauge(link->env, NATS_M_RTT_US, (int64_t)took);
  } else {
    link->silent = link->silent || status == NATS_TIMEOUT;
    link->stir = true;
    pthread_cond_signal(&link->stirred);
  }
  pthread_cond_signal(&link->flush_over);
}

/* Under the lock. One that was silent once is left alone, until the writer has closed it. */
static bool is_usable(const struct nats_link *link)
{
  return link->nc != NULL && !link->silent;
}

static void *run_flusher(void *arg)
{
  struct nats_link *link = arg;
  struct timespec due;
  pthread_mutex_lock(&link->lock);
  while (!link->ending) {
    in_ms(&due, link->config->ping_interval_ms);
    int error = 0;
    while (!link->ending && error == 0 && !(is_usable(link) && link->flush_wanted))
      error = pthread_cond_timedwait(&link->flush_due, &link->lock, &due);
    if (!link->ending && is_usable(link))
      flush(link);
  }
  pthread_mutex_unlock(&link->lock);
  nats_ReleaseThreadMemory();
  return NULL;
}

/* ---- the writer: a connection comes and goes */

static void on_wake(void *arg)
{
  struct nats_link *link = arg;
  pthread_mutex_lock(&link->lock);
  link->stir = true;
  pthread_cond_signal(&link->stirred);
  pthread_mutex_unlock(&link->lock);
}

static void forget_nc(struct nats_link *link)
{
  natsConnection *nc = link->own_nc;
  link->own_nc = NULL;
  natsConnection_Close(nc);
  nats_taps_clear(&link->taps);
  natsConnection_Destroy(nc);
  nats_gauge(link->env, NATS_M_SUBJECTS, 0);
}

static bool is_ending(void *arg)
{
  struct nats_link *link = arg;
  pthread_mutex_lock(&link->lock);
  bool ending = link->ending;
  pthread_mutex_unlock(&link->lock);
  return ending;
}

static void connect_to_any(struct nats_link *link)
{
  char why[NATS_WHY_MAX] = "";
  const struct nats_patience patience = {is_ending, link};
  for (size_t i = 0; i < link->config->n_servers && !is_ending(link); i++) {
    const struct nats_server *server = &link->config->servers[link->current];
    link->own_nc = nats_dial(link->config, server, link->gate, &patience, why);
    if (link->own_nc != NULL) {
      struct note note = {.what = UP,
                          .addr = server->addr,
                          .max_payload = (size_t)natsConnection_GetMaxPayload(link->own_nc)};
      pthread_mutex_lock(&link->lock);
      link->nc = link->own_nc;
      link->silent = false;
      pthread_mutex_unlock(&link->lock);
      tell(link, &note);
      return;
    }
    if (i + 1 < link->config->n_servers)
      link->current = (link->current + 1) % link->config->n_servers;
  }
  tell_down(link, why);
  link->current = (link->current + 1) % link->config->n_servers;
}

/* Nobody uses it any more, and what waited for it fails. */
static void drop(struct nats_link *link, plug_status status, const char *why)
{
  pthread_mutex_lock(&link->lock);
  link->nc = NULL;
  pthread_mutex_unlock(&link->lock);
  natsConnection_Close(link->own_nc); /* ends a flush, too */
  pthread_mutex_lock(&link->lock);
  while (link->flushing)
    pthread_cond_wait(&link->flush_over, &link->lock);
  struct nats_queue written = link->written;
  link->written = (struct nats_queue){0};
  pthread_mutex_unlock(&link->lock);
  finish_all(link, &written, status, why);
  forget_nc(link);
}

static void look_after(struct nats_link *link)
{
  char why[NATS_WHY_MAX];
  const char *said = NULL;
  pthread_mutex_lock(&link->lock);
  bool silent = link->silent;
  pthread_mutex_unlock(&link->lock);
  if (link->own_nc == NULL || (!silent && !natsConnection_IsClosed(link->own_nc)))
    return;
  natsStatus status = natsConnection_GetLastError(link->own_nc, &said);
  if (silent)
    snprintf(why, sizeof why, "it does not answer any more");
  else if (status == NATS_OK || status == NATS_CONNECTION_CLOSED)
    snprintf(why, sizeof why, "NATS closed the connection");
  else
    nats_dial_explain(status, said, why);
  drop(link, PLUG_EUNAVAIL, "the connection to NATS was lost before it was confirmed");
  tell_down(link, why);
}

/* ---- the writer: commands */

/* NULL, or why none of them is listened to. */
static const char *subscribe(struct nats_link *link, const struct nats_command *command)
{
  const char *why = NULL;
  size_t n = 0;
  while (n < command->n && why == NULL) {
    why = nats_taps_add(&link->taps, link->gate, link->own_nc, link->config->prefix,
                        &command->items[n]);
    n += why == NULL;
  }
  while (why != NULL && n > 0)
    nats_taps_remove(&link->taps, command->items[--n].interest);
  return why;
}

static void unsubscribe(struct nats_link *link, const struct nats_command *command)
{
  for (size_t i = 0; i < command->n; i++)
    nats_taps_remove(&link->taps, command->items[i].interest);
}

static const char *publish(struct nats_link *link, const struct nats_command *command)
{
  char subject[NATS_SUBJECT_MAX + 1];
  const struct plug_str wire = link->env->host->msg_encode(command->msg);
  if (wire.len == 0)
    return "out of memory";
  if (!nats_subject_put(subject, link->config->prefix, command->msg->topic))
    return "the name is too long for a NATS subject";
  natsStatus status = natsConnection_Publish(link->own_nc, subject, wire.ptr, (int)wire.len);
  if (status != NATS_OK)
    return natsStatus_GetText(status);
  nats_count(link->env, NATS_M_PUBLISHED, 1);
  return NULL;
}

/* Carries out a command; what is to be confirmed goes to written. False: it has failed, perhaps
 * after a long time. */
static bool execute(struct nats_link *link, struct nats_command *command,
                    struct nats_queue *written)
{
  const char *why = NULL;
  if (command->kind == NATS_CONNECT) {
    if (link->own_nc == NULL)
      connect_to_any(link);
    finish_one(link, command, PLUG_OK, "");
    return true;
  }
  if (link->own_nc == NULL) {
    bool done = command->kind == NATS_SETTLE || command->kind == NATS_UNSUBSCRIBE;
    finish_one(link, command, done ? PLUG_OK : PLUG_EUNAVAIL, "the connection to NATS is lost");
    return done;
  }
  if (command->kind == NATS_SUBSCRIBE)
    why = subscribe(link, command);
  else if (command->kind == NATS_UNSUBSCRIBE)
    unsubscribe(link, command);
  else if (command->kind == NATS_PUBLISH)
    why = publish(link, command);
  if (command->kind == NATS_SUBSCRIBE || command->kind == NATS_UNSUBSCRIBE)
    nats_gauge(link->env, NATS_M_SUBJECTS, (int64_t)link->taps.n_subjects);
  if (why != NULL)
    finish_one(link, command, PLUG_EUNAVAIL, why);
  else
    nats_queue_put(written, command);
  return why == NULL;
}

/* What nobody waits for is done when it is written. */
static void hand_over(struct nats_link *link, struct nats_queue *written)
{
  struct nats_queue over = {0};
  if (written->head == NULL)
    return;
  pthread_mutex_lock(&link->lock);
  for (struct nats_command *command; (command = nats_queue_take(written)) != NULL;)
    nats_queue_put(command->op != NULL ? &link->written : &over, command);
  link->flush_wanted = true;
  pthread_cond_signal(&link->flush_due);
  pthread_mutex_unlock(&link->lock);
  finish_all(link, &over, PLUG_OK, "");
}

/* Some of what waits, with one look at the lock. */
static struct nats_queue take_some(struct nats_link *link)
{
  struct nats_queue some = {0};
  pthread_mutex_lock(&link->lock);
  for (size_t n = 0; n < BATCH && !link->ending && link->queue.head != NULL; n++)
    nats_queue_put(&some, nats_queue_take(&link->queue));
  pthread_mutex_unlock(&link->lock);
  return some;
}

static void work(struct nats_link *link)
{
  struct nats_queue written = {0};
  look_after(link);
  struct nats_queue some = take_some(link);
  for (struct nats_command *command; (command = nats_queue_take(&some)) != NULL;)
    if (!execute(link, command, &written) && is_ending(link))
      finish_all(link, &some, PLUG_ECANCELED, "the server stops");
  hand_over(link, &written);
}

static void *run_writer(void *arg)
{
  struct nats_link *link = arg;
  nats_library_enter();
  pthread_mutex_lock(&link->lock);
  while (!link->ending) {
    while (!link->ending && !link->stir && link->queue.head == NULL)
      pthread_cond_wait(&link->stirred, &link->lock);
    link->stir = false;
    pthread_mutex_unlock(&link->lock);
    work(link);
    pthread_mutex_lock(&link->lock);
  }
  pthread_mutex_unlock(&link->lock);
  nats_gate_close(link->gate);
  if (link->own_nc != NULL)
    drop(link, PLUG_ECANCELED, "the server stops");
  pthread_mutex_lock(&link->lock);
  struct nats_queue left = link->queue;
  link->queue = (struct nats_queue){0};
  pthread_mutex_unlock(&link->lock);
  finish_all(link, &left, PLUG_ECANCELED, "the server stops");
  pthread_join(link->flusher, NULL);
  nats_gate_settle(link->gate);
  nats_library_leave();
  tell(link, &(struct note){.what = ENDED});
  return NULL;
}

/* ---- home */

static void init_cond(pthread_cond_t *cond)
{
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(cond, &monotonic);
  pthread_condattr_destroy(&monotonic);
}

struct nats_link *nats_link_new(const struct nats_env *env, const struct nats_config *config,
                                const struct nats_link_events *events, void *arg)
{
  struct nats_link *link = calloc(1, sizeof *link);
  if (link == NULL)
    return NULL;
  link->env = env;
  link->config = config;
  link->events = events;
  link->arg = arg;
  pthread_mutex_init(&link->lock, NULL);
  init_cond(&link->stirred);
  init_cond(&link->flush_due);
  init_cond(&link->flush_over);
  link->gate = nats_gate_new(env, strlen(config->prefix) + 1, on_wake, link);
  if (link->gate == NULL) {
    nats_link_free(link);
    return NULL;
  }
  return link;
}

bool nats_link_start(struct nats_link *link)
{
  /* Signals are the server's business: threads are born with all of them blocked, those of the
   * library, too, which the writer makes. */
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  bool ok = pthread_create(&link->flusher, NULL, run_flusher, link) == 0;
  if (ok && pthread_create(&link->writer, NULL, run_writer, link) != 0) {
    ok = false;
    pthread_mutex_lock(&link->lock);
    link->ending = true;
    pthread_cond_signal(&link->flush_due);
    pthread_mutex_unlock(&link->lock);
    pthread_join(link->flusher, NULL);
  }
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return ok;
}

void nats_link_stop(struct nats_link *link)
{
  pthread_mutex_lock(&link->lock);
  link->ending = true;
  pthread_cond_signal(&link->stirred);
  pthread_cond_signal(&link->flush_due);
  pthread_mutex_unlock(&link->lock);
}

void nats_link_join(struct nats_link *link)
{
  pthread_join(link->writer, NULL);
}

void nats_link_free(struct nats_link *link)
{
  if (link == NULL)
    return;
  nats_gate_release(link->gate);
  pthread_cond_destroy(&link->stirred);
  pthread_cond_destroy(&link->flush_due);
  pthread_cond_destroy(&link->flush_over);
  pthread_mutex_destroy(&link->lock);
  free(link);
}

static plug_status enqueue(struct nats_link *link, struct nats_command *command, struct plug_op *op)
{
  if (command == NULL)
    return PLUG_ENOMEM;
  command->op = op;
  pthread_mutex_lock(&link->lock);
  nats_queue_put(&link->queue, command);
  pthread_cond_signal(&link->stirred);
  pthread_mutex_unlock(&link->lock);
  return PLUG_PENDING;
}

bool nats_link_connect(struct nats_link *link)
{
  return enqueue(link, nats_command_new(NATS_CONNECT, NULL, 0), NULL) == PLUG_PENDING;
}

plug_status nats_link_subscribe(struct nats_link *link, const struct plug_interest *v, size_t n,
                                struct plug_op *op)
{
  return enqueue(link, nats_command_new(NATS_SUBSCRIBE, v, n), op);
}

plug_status nats_link_unsubscribe(struct nats_link *link, const struct plug_interest *v, size_t n,
                                  struct plug_op *op)
{
  return enqueue(link, nats_command_new(NATS_UNSUBSCRIBE, v, n), op);
}

static plug_status refuse_full(struct nats_link *link)
{
  uint64_t left_out;
  if (host_log_pass(link->env->host, &link->full_limit, LIMIT_MS, &left_out))
    host_log(link->env->host, PLUG_LOG_WARN, "a message was refused: the publish queue is full");
  return PLUG_ESTATE;
}

plug_status nats_link_publish(struct nats_link *link, const struct plug_msg *msg,
                              struct plug_op *op)
{
  struct nats_command *command = nats_command_new(NATS_PUBLISH, NULL, 0);
  if (command == NULL)
    return PLUG_ENOMEM;
  command->bytes = msg->topic.len + msg->payload.len;
  command->op = op;
  pthread_mutex_lock(&link->lock);
  bool full = link->n_waiting >= link->config->publish_queue ||
              link->bytes_waiting >= link->config->publish_queue_bytes;
  if (!full) {
    link->env->host->msg_ref(msg);
    command->msg = msg;
    link->n_waiting++;
    link->bytes_waiting += command->bytes;
    nats_gauge(link->env, NATS_M_PUBLISH_IN_FLIGHT, (int64_t)link->n_waiting);
    bool idle = link->queue.head == NULL;
    nats_queue_put(&link->queue, command);
    if (idle)
      pthread_cond_signal(&link->stirred);
  }
  pthread_mutex_unlock(&link->lock);
  if (!full)
    return PLUG_PENDING;
  free(command);
  return refuse_full(link);
}

plug_status nats_link_settle(struct nats_link *link, struct plug_op *op)
{
  return enqueue(link, nats_command_new(NATS_SETTLE, NULL, 0), op);
}

uint32_t nats_link_rtt_us(struct nats_link *link)
{
  pthread_mutex_lock(&link->lock);
  uint32_t rtt_us = link->rtt_us;
  pthread_mutex_unlock(&link->lock);
  return rtt_us;
}
