#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "config/fault.h"
#include "isolate/proxy.h"

#define DESCRIBE_LIMIT_MS 10000
#define END_LIMIT_MS      3000
#define OPTIONS_MAX       256u
/* What no proxy can do: it takes what it is given home, and does nothing at once. */
#define CAPS_IN_PROCESS   (PLUG_CAP_PUBLISH_ANY | PLUG_CAP_DIRECT)

/* As those that are mapped, images stay. */
static struct list registry = {&registry, &registry};

static void image_free(struct isolate_image *image)
{
  for (size_t i = 0; image->options && i < image->image.entry.n_options; i++) {
    struct plug_option *option = &image->options[i];
    free((char *)(uintptr_t)option->name);
    free((char *)(uintptr_t)option->def);
    free((char *)(uintptr_t)option->range);
    free((char *)(uintptr_t)option->help);
  }
  free(image->options);
  free(image->id);
  free(image->version);
  free(image->summary);
  free(image->build);
  free(image->description);
  free(image->program);
  free(image->image.path);
  free(image->image.base);
  free(image);
}

/* False when out of memory. */
static bool copy_options(struct isolate_image *image, struct said_description *said)
{
  image->options = said->n_options ? calloc(said->n_options, sizeof *image->options) : NULL;
  image->image.entry.n_options = said->n_options;
  bool well = image->options || !said->n_options;
  for (size_t i = 0; well && i < said->n_options; i++) {
    struct said_option option;
    struct plug_option *mine = &image->options[i];
    if (!said_next_option(&said->options, &option))
      return false;
    mine->type = option.type;
    mine->flags = option.flags;
    mine->name = str_dup(option.name);
    mine->help = str_dup(option.help);
    mine->def = option.has_def ? str_dup(option.def) : NULL;
    mine->range = option.has_range ? str_dup(option.range) : NULL;
    well = mine->name && mine->help && (mine->def || !option.has_def) &&
           (mine->range || !option.has_range);
  }
  return well;
}

/* Makes the descriptor that stands for the plugin here, and judges it like any other. */
static plug_status describe(struct isolate_image *image, const struct wire_frame *frame,
                            struct plug_err *err)
{
  struct said_description said;
  const char *base = image->image.base;
  if (said_read_description(frame, &said) || said.n_options > OPTIONS_MAX)
    return fault_at(err, base, 0, "its process does not say what it is");
  if (said.kinds)
    return fault_at(err, base, 0,
                    "%.*s is %s plugin too, which needs the server's own process: set "
                    "[broker] isolate = off",
                    STR_ARG(said.id), said.kinds & SAID_IS_AUTH ? "an auth" : "an app");
  image->description = malloc(frame->body.len);
  image->id = str_dup(said.id);
  image->version = str_dup(said.version);
  image->summary = str_dup(said.summary);
  image->build = str_dup(said.build);
  bool well = image->description && image->id && image->version && image->summary && image->build &&
              copy_options(image, &said);
  if (!well)
    return fault_no_memory(err);
  memcpy(image->description, frame->body.ptr, frame->body.len);
  image->description_len = frame->body.len;
  image->broker = proxy_broker_table;
  image->broker.caps = said.caps & ~CAPS_IN_PROCESS;
  image->broker.max_payload = said.max_payload;
  const struct plug_plugin entry = {
      PLUG_PLUGIN_HEAD,
      .id = image->id,
      .version = image->version,
      .summary = image->summary,
      .build = image->build,
      .options = image->options,
      .n_options = said.n_options,
      .broker = &image->broker,
      .create = proxy_create,
      .start = proxy_start,
      .drain = proxy_drain,
      .stop = proxy_stop,
      .destroy = proxy_destroy,
      .extension = proxy_extension,
  };
  plug_status status = image_judge(&image->image, &entry, sizeof entry, err);
  if (said.caps & PLUG_CAP_DIRECT)
    image->image.lane = &proxy_lane_calls;
  return status;
}

bool proxy_is_same(const struct isolate_image *image, const struct wire_frame *frame)
{
  return str_eq(frame->body, str_from(image->description, image->description_len));
}

/* A process that loads the file, says what it is, and ends. */
static plug_status ask(struct isolate_image *image, struct plug_err *err)
{
  const struct birth birth = {.image = image, .path = image->image.path, .name = ""};
  struct child child;
  struct pipe pipe;
  struct wire_frame frame;
  struct said said;
  char end[160];
  bool over = false;
  plug_status status = child_start(&child, image->program, image->image.base, err);
  if (status != PLUG_OK)
    return status;
  pipe_init(&pipe, child.fd, image->settings.buffer_bytes);
  if (!birth_put(&pipe.out, &birth)) {
    status = fault_no_memory(err);
    goto kill;
  }
  uint64_t deadline_ms = clock_now_ms() + DESCRIBE_LIMIT_MS;
  enum wire_next next;
  for (;;) {
    next = pipe_wait(&pipe, &frame, deadline_ms, &over);
    if (next != WIRE_NEXT || said_read(&frame, &said) || said.kind != WIRE_LOG)
      break;
    log_line((enum log_level)said.flags, "plugin", said.text);
  }
  /* It ends by itself, which takes a moment where leaks are looked for. */
  bool reaped = false;
  if (next == WIRE_NEXT) {
    child_let_go(&child);
    reaped = child_reap_within(&child, "plugin", END_LIMIT_MS);
  }
  if (!reaped) {
    child_kill(&child);
    reaped = child_reap_within(&child, "plugin", 1000);
  }
  pipe.fd = -1;
  status = PLUG_EINVAL;
  if (next == WIRE_NEXT && frame.kind == WIRE_DESCRIPTION) {
    status = describe(image, &frame, err);
  } else if (next == WIRE_NEXT && frame.kind == WIRE_FAILED && !said_read(&frame, &said)) {
    fault_at(err, NULL, 0, "%.*s", STR_ARG(said.text));
  } else if (over && reaped) {
    child_put_end(&child, end, sizeof end);
    fault_at(err, image->image.base, 0, "cannot load: %s", end);
  } else {
    fault_at(err, image->image.base, 0, "cannot load: its process %s",
             next == WIRE_MORE ? "did not come to an end of it in time"
                               : "does not say what it is");
  }
  pipe_fini(&pipe);
  return status;

kill:
  child_kill(&child);
  child_reap_within(&child, "plugin", 1000);
  pipe_fini(&pipe);
  return status;
}

/* The same file as it was, for the same settings. */
static struct isolate_image *registry_find(const char *path, const struct stat *file,
                                           const struct isolate_settings *settings)
{
  int64_t mtime_ns = (int64_t)file->st_mtim.tv_sec * 1000000000 + file->st_mtim.tv_nsec;
  for (struct list *link = registry.next; link != &registry; link = link->next) {
    struct isolate_image *image = container_of(link, struct isolate_image, link);
    struct isolate_settings same = image->settings;
    same.program = settings->program;
    if (!strcmp(image->image.path, path) && image->image.inode == (uint64_t)file->st_ino &&
        image->image.device == (uint64_t)file->st_dev && image->mtime_ns == mtime_ns &&
        !strcmp(image->program, settings->program) && !memcmp(&same, settings, sizeof same))
      return image;
  }
  return NULL;
}

struct plugin_image *isolate_load(const struct isolate_settings *settings, const char *dir,
                                  const char *name, struct plug_err *err)
{
  char path[PATH_MAX], real[PATH_MAX];
  struct stat file = {0};
  int n = name[0] == '/' ? snprintf(path, sizeof path, "%s", name)
                         : snprintf(path, sizeof path, "%s/broker-%s.so", dir, name);
  const char *base = strrchr(path, '/');
  base = base ? base + 1 : path;
  if (n < 0 || (size_t)n >= sizeof path) {
    fault_at(err, NULL, 0, "the path of plugin '%.100s' is too long", name);
    return NULL;
  }
  if (!realpath(path, real) || stat(real, &file)) {
    fault_at(err, base, 0, "cannot load %s: %s", path, strerror(errno));
    return NULL;
  }
  struct isolate_image *image = registry_find(real, &file, settings);
  if (image)
    return &image->image;
  image = calloc(1, sizeof *image);
  if (!image) {
    fault_no_memory(err);
    return NULL;
  }
  image->settings = *settings;
  image->program = str_dup(str_of(settings->program));
  image->image.path = str_dup(str_of(real));
  image->image.base = str_dup(str_of(base));
  image->image.device = (uint64_t)file.st_dev;
  image->image.inode = (uint64_t)file.st_ino;
  image->mtime_ns = (int64_t)file.st_mtim.tv_sec * 1000000000 + file.st_mtim.tv_nsec;
  plug_status status = PLUG_ENOMEM;
  if (!image->program || !image->image.path || !image->image.base)
    fault_no_memory(err);
  else
    status = ask(image, err);
  image->settings.program = image->program;
  if (status != PLUG_OK) {
    image_free(image);
    return NULL;
  }
  list_append(&registry, &image->link);
  log_info("plugin", "loaded %s %s from %s, in a process of its own", image->id, image->version,
           image->image.path);
  return &image->image;
}
