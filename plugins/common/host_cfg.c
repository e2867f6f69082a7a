#include "host_cfg.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void host_cfg_fail(struct host_cfg *cfg, plug_status status, const char *format, ...)
{
  va_list args;
  if (cfg->status != PLUG_OK)
    return;
  cfg->status = cfg->err->code = status;
  va_start(args, format);
  vsnprintf(cfg->err->text, sizeof cfg->err->text, format, args);
  va_end(args);
}

struct plug_str host_cfg_str(struct host_cfg *cfg, const char *key)
{
  const struct plug_str none = {"", 0};
  struct plug_str s = none;
  if (cfg->status != PLUG_OK || cfg->host->cfg_str(cfg->host, key, &s) != PLUG_OK || s.len == 0)
    return none;
  if (memchr(s.ptr, '\0', s.len) == NULL)
    return s;
  host_cfg_fail(cfg, PLUG_EINVAL, "option %s holds a NUL byte", key);
  return none;
}

char *host_cfg_text(struct host_cfg *cfg, const char *key)
{
  struct plug_str s = host_cfg_str(cfg, key);
  if (s.len == 0)
    return NULL;
  char *text = strndup(s.ptr, s.len);
  if (text == NULL)
    host_cfg_fail(cfg, PLUG_ENOMEM, "out of memory");
  return text;
}

uint64_t host_cfg_number(struct host_cfg *cfg, const char *key)
{
  int64_t value = 0;
  if (cfg->status == PLUG_OK &&
      (cfg->host->cfg_i64(cfg->host, key, &value) != PLUG_OK || value < 0))
    host_cfg_fail(cfg, PLUG_EINVAL, "option %s has no usable value", key);
  return (uint64_t)value;
}
