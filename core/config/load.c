#include "config/load.h"

#include "config/settings_page.h"

void config_complain(struct config_complaints *complaints, const struct plug_err *err)
{
  complaints->n++;
  complaints->complain(complaints->ctx, err);
}

static void hear(void *ctx, const struct plug_err *err)
{
  config_complain(ctx, err);
}

bool config_load(const struct config_source *source, struct config_complaints *complaints,
                 struct config *config, struct settings *settings)
{
  struct plug_err err = {0};
  plug_status status = PLUG_OK;
  config_on_fault(config, hear, complaints);
  if (source->file) {
    size_t before = complaints->n;
    status = config_read_file(config, source->file, &err);
    if (status != PLUG_OK && complaints->n == before) {
      config_complain(complaints, &err); /* it cannot be read: there is nothing to look at */
      return false;
    }
  }
  for (size_t i = 0; i < source->n_sets; i++)
    if (config_set(config, source->sets[i], &err) != PLUG_OK)
      config_complain(complaints, &err);
  do {
    err = (struct plug_err){0};
    status = settings_load(settings, config, &err);
    if (status != PLUG_OK)
      config_complain(complaints, &err);
  } while (status == PLUG_EINVAL && config_forget_fault(config, NULL));
  return status == PLUG_OK;
}

bool config_complete(struct config_complaints *complaints, struct config *config,
                     const struct settings *settings)
{
  struct plug_err err = {0};
  plug_status status = settings_page_sign_in(settings, config, &err);
  if (status != PLUG_OK)
    config_complain(complaints, &err);
  return status == PLUG_OK;
}
