/* Broker plugins in a process of their own: an image whose functions are a proxy's, which speaks to
 * that process. The server does with it what it does with any other; code of the plugin never runs
 * in the server. Owns the images, which stay. Starting thread. */
#ifndef ISOLATE_ISOLATE_H
#define ISOLATE_ISOLATE_H

#include "message/message_rules.h"
#include "plugin/image.h"

struct isolate_settings {
  const char *program;   /* plugboard-plugin-host */
  uint64_t hang_ms;      /* without a sign of life for so long it is killed */
  uint64_t buffer_bytes; /* what may wait on the way there, and of one frame */
  uint64_t pool_threads, pool_queue;
  struct message_limits limits; /* of messages that the plugin makes */
};

/* As image_load with kind "broker": the file is loaded by a process, which says what the plugin is
 * and ends. What it says is judged as if it had been loaded here. */
struct plugin_image *isolate_load(const struct isolate_settings *settings, const char *dir,
                                  const char *name, struct plug_err *err);

#endif
