#include "config/settings_loader.h"

#include <stdlib.h>
#include <sys/un.h>

#include "base/str.h"
#include "config/address.h"
#include "config/fault.h"

const struct option_table *loader_table(enum settings_section_id id)
{
  return &settings_sections[id].table;
}

bool loader_section_of(const struct config_section *section, enum settings_section_id id,
                       struct plug_str *name)
{
  struct plug_str word = str_of(settings_sections[id].name);
  struct plug_str text = str_of(section->name);
  if (!str_has_prefix(text, word))
    return false;
  struct plug_str rest = str_from(text.ptr + word.len, text.len - word.len);
  if (rest.len && rest.ptr[0] != ' ' && rest.ptr[0] != '\t')
    return false;
  *name = str_trim(rest);
  return true;
}

/* NULL: the value is the default. */
const struct config_entry *loader_entry(const struct settings_loader *l,
                                        enum settings_section_id id, const char *key)
{
  return l->sections[id] ? config_section_find(l->sections[id], key) : NULL;
}

/* The text of an option, an empty one for an option with neither value nor default. */
struct plug_str loader_text(const struct settings_loader *l, enum settings_section_id id,
                            const char *key)
{
  struct plug_str text = STR("");
  (void)option_str(loader_table(id), l->sections[id], key, &text);
  return text;
}

/* After option_check there is a value for every number of the tables, none of them negative. */
uint64_t loader_number(const struct settings_loader *l, enum settings_section_id id,
                       const char *key)
{
  int64_t number = 0;
  (void)option_i64(loader_table(id), l->sections[id], key, &number);
  return (uint64_t)number;
}

/* The position of the value among the words of the option's range; the enums of settings.h and
 * base/log.h list theirs in the order of the tables. */
int loader_choice(const struct settings_loader *l, enum settings_section_id id, const char *key)
{
  const struct option_table *table = loader_table(id);
  struct plug_str value = loader_text(l, id, key), words = {NULL, 0}, word;
  for (size_t i = 0; i < table->n; i++)
    if (strcmp(table->options[i].name, key) == 0)
      words = str_of(table->options[i].range);
  for (int i = 0; str_split(&words, '|', &word); i++)
    if (str_eq(word, value))
      return i;
  return 0;
}

/* A fault of one option, at its place or, for a default, without one. */
plug_status loader_fault(const struct settings_loader *l, enum settings_section_id id,
                         const char *key, struct plug_str value, const char *why)
{
  const struct config_entry *entry = loader_entry(l, id, key);
  struct fault_quote quote;
  return fault_at(l->err, entry ? entry->file : NULL, entry ? entry->line : 0, "[%s] %s: %s %s",
                  settings_sections[id].name, key, fault_quote(&quote, value), why);
}

/* Room for the items between the commas of text; at least one element, so that it is never NULL. */
void *loader_array(struct plug_str text, size_t element)
{
  size_t n = 1;
  for (size_t i = 0; i < text.len; i++)
    n += text.ptr[i] == ',';
  return calloc(n, element);
}

bool loader_list_add(struct settings_list *list, struct plug_str item)
{
  char *copy = str_dup(item);
  if (!copy)
    return false;
  list->items[list->n++] = str_from(copy, item.len);
  return true;
}

void loader_list_fini(struct settings_list *list)
{
  for (size_t i = 0; i < list->n; i++)
    free((char *)(uintptr_t)list->items[i].ptr);
  free(list->items);
  *list = (struct settings_list){NULL, 0};
}

plug_status loader_listen(struct settings_loader *l, enum settings_section_id id, const char *key,
                          struct settings_address **addresses, size_t *n)
{
  struct plug_str text = loader_text(l, id, key), item, host;
  *addresses = loader_array(text, sizeof(**addresses));
  if (!*addresses)
    return fault_no_memory(l->err);
  while (text.len && str_split(&text, ',', &item)) {
    struct settings_address *address = &(*addresses)[*n];
    if (!address_parse(item, &host, &address->port))
      return loader_fault(l, id, key, item,
                          "is not an address (examples: 127.0.0.1:8080, [::1]:8080)");
    address->host = str_dup(host);
    if (!address->host)
      return fault_no_memory(l->err);
    ++*n;
  }
  return PLUG_OK;
}

#define SECRET_MIN 16

const char *loader_secret_fault(struct plug_str secret)
{
  for (size_t i = 0; i < secret.len; i++)
    if (secret.ptr[i] <= ' ' || secret.ptr[i] > '~')
      return "has a character that is no printable ASCII, or a blank";
  return secret.len < SECRET_MIN          ? "is shorter than 16 characters"
         : secret.len > LOADER_SECRET_MAX ? "is longer than 1024 characters"
                                          : NULL;
}

plug_status loader_socket(struct settings_loader *l, enum settings_section_id id, char **path)
{
  const struct config_entry *entry = loader_entry(l, id, "socket");
  struct plug_str text = str_of(entry ? entry->value : "");
  if (!entry)
    return PLUG_OK;
  if (!text.len || text.len >= sizeof((struct sockaddr_un *)0)->sun_path)
    return loader_fault(l, id, "socket", text, "is no path of 1 to 107 characters");
  *path = str_dup(text);
  return *path ? PLUG_OK : fault_no_memory(l->err);
}
