#include "ops/broker_image.h"

#include "isolate/isolate.h"
#include "ops/reload.h"

struct plugin_image *broker_image_load(const struct settings *settings, const char *plugin,
                                       struct plug_err *err)
{
  if (!settings->isolate)
    return image_load(settings->plugin_dir, "broker", plugin, err);
  const struct isolate_settings is = {.program = settings->plugin_host,
                                      .hang_ms = settings->plugin_hang_ms,
                                      .buffer_bytes = settings->isolate_buffer,
                                      .pool_threads = settings->pool_threads,
                                      .pool_queue = settings->pool_queue,
                                      .limits = reload_message_limits(settings)};
  return isolate_load(&is, settings->plugin_dir, plugin, err);
}
