/* The first frames of a process: what it needs to know to load a plugin, and its section. */
#include "base/log.h"
#include "base/str.h"
#include "isolate/proxy.h"
#include "message/message.h"

/* What the options name on the disk; nothing else of it is the plugin's. */
static void put_paths(struct buf *out, const struct birth *birth)
{
  const struct plug_plugin *entry = &birth->image->image.entry;
  const struct option_table table = {entry->options, entry->n_options};
  uint32_t n = 0;
  size_t at = out->len;
  wire_put_u32(out, 0);
  for (size_t i = 0; birth->create && i < table.n; i++) {
    struct plug_str path;
    if (table.options[i].type != PLUG_OPT_PATH ||
        option_str(&table, birth->section, table.options[i].name, &path) != PLUG_OK || !path.len)
      continue;
    wire_put_str(out, path);
    n++;
  }
  if (!out->failed)
    memcpy(out->data + at, &n, sizeof n);
}

static uint32_t level_now(void)
{
  enum log_level level = LOG_DEBUG;
  while (level < LOG_ERROR && !log_on(level))
    level++;
  return (uint32_t)level;
}

static void put_hello(struct buf *out, const struct birth *birth)
{
  const struct isolate_settings *settings = &birth->image->settings;
  wire_put_str(out, str_of(birth->path));
  wire_put_str(out, str_of(birth->name));
  wire_put_str(out, str_of(message_node()));
  wire_put_u32(out, birth->create);
  wire_put_u32(out, level_now());
  wire_put_u64(out, settings->hang_ms);
  wire_put_u64(out, settings->buffer_bytes);
  wire_put_u64(out, settings->pool_threads);
  wire_put_u64(out, settings->pool_queue);
  wire_put_u64(out, settings->limits.bytes);
  wire_put_u64(out, settings->limits.n_headers);
  wire_put_u64(out, settings->limits.header_bytes);
  wire_put_u64(out, settings->limits.topic_bytes);
  put_paths(out, birth);
}

static void put_section(struct buf *out, const struct config_section *section)
{
  uint32_t n = 0;
  wire_put_u32(out, section != NULL);
  wire_put_str(out, str_of(section ? section->file : NULL));
  wire_put_u32(out, section ? (uint32_t)section->line : 0);
  size_t at = out->len;
  wire_put_u32(out, 0);
  for (const struct list *link = section ? section->entries.next : NULL;
       section && link != &section->entries; link = link->next, n++) {
    const struct config_entry *entry = container_of(link, struct config_entry, link);
    wire_put_str(out, str_of(entry->key));
    wire_put_str(out, str_of(entry->value));
  }
  if (!out->failed)
    memcpy(out->data + at, &n, sizeof n);
}

bool birth_put(struct buf *out, const struct birth *birth)
{
  size_t max = birth->image->settings.buffer_bytes;
  size_t begin = wire_begin(out, WIRE_HELLO);
  put_hello(out, birth);
  if (!wire_end(out, begin, max))
    return false;
  if (!birth->create)
    return true;
  begin = wire_begin(out, WIRE_CREATE);
  put_section(out, birth->section);
  return wire_end(out, begin, max);
}
