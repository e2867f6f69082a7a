/* A broker that may be called on any thread, and delivers and answers on one of its own. */
#define PLANTED_CAPS \
  (PLUG_CAP_ECHO | PLUG_CAP_ORDERED | PLUG_CAP_ACK | PLUG_CAP_NO_GAPS | PLUG_CAP_PUBLISH_ANY)
#define PLANTED_CREATE  create
#define PLANTED_START   start
#define PLANTED_STOP    stop
#define PLANTED_DESTROY destroy
#define PLANTED_PUBLISH publish
#define PLANTED_CANCEL  NULL
#include "../good.h"

struct item {
  struct item *next;
  const struct plug_msg *msg;
  struct plug_op *op;
};

struct broker {
  const struct plug_host *host;
  pthread_t thread;
  int started, stopping; /* the latter, and what follows, under the lock */
  pthread_mutex_t lock;
  pthread_cond_t more;
  struct item *first, **end;
};

static plug_status create(const struct plug_host *host, void **self, struct plug_err *err)
{
  struct broker *broker = calloc(1, sizeof *broker);
  if (!broker) {
    err->code = PLUG_ENOMEM;
    return PLUG_ENOMEM;
  }
  broker->host = host;
  pthread_mutex_init(&broker->lock, NULL);
  pthread_cond_init(&broker->more, NULL);
  broker->end = &broker->first;
  *self = broker;
  return PLUG_OK;
}

static void destroy(void *self)
{
  struct broker *broker = self;
  pthread_cond_destroy(&broker->more);
  pthread_mutex_destroy(&broker->lock);
  free(broker);
}

/* What is queued when stop comes is delivered, too. */
static void *run(void *arg)
{
  struct broker *broker = arg;
  pthread_mutex_lock(&broker->lock);
  for (;;) {
    while (!broker->first && !broker->stopping)
      pthread_cond_wait(&broker->more, &broker->lock);
    struct item *item = broker->first;
    if (!item)
      break;
    broker->first = item->next;
    if (!broker->first)
      broker->end = &broker->first;
    pthread_mutex_unlock(&broker->lock);
    plug_status status = good_deliver(broker->host, item->msg);
    broker->host->msg_unref(item->msg);
    if (item->op)
      broker->host->op_done(item->op, status, str(""));
    free(item);
    pthread_mutex_lock(&broker->lock);
  }
  pthread_mutex_unlock(&broker->lock);
  return NULL;
}

static plug_status start(void *self, struct plug_op *op)
{
  struct broker *broker = self;
  sigset_t all, old;
  (void)op;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  broker->started = !pthread_create(&broker->thread, NULL, run, broker);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return broker->started ? PLUG_OK : PLUG_ENOMEM;
}

static plug_status stop(void *self, struct plug_op *op)
{
  struct broker *broker = self;
  (void)op;
  pthread_mutex_lock(&broker->lock);
  broker->stopping = 1;
  pthread_cond_signal(&broker->more);
  pthread_mutex_unlock(&broker->lock);
  if (broker->started)
    pthread_join(broker->thread, NULL);
  return PLUG_OK;
}

static plug_status publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct broker *broker = self;
  struct item *item = calloc(1, sizeof *item);
  if (!item)
    return PLUG_ENOMEM;
  broker->host->msg_ref(msg);
  *item = (struct item){NULL, msg, op};
  pthread_mutex_lock(&broker->lock);
  *broker->end = item;
  broker->end = &item->next;
  pthread_cond_signal(&broker->more);
  pthread_mutex_unlock(&broker->lock);
  return PLUG_PENDING;
}

PLANT_BROKER;
