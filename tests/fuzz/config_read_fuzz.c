/* Any bytes as a configuration file: reading and judging them must end in settings or a message. */
#include "config/config.h"
#include "config/settings.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

  char *assignment = str_dup(str_from((const char *)data, size));
  if (assignment)
    (void)config_set(config, assignment, &err);
  free(assignment);
  config_free(config);
  return 0;
}
