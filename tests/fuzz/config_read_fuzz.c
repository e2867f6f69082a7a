/* Any bytes as a configuration file: reading and judging them must end in settings or a message. */
#include "config/config.h"
#include "config/settings.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t n_faults;

static void on_fault(void *ctx, const struct plug_err *err)
{
  (void)ctx;
  if (err->text[0] == '\0')
    abort();
  n_faults++;
}

/* As the start does: all mistakes are named, and each is taken out. */
static void name_all(struct plug_str text)
{
  struct config *config = config_new();
  struct settings settings;
  struct plug_err err = {0};
  if (!config)
    return;
  n_faults = 0;
  config_on_fault(config, on_fault, NULL);
  plug_status status = config_read_text(config, "fuzz.ini", text, &err);
  if ((status == PLUG_OK) != (n_faults == 0) && status != PLUG_ENOMEM)
    abort();
  do
    status = settings_load(&settings, config, &err);
  while (status == PLUG_EINVAL && config_forget_fault(config, NULL));
  if (status == PLUG_OK)
    settings_fini(&settings);
  config_free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct config *config = config_new();
  struct settings settings;
  struct plug_err err = {0};
  if (!config)
    return 0;
  plug_status status =
      config_read_text(config, "fuzz.ini", str_from((const char *)data, size), &err);
  if (status == PLUG_OK) {
    status = settings_load(&settings, config, &err);
    if (status == PLUG_OK) {
      if (settings.n_endpoints == 0 || settings.n_http_listen + settings.n_tcp_listen == 0)
        abort();
      settings_fini(&settings);
    }
  }
  if (status && (err.text[0] == '\0' || !memchr(err.text, '\0', sizeof(err.text))))
    abort();

  name_all(str_from((const char *)data, size));
  char *assignment = str_dup(str_from((const char *)data, size));
  if (assignment)
    (void)config_set(config, assignment, &err);
  free(assignment);
  config_free(config);
  return 0;
}
