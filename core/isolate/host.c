#include "isolate/host.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/day.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/str.h"
#include "config/fault.h"
#include "isolate/confine.h"
#include "isolate/host_inner.h"
#include "message/message.h"
#include "message/message_rules.h"
#include "plugin/watchdog.h"

/* Ids of messages that are made here are not to be those of the server's, which counts from the
 * same time: they begin a thousand years later. */
#define IDS_APART_MS   31556952000000u
#define FRAME_MAX      (256u << 20) /* until it is known what the server sets */
#define LAST_WORDS_MS  1000
#define READS_PER_TURN 2

static struct config *config; /* of the one section */

/* --- home ---------------------------------------------------------------------------------- */

void host_step(struct host *host, enum host_step step, uint64_t id)
{
  pthread_mutex_lock(&host->step_lock);
  host->step = step;
  host->step_id = id;
  pthread_cond_signal(&host->step_changed);
  pthread_mutex_unlock(&host->step_lock);
}

/* Without a server there is nothing to do, and nobody who would mind how it ends. */
static void end_without_server(void)
{
  _exit(EXIT_FAILURE);
}

static void run_frames(struct host *host)
{
  struct wire_frame frame;
  enum wire_next next;
  while ((next = pipe_next(&host->pipe, &frame)) != WIRE_MORE)
    if (next == WIRE_BROKEN || !calls_run(host, &frame)) {
      log_error(host->instance_name, "the server says what cannot be: frame of kind %u",
                frame.kind);
      end_without_server();
    }
}

void host_on_ready(uv_poll_t *poll, int status, int events)
{
  struct host *host = poll->data;
  (void)events;
  if (status < 0)
    end_without_server();
  for (int i = 0; i < READS_PER_TURN; i++) {
    enum pipe_status filled = pipe_fill(&host->pipe);
    if (filled == PIPE_LATER)
      break;
    if (filled != PIPE_OK)
      end_without_server();
    run_frames(host);
  }
}

static void on_turn_end(struct loop_hook *hook)
{
  says_flush(container_of(hook, struct host, hook));
}

static void run_flush(struct loop_task *task)
{
  struct host *host = container_of(task, struct host, flush_task);
  atomic_store(&host->flush_posted, false);
  says_flush(host);
}

static void open_on_home(void *arg) PLUG_NOEXCEPT
{
  struct host *host = arg;
  host->hook.run = on_turn_end;
  loop_add_hook(host->loop, &host->hook);
  host->poll = malloc(sizeof *host->poll);
  if (!host->poll || uv_poll_init(loop_uv(host->loop), host->poll, host->pipe.fd))
    end_without_server();
  host->poll->data = host;
  uv_poll_start(host->poll, UV_READABLE, host_on_ready);
  run_frames(host); /* which came with those before */
}

static void free_poll(uv_handle_t *handle)
{
  free(handle);
}

static void close_on_home(void *arg) PLUG_NOEXCEPT
{
  struct host *host = arg;
  says_metrics(host);
  loop_remove_hook(host->loop, &host->hook);
  uv_close((uv_handle_t *)host->poll, free_poll);
  host->poll = NULL;
}

/* --- steps --------------------------------------------------------------------------------- */

struct told {
  struct host *host;
  plug_status status;
  uint64_t id;
  struct plug_str detail;
};

static void tell_started(void *arg) PLUG_NOEXCEPT
{
  const struct told *told = arg;
  if (told->status == PLUG_OK)
    says_health(told->host);
  says_done(told->host, told->id, told->status, told->detail);
}

static void start(struct host *host, uint64_t id)
{
  struct plug_err err = {0};
  struct told told = {.host = host, .id = id, .status = instance_start(host->instance, &err)};
  /* The server puts these words before those of the plugin itself. */
  char before[200];
  int n = snprintf(before, sizeof before, "[%s] cannot start: ", host->instance_name);
  told.detail = str_of(told.status == PLUG_OK ? "" : err.text);
  if (n > 0 && str_has_prefix(told.detail, str_of(before)))
    told.detail = str_of(err.text + n);
  loop_call(host->loop, tell_started, &told);
}

static int stop(struct host *host)
{
  if (instance_state(host->instance) == INSTANCE_RUNNING)
    instance_drain(host->instance);
  instance_stop(host->instance);
  loop_call(host->loop, close_on_home, host);
  if (instance_any_abandoned()) {
    says_flush_within(host, LAST_WORDS_MS);
    _exit(EXIT_FAILURE);
  }
  instance_destroy(host->instance);
  struct loop *loop = host->loop;
  loop_stop(loop);
  host->loop = NULL;
  workpool_free(host->pool);
  watchdog_stop();
  return EXIT_SUCCESS;
}

static int take_steps(struct host *host)
{
  for (;;) {
    pthread_mutex_lock(&host->step_lock);
    while (host->step == STEP_NONE)
      pthread_cond_wait(&host->step_changed, &host->step_lock);
    enum host_step step = host->step;
    uint64_t id = host->step_id;
    host->step = STEP_NONE;
    pthread_mutex_unlock(&host->step_lock);
    switch (step) {
    case STEP_START:
      start(host, id);
      break;
    case STEP_DRAIN:
      says_done(host, id, instance_drain(host->instance), STR(""));
      break;
    default:
      return stop(host);
    }
  }
}

/* --- before them --------------------------------------------------------------------------- */

/* False: the server is gone, or is none. */
static bool await(struct host *host, enum wire_kind kind, struct wire_frame *frame)
{
  bool over;
  while (pipe_wait(&host->pipe, frame, UINT64_MAX, &over) == WIRE_NEXT) {
    if (frame->kind == kind)
      return true;
    if (frame->kind == WIRE_LOG_LEVEL)
      calls_run(host, frame);
    else
      return false;
  }
  return false;
}

static bool read_hello(const struct wire_frame *frame, struct host_hello *hello)
{
  struct wire_reader r = {frame->body, false};
  hello->plugin = wire_str(&r);
  hello->name = wire_str(&r);
  hello->node = wire_str(&r);
  hello->create = wire_u32(&r) != 0;
  hello->level = wire_u32(&r);
  hello->hang_ms = wire_u64(&r);
  hello->buffer_bytes = wire_u64(&r);
  hello->pool_threads = wire_u64(&r);
  hello->pool_queue = wire_u64(&r);
  for (int i = 0; i < 4; i++)
    hello->limits[i] = wire_u64(&r);
  hello->n_paths = wire_count(&r, sizeof(uint32_t));
  hello->paths = r;
  return !r.bad;
}

static void say_confined(const char *name, const struct plug_err *files,
                         const struct plug_err *calls)
{
  if (files->code || calls->code)
    log_warn(name, "its process is not confined as it should be: %s%s%s",
             files->code ? files->text : "", files->code && calls->code ? "; " : "",
             calls->code ? calls->text : "");
}

/* Before anything of the plugin is mapped. */
static void confine(struct host *host, struct host_hello *hello, const char *plugin)
{
  struct plug_str *named = calloc((size_t)hello->n_paths + 1, sizeof *named);
  struct confine_paths paths = {.plugin = plugin, .named = named};
  struct plug_err files = {0}, calls = {0};
  for (uint32_t i = 0; named && i < hello->n_paths; i++)
    named[paths.n_named++] = wire_str(&hello->paths);
  files.code = confine_files(&paths, &files);
  calls.code = confine_calls(&calls);
  if (hello->create)
    say_confined(host->instance_name, &files, &calls);
  free(named);
}

static void set_up(struct host *host, const struct host_hello *hello)
{
  char *node = str_dup(hello->node);
  const struct message_limits limits = {.bytes = hello->limits[0],
                                        .n_headers = hello->limits[1],
                                        .header_bytes = hello->limits[2],
                                        .topic_bytes = hello->limits[3]};
  message_set_limits(&limits);
  message_set_node(node ? node : "");
  message_set_ids(day_now_ms() + IDS_APART_MS);
  free(node);
  host->pipe.max = hello->buffer_bytes;
  host->max_waiting = hello->buffer_bytes;
}

static plug_status (*plugins_create)(const struct plug_host *, void **self, struct plug_err *);
static struct plug_err create_said;

/* The server puts its own words, and the place of the section, before the plugin's. */
static plug_status create_and_note(const struct plug_host *host, void **self, struct plug_err *err)
{
  plug_status status = plugins_create(host, self, err);
  create_said = *err;
  create_said.text[sizeof create_said.text - 1] = '\0';
  return status;
}

static struct config_section *read_section(const struct wire_frame *frame, const char *name)
{
  struct wire_reader r = {frame->body, false};
  bool there = wire_u32(&r) != 0;
  struct plug_str file = wire_str(&r);
  struct config_section from = {.line = (int)wire_u32(&r)};
  uint32_t n = wire_count(&r, 2 * sizeof(uint32_t));
  if (r.bad || !there)
    return NULL;
  char *file_name = str_dup(file);
  from.name = str_dup(str_of(name));
  from.file = file_name;
  list_init(&from.entries);
  struct config_section *section =
      from.name && file_name ? config_section_new(config, &from) : NULL;
  free(from.name);
  for (uint32_t i = 0; section && i < n; i++) {
    struct config_entry entry = {.file = file_name, .line = from.line};
    entry.key = str_dup(wire_str(&r));
    entry.value = str_dup(wire_str(&r));
    if (!entry.key || !entry.value || r.bad ||
        !config_section_set(config, section, entry.key, &entry))
      section = NULL;
    free(entry.key);
    free(entry.value);
  }
  free(file_name);
  return section;
}

static void put_metric(void *ctx, const char *name, const char *help, int is_gauge, int64_t value)
{
  struct buf *out = ctx;
  (void)value;
  wire_put_u32(out, is_gauge != 0);
  wire_put_str(out, str_of(name));
  wire_put_str(out, str_of(help));
}

static void count_metric(void *ctx, const char *name, const char *help, int is_gauge, int64_t value)
{
  (void)name, (void)help, (void)is_gauge, (void)value;
  ++*(uint32_t *)ctx;
}

static void tell_created(struct host *host)
{
  size_t begin;
  uint32_t n = 0;
  host->presence = instance_extension(host->instance, PLUG_EXT_BROKER_PRESENCE);
  host->proof = instance_extension(host->instance, PLUG_EXT_BROKER_PROOF);
  if (host->proof && !(PLUG_HAS(host->proof, proven_ms)))
    host->proof = NULL;
  instance_each_metric(host->instance, count_metric, &n);
  struct buf *out = says_begin(host, WIRE_CREATED, &begin);
  wire_put_u32(out, (host->proof ? SAID_PROOF : 0) | (host->presence ? SAID_PRESENCE : 0));
  wire_put_u32(out, n);
  instance_each_metric(host->instance, put_metric, out);
  (void)says_end(host, begin, false);
}

static bool create(struct host *host, const struct wire_frame *frame)
{
  struct plug_err err = {0};
  const struct instance_broker_up up = says_broker_up(host);
  const struct config_section *section = read_section(frame, host->instance_name);
  plugins_create = host->image->entry.create;
  host->image->entry.create = create_and_note;
  host->instance =
      instance_create(host->image, host->loop, host->instance_name, section, &up, &err);
  if (!host->instance) {
    const char *text = create_said.text[0] ? create_said.text : err.text;
    says_failed(host, err.code, str_of(text));
    return false;
  }
  host->broker = instance_broker(host->instance);
  host->direct = (host->broker->caps & PLUG_CAP_DIRECT) != 0;
  const struct instance_presence_up presence = says_presence_up(host);
  instance_set_presence_up(host->instance, &presence);
  tell_created(host);
  return true;
}

static bool load(struct host *host, const char *plugin)
{
  struct plug_err err = {0};
  size_t begin;
  host->image = image_load("", "broker", plugin, &err);
  if (!host->image) {
    says_failed(host, PLUG_EINVAL, str_of(err.text));
    return false;
  }
  struct buf *out = says_begin(host, WIRE_DESCRIPTION, &begin);
  said_put_description(out, &host->image->entry);
  return says_end(host, begin, false);
}

static bool start_threads(struct host *host, const struct host_hello *hello)
{
  const struct watchdog_settings watch = {hello->hang_ms, says_hang, host};
  if (!watchdog_start(&watch) || !(host->loop = loop_start()) ||
      !(host->pool = workpool_new((unsigned)hello->pool_threads, hello->pool_queue)))
    return false;
  loop_set_pool(host->loop, host->pool);
  return true;
}

static int create_and_run(struct host *host, const struct host_hello *hello)
{
  struct wire_frame frame;
  if (!await(host, WIRE_CREATE, &frame))
    return EXIT_FAILURE;
  log_setup((enum log_level)hello->level, false);
  if (!start_threads(host, hello)) {
    says_failed(host, PLUG_ENOMEM, STR("cannot start its threads"));
    return EXIT_FAILURE;
  }
  int status = EXIT_FAILURE;
  if (create(host, &frame)) {
    says_flush_within(host, LAST_WORDS_MS);
    /* --check ends here. */
    struct pollfd more = {.fd = host->pipe.fd, .events = POLLIN};
    enum wire_next next;
    struct plug_str rest = pipe_rest(&host->pipe);
    next = wire_next(&rest, &frame, host->pipe.max);
    while (next == WIRE_MORE && poll(&more, 1, -1) < 0)
      ;
    if (next == WIRE_MORE && pipe_fill(&host->pipe) != PIPE_OK) {
      instance_destroy(host->instance);
      status = EXIT_SUCCESS;
    } else {
      loop_call(host->loop, open_on_home, host);
      return take_steps(host);
    }
  }
  struct loop *loop = host->loop;
  loop_stop(loop);
  host->loop = NULL;
  workpool_free(host->pool);
  watchdog_stop();
  return status;
}

int isolate_host_run(int fd)
{
  static struct host host = {.lock = PTHREAD_MUTEX_INITIALIZER,
                             .step_lock = PTHREAD_MUTEX_INITIALIZER,
                             .step_changed = PTHREAD_COND_INITIALIZER};
  struct wire_frame frame;
  struct host_hello hello;
  int status = EXIT_FAILURE;
  pipe_init(&host.pipe, fd, FRAME_MAX);
  host.max_waiting = FRAME_MAX;
  host.flush_task.run = run_flush;
  signal(SIGPIPE, SIG_IGN);
  hash_seed();
  log_setup(LOG_WARN, false);
  log_give_to(says_log, &host);
  if (!await(&host, WIRE_HELLO, &frame) || !read_hello(&frame, &hello))
    return EXIT_FAILURE;
  char *plugin = str_dup(hello.plugin);
  host.instance_name = str_dup(hello.name);
  config = config_new();
  if (plugin && host.instance_name && config) {
    set_up(&host, &hello);
    confine(&host, &hello, plugin);
    if (load(&host, plugin))
      status = hello.create ? create_and_run(&host, &hello) : EXIT_SUCCESS;
  }
  says_flush_within(&host, LAST_WORDS_MS);
  log_give_to(NULL, NULL);
  pipe_fini(&host.pipe);
  config_free(config);
  free(host.instance_name);
  free(plugin);
  return status;
}
