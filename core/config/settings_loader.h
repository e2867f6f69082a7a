/* What the steps of settings_load share: the sections of the configuration, and the ways to read
 * one option of them. Private to core/config. The starting thread. */
#ifndef CONFIG_SETTINGS_LOADER_H
#define CONFIG_SETTINGS_LOADER_H

#include "config/settings.h"
#include "config/settings_tables.h"

struct settings_loader {
  struct settings *settings;
  const struct config *config;
  const struct config_section *sections[SECTION_COUNT]; /* NULL: not written */
  struct plug_err *err;
};

const struct option_table *loader_table(enum settings_section_id id);
/* Is it "WORD", or "WORD NAME" with the word of id? *name: trimmed, empty where there is none. */
bool loader_section_of(const struct config_section *section, enum settings_section_id id,
                       struct plug_str *name);
/* NULL: the value is the default. */
const struct config_entry *loader_entry(const struct settings_loader *l,
                                        enum settings_section_id id, const char *key);
/* The text of an option, an empty one for an option with neither value nor default. */
struct plug_str loader_text(const struct settings_loader *l, enum settings_section_id id,
                            const char *key);
/* After option_check there is a value for every number of the tables, none of them negative. */
uint64_t loader_number(const struct settings_loader *l, enum settings_section_id id,
                       const char *key);
/* The position of the value among the words of the option's range. */
int loader_choice(const struct settings_loader *l, enum settings_section_id id, const char *key);
/* A fault of one option, at its place or, for a default, without one. */
plug_status loader_fault(const struct settings_loader *l, enum settings_section_id id,
                         const char *key, struct plug_str value, const char *why);

/* The characters that a key or token is to have, so that nobody finds it by trying: NULL, or what
 * is wrong with it. */
#define LOADER_SECRET_MAX 1024
const char *loader_secret_fault(struct plug_str secret);
/* The path of a Unix socket that the option has; NULL if it is not written. */
plug_status loader_socket(struct settings_loader *l, enum settings_section_id id, char **path);
/* "listen" or "tls-listen" of a section. */
plug_status loader_listen(struct settings_loader *l, enum settings_section_id id, const char *key,
                          struct settings_address **addresses, size_t *n);

/* Room for the items between the commas of text; at least one element, so that it is never NULL but
 * for want of memory. */
void *loader_array(struct plug_str text, size_t element);
/* A copy of item at the list's end; false when out of memory. */
bool loader_list_add(struct settings_list *list, struct plug_str item);
void loader_list_fini(struct settings_list *list);

#endif
