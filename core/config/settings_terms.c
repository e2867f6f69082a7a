#include "config/settings_terms.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/str.h"
#include "config/fault.h"
#include "config/settings_doors.h"
#include "config/settings_profile.h"

/* What a service needs that speaks for many: a Spring node's registry of users is one frame. */
#define SERVICE_FRAME_BYTES (UINT64_C(4) << 20)
#define SERVICE_QUEUE_BYTES (UINT64_C(16) << 20)
#define FRAME_OVERHEAD      1024u /* what delivering adds to a frame */

struct door {
  struct settings_loader *l;
  enum settings_section_id id;
  const struct config_section *section; /* NULL: not written */
  struct settings_terms *terms;
  bool service;
};

static const struct config_entry *written(const struct door *door, const char *key)
{
  return door->section ? config_section_find(door->section, key) : NULL;
}

static plug_status door_fault(const struct door *door, const char *key, struct plug_str value,
                              const char *why)
{
  const struct config_entry *entry = written(door, key);
  struct fault_quote quote;
  return fault_at(door->l->err, entry ? entry->file : NULL, entry ? entry->line : 0,
                  "[%s] %s: %s %s", door->section ? door->section->name : "tcp", key,
                  fault_quote(&quote, value), why);
}

static uint64_t number_of(const struct door *door, const char *key, uint64_t otherwise)
{
  int64_t value;
  if (!written(door, key))
    return otherwise;
  (void)option_i64(loader_table(door->id), door->section, key, &value);
  return (uint64_t)value;
}

static uint64_t at_least(uint64_t value, uint64_t least)
{
  return value > least ? value : least;
}

/* Where both stand at the door a contradiction is the writer's; a default gives way. */
static plug_status load_sizes(const struct door *door)
{
  struct settings_terms *terms = door->terms;
  if (door->service) {
    terms->max_frame_size = at_least(terms->max_frame_size, SERVICE_FRAME_BYTES);
    terms->queue_bytes = at_least(terms->queue_bytes, SERVICE_QUEUE_BYTES);
  }
  terms->max_frame_size = number_of(door, "max-frame-size", terms->max_frame_size);
  terms->queue_bytes = number_of(door, "queue-size", terms->queue_bytes);
  uint64_t least = terms->max_frame_size + FRAME_OVERHEAD;
  if (terms->queue_bytes >= least)
    return PLUG_OK;
  const struct config_entry *queue = written(door, "queue-size");
  if (!queue) {
    terms->queue_bytes = least;
    return PLUG_OK;
  }
  const struct config_entry *frame = written(door, "max-frame-size");
  if (!frame && door->service && terms->queue_bytes > door->l->settings->max_header_size + 1024) {
    terms->max_frame_size = terms->queue_bytes - FRAME_OVERHEAD;
    return PLUG_OK;
  }
  if (!frame)
    frame = queue;
  return fault_at(door->l->err, frame->file, frame->line,
                  "[%s] queue-size (%" PRIu64 ") must be at least 1k more than max-frame-size "
                  "(%" PRIu64 ")",
                  door->section->name, terms->queue_bytes, terms->max_frame_size);
}

static bool copy_prefixes(struct settings_list *to, const struct settings_list *from)
{
  to->items = calloc(from->n + 1, sizeof *to->items);
  bool copied = to->items != NULL;
  for (size_t i = 0; copied && i < from->n; i++)
    copied = loader_list_add(to, from->items[i]);
  return copied;
}

static bool covered(struct plug_str prefix, const struct settings *s)
{
  for (size_t i = 0; i <= s->broker_prefixes.n; i++) {
    struct plug_str open =
        i < s->broker_prefixes.n ? s->broker_prefixes.items[i] : str_of(s->user_prefix);
    if (open.len && str_has_prefix(prefix, open) &&
        (prefix.len == open.len || prefix.ptr[open.len] == '/'))
      return true;
  }
  return false;
}

static plug_status load_client_send(const struct door *door)
{
  const struct settings *s = door->l->settings;
  const struct config_entry *entry = written(door, "client-send");
  if (!entry) {
    bool copied = copy_prefixes(&door->terms->client_send,
                                door->service ? &s->broker_prefixes : &s->terms.client_send);
    return copied ? PLUG_OK : fault_no_memory(door->l->err);
  }
  struct plug_str text = str_of(entry->value), item;
  door->terms->client_send.items = loader_array(text, sizeof *door->terms->client_send.items);
  if (!door->terms->client_send.items)
    return fault_no_memory(door->l->err);
  while (text.len && str_split(&text, ',', &item)) {
    if (item.len > 1 && item.ptr[item.len - 1] == '/')
      item.len--;
    if (!covered(item, s))
      return door_fault(door, "client-send", item, "lies outside every broker prefix");
    if (!loader_list_add(&door->terms->client_send, item))
      return fault_no_memory(door->l->err);
  }
  return PLUG_OK;
}

static bool flag_of(const struct door *door, const char *key)
{
  int64_t value = 1;
  (void)option_i64(loader_table(door->id), door->section, key, &value);
  return value != 0;
}

static plug_status load_door(const struct door *door)
{
  struct settings *s = door->l->settings;
  struct settings_terms *terms = door->terms;
  const struct config_entry *profile = written(door, "profile");
  *terms = s->terms;
  terms->client_send = (struct settings_list){NULL, 0};
  if (profile)
    terms->spring_profile = strcmp(profile->value, "spring") == 0;
  terms->recoverable = flag_of(door, "recoverable");
  terms->access = flag_of(door, "access");
  plug_status status = load_sizes(door);
  if (!status)
    status = load_client_send(door);
  return status
             ? status
             : settings_profile_apply_door(s, door->l->config, door->section, terms, door->l->err);
}

static const struct config_section *section_of(const struct settings_loader *l, const char *path)
{
  const struct list *head = &l->config->sections;
  for (const struct list *link = head->next; link != head; link = link->next) {
    const struct config_section *section = container_of(link, struct config_section, link);
    struct plug_str found;
    if (doors_endpoint_path(section, &found) && str_eq(found, str_of(path)))
      return section;
  }
  return NULL;
}

plug_status terms_load(struct settings_loader *l)
{
  struct settings *s = l->settings;
  struct door door = {l, SECTION_TCP, l->sections[SECTION_TCP], &s->tcp_terms, true};
  plug_status status = load_door(&door);
  for (size_t i = 0; !status && i < s->n_endpoints; i++) {
    struct settings_endpoint *endpoint = &s->endpoints[i];
    door =
        (struct door){l, SECTION_ENDPOINT, section_of(l, endpoint->path), &endpoint->terms, false};
    status = load_door(&door);
  }
  s->terms.recoverable = s->terms.access = true;
  return status ? status : settings_profile_apply_door(s, l->config, NULL, &s->terms, l->err);
}

void terms_fini(struct settings_terms *terms)
{
  for (size_t i = 0; i < terms->client_send.n; i++)
    free((char *)(uintptr_t)terms->client_send.items[i].ptr);
  free(terms->client_send.items);
}

bool settings_any_patterns(const struct settings *settings)
{
  bool any =
      settings->terms.patterns || (settings_speaks_tcp(settings) && settings->tcp_terms.patterns);
  for (size_t i = 0; i < settings->n_endpoints; i++)
    any = any || settings->endpoints[i].terms.patterns;
  return any;
}

uint64_t settings_largest_frame(const struct settings *settings)
{
  uint64_t largest = settings->terms.max_frame_size;
  if (settings_speaks_tcp(settings) && settings->tcp_terms.max_frame_size > largest)
    largest = settings->tcp_terms.max_frame_size;
  for (size_t i = 0; i < settings->n_endpoints; i++)
    if (settings->endpoints[i].terms.max_frame_size > largest)
      largest = settings->endpoints[i].terms.max_frame_size;
  return largest;
}
