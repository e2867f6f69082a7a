/* The configuration as it was written: sections of keys and values with the place of each. Reads
 * INI files through inih, expands ${ENV} and ${ENV:-default} in values, takes --set assignments.
 * Owns all its strings. Single-threaded: start-up and checks only.
 *
 * Nothing here knows which keys exist; that is the business of option tables (option.h). */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/list.h"
#include "base/str.h"

struct config_entry {
  struct list link;
  char *key, *value; /* value expanded and trimmed */
  const char *file;  /* "etc/plugboard.ini", or "--set" */
  int line;          /* -1, -2, ... for --set, one after the other */
};

struct config_section {
  struct list link;
  char *name; /* "broker", "endpoint /ws", "broker.redis" */
  const char *file;
  int line;
  bool generated;      /* by the server, out of other options */
  bool damaged;        /* mistakes were taken out of it: what is missing may have been there */
  struct list entries; /* struct config_entry, in file order; a later --set replaces the value */
};

struct config {
  struct list sections; /* struct config_section, in file order */
  struct list files;    /* private: owned file names */
  int n_sets;           /* private */
  void (*on_fault)(void *ctx, const struct plug_err *err); /* private, as the next */
  void *on_fault_ctx;
};

struct config *config_new(void);
void config_free(struct config *config);

/* PLUG_OK, or err->text says what is wrong as "FILE:LINE: ..." (or "FILE: cannot read: ..."). A key
 * given twice in one section, a key outside every section, a missing '=' and an unset ${ENV}
 * without default are errors. ';' and '#' start comments at the start of a line, and ';' after a
 * blank. */
plug_status config_read_file(struct config *config, const char *path, struct plug_err *err);

/* Hears of each mistake in a file, and reading goes on behind it; the status is that of the last.
 */
void config_on_fault(struct config *config, void (*on_fault)(void *ctx, const struct plug_err *err),
                     void *ctx);

/* The same from memory, for tests and fuzzing; name stands for the file in messages. */
plug_status config_read_text(struct config *config, const char *name, struct plug_str text,
                             struct plug_err *err);

/* "section.key=value". The section is everything before the last '.' that comes before the '=', so
 * that "broker.redis.url=..." sets url in [broker.redis]. Creates the section if need be. */
plug_status config_set(struct config *config, const char *assignment, struct plug_err *err);

struct config_section *config_find(const struct config *config, const char *section);
const struct config_entry *config_section_find(const struct config_section *section,
                                               const char *key);

/* For what is made of two configurations. A section of from's name and place without entries, at
 * the end; with all of its entries; NULL when out of memory. */
struct config_section *config_section_new(struct config *config, const struct config_section *from);
struct config_section *config_section_copy(struct config *config,
                                           const struct config_section *from);
/* The value and the place of entry, which may be another configuration's; NULL: the key is taken
 * out. False when out of memory. */
bool config_section_set(struct config *config, struct config_section *section, const char *key,
                        const struct config_entry *entry);
/* Takes it out of its configuration. */
void config_section_remove(struct config_section *section);

/* For whoever wants to know all mistakes, not the first: what stands at the place of the last fault
 * (config/fault.h) is taken out, as if it had not been written. False: nothing
 * stands there. wanted (may be NULL): only keys, and only of sections of which it says so. */
bool config_forget_fault(struct config *config, bool (*wanted)(const char *section));

/* Whether the last fault is told of a section as a whole, and a mistake was taken out of it or of
 * another one of the same plugin, [app.route] and [app.route NAME]: then it may only follow from
 * that, and the line it names may be good. */
bool config_fault_follows(const struct config *config);

/* Writes "FILE:LINE: " or "--set: " for messages about an entry; returns its length. */
size_t config_entry_place(const struct config_entry *entry, char *out, size_t size);

#endif
