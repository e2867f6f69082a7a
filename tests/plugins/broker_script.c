/* SPDX-License-Identifier: MIT
 *
 * A broker plugin for tests that does what it must not. It works within one node. The option at=
 * names a call, do= what happens there, once: "hang" (for time=), "crash", "abort", "overflow" (of
 * the stack). For publish it happens when the payload begins with "now". "thread" as a call
 * is a thread of the plugin's own, woken by such a publish.
 *
 * say= is the text of health, down=on makes health say that the backend is away.
 *
 * Compiled with SCRIPT_ANY publish runs on workers. */
#include <plugboard/plugin.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct script {
  const struct plug_host *host;
  char at[16], what[16], say[64];
  int64_t time_ms, down;
  _Atomic int done; /* workers publish while the timer is the control thread's */
  struct plug_timer *timer;
};

static void copy(char *out, size_t size, struct plug_str s)
{
  size_t len = s.len < size ? s.len : size - 1;
  if (len)
    memcpy(out, s.ptr, len);
  out[len] = '\0';
}

/* Until the stack is full; the condition is for the compiler, which would see that it never ends.
 */
static int overflow(volatile char *above)
{
  volatile char frame[4096];
  frame[0] = above[0];
  return above[0] == 'x' ? 0 : overflow(frame) + frame[0];
}

static void misbehave(const struct script *script)
{
  if (strcmp(script->what, "hang") == 0) {
    struct timespec time = {.tv_sec = (time_t)(script->time_ms / 1000),
                            .tv_nsec = (long)(script->time_ms % 1000) * 1000000};
    nanosleep(&time, NULL);
  } else if (strcmp(script->what, "crash") == 0) {
    *(volatile int *)NULL = 1;
  } else if (strcmp(script->what, "abort") == 0) {
    abort();
  } else if (strcmp(script->what, "overflow") == 0) {
    char start[1] = {0};
    overflow(start);
  }
}

static void reach(struct script *script, const char *call)
{
  if (strcmp(script->at, call) != 0 || atomic_exchange(&script->done, 1))
    return;
  misbehave(script);
}

static plug_status script_create(const struct plug_host *host, void **self, struct plug_err *err)
{
  struct script *script = calloc(1, sizeof *script);
  struct plug_str text;
  (void)err;
  if (!script)
    return PLUG_ENOMEM;
  script->host = host;
  if (host->cfg_str(host, "at", &text) == PLUG_OK)
    copy(script->at, sizeof script->at, text);
  if (host->cfg_str(host, "do", &text) == PLUG_OK)
    copy(script->what, sizeof script->what, text);
  if (host->cfg_str(host, "say", &text) == PLUG_OK)
    copy(script->say, sizeof script->say, text);
  host->cfg_i64(host, "time", &script->time_ms);
  host->cfg_i64(host, "down", &script->down);
  reach(script, "create");
  *self = script;
  return PLUG_OK;
}

static void on_timer(void *arg)
{
  reach(arg, "timer");
}

static plug_status script_start(void *self, struct plug_op *op)
{
  struct script *script = self;
  (void)op;
  reach(script, "start");
  script->timer = script->host->timer_new(script->host, on_timer, script);
  script->host->timer_set(script->timer, 100);
  return PLUG_OK;
}

static plug_status script_stop(void *self, struct plug_op *op)
{
  struct script *script = self;
  (void)op;
  reach(script, "stop");
  script->host->timer_free(script->timer);
  return PLUG_OK;
}

static void script_destroy(void *self)
{
  reach(self, "destroy");
  free(self);
}

static plug_status script_subscribe(void *self, const struct plug_interest *v, size_t n,
                                    struct plug_op *op)
{
  struct script *script = self;
  (void)v, (void)n, (void)op;
  if (strcmp(script->at, "subscribe") == 0 && strcmp(script->what, "never") == 0)
    return PLUG_PENDING;
  reach(script, "subscribe");
  return PLUG_OK;
}

static plug_status script_unsubscribe(void *self, const struct plug_interest *v, size_t n,
                                      struct plug_op *op)
{
  (void)self, (void)v, (void)n, (void)op;
  return PLUG_OK;
}

static void *own_thread(void *arg)
{
  misbehave(arg);
  return NULL;
}

static plug_status script_publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  struct script *script = self;
  (void)op;
  if (msg->payload.len >= 3 && memcmp(msg->payload.ptr, "now", 3) == 0) {
    pthread_t thread;
    reach(script, "publish");
    if (strcmp(script->at, "thread") == 0 && pthread_create(&thread, NULL, own_thread, script) == 0)
      pthread_detach(thread);
  }
  script->host->broker->deliver(script->host, 0, msg);
  return PLUG_OK;
}

static void script_health(void *self, struct plug_health *out)
{
  struct script *script = self;
  struct plug_str said = {script->say, strlen(script->say)};
  reach(script, "health");
  out->state = script->down ? PLUG_STATE_DOWN : PLUG_STATE_UP;
  copy(out->text, sizeof out->text, said);
}

static const struct plug_broker script_broker = {
    .size = sizeof script_broker,
#ifdef SCRIPT_ANY
    .caps = PLUG_CAP_ECHO | PLUG_CAP_ORDERED | PLUG_CAP_PUBLISH_ANY,
#else
    .caps = PLUG_CAP_ECHO | PLUG_CAP_ORDERED,
#endif
    .subscribe = script_subscribe,
    .unsubscribe = script_unsubscribe,
    .publish = script_publish,
    .health = script_health,
};

static const struct plug_option options[] = {
    {"at", PLUG_OPT_STRING, 0, "", NULL, "Where."},
    {"do", PLUG_OPT_STRING, 0, "", NULL, "What."},
    {"time", PLUG_OPT_DURATION, 0, "1h", NULL, "For how long it hangs."},
    {"say", PLUG_OPT_STRING, 0, "", NULL, "The text of health."},
    {"down", PLUG_OPT_BOOL, 0, "off", NULL, "What health says."},
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,
    .id = "org.example.broker-script",
    .version = "1",
    .summary = "does what it must not",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .broker = &script_broker,
    .create = script_create,
    .start = script_start,
    .stop = script_stop,
    .destroy = script_destroy,
};
