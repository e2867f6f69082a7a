#include "config/config.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "config/expand.h"
#include "config/fault.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>

/* A file larger than this is not a configuration; reading /dev/zero has to end. */
#define FILE_SIZE_MAX (1u << 20)
/* Longest line in bytes. The library keeps one line on the stack. */
#define LINE_LEN_MAX  4096

struct file_name {
  struct list link;
  char name[];
};

static const char set_place[] = "--set"; /* the "file" of what comes from the command line */

struct reader {
  struct config *config;
  const char *file;
  int line;
  struct config_section *section; /* NULL before the first one */
  bool lost;                      /* in a section whose head is bad: nothing is known of it */
  struct plug_str pending;        /* the line that the library is to take; NULL when taken */
  plug_status status;
  struct plug_err *err;
};

struct config *config_new(void)
{
  struct config *config = malloc(sizeof(*config));
  if (!config)
    return NULL;
  list_init(&config->sections);
  list_init(&config->files);
  config->n_sets = 0;
  config->on_fault = NULL;
  config->on_fault_ctx = NULL;
  return config;
}

static void entry_free(struct config_entry *entry)
{
  free(entry->key);
  free(entry->value);
  free(entry);
}

static void section_free(struct config_section *section)
{
  struct list *link;
  while ((link = list_first(&section->entries))) {
    list_remove(link);
    entry_free(container_of(link, struct config_entry, link));
  }
  free(section->name);
  free(section);
}

void config_free(struct config *config)
{
  struct list *link;
  if (!config)
    return;
  while ((link = list_first(&config->sections))) {
    list_remove(link);
    section_free(container_of(link, struct config_section, link));
  }
  while ((link = list_first(&config->files))) {
    list_remove(link);
    free(container_of(link, struct file_name, link));
  }
  free(config);
}

static struct config_section *section_find(const struct config *config, struct plug_str name)
{
  for (struct list *link = config->sections.next; link != &config->sections; link = link->next) {
    struct config_section *section = container_of(link, struct config_section, link);
    if (str_eq(str_of(section->name), name))
      return section;
  }
  return NULL;
}

static struct config_entry *entry_find(const struct config_section *section, struct plug_str key)
{
  for (struct list *link = section->entries.next; link != &section->entries; link = link->next) {
    struct config_entry *entry = container_of(link, struct config_entry, link);
    if (str_eq(str_of(entry->key), key))
      return entry;
  }
  return NULL;
}

struct config_section *config_find(const struct config *config, const char *section)
{
  return section_find(config, str_of(section));
}

const struct config_entry *config_section_find(const struct config_section *section,
                                               const char *key)
{
  return entry_find(section, str_of(key));
}

static struct config_section *section_add(struct config *config, struct plug_str name,
                                          const char *file, int line)
{
  struct config_section *section = malloc(sizeof(*section));
  if (!section)
    return NULL;
  *section = (struct config_section){.name = str_dup(name), .file = file, .line = line};
  list_init(&section->entries);
  if (!section->name) {
    free(section);
    return NULL;
  }
  list_append(&config->sections, &section->link);
  return section;
}

static struct config_entry *entry_add(struct config_section *section, struct plug_str key,
                                      const char *file, int line)
{
  struct config_entry *entry = malloc(sizeof(*entry));
  if (!entry)
    return NULL;
  *entry = (struct config_entry){.key = str_dup(key), .file = file, .line = line};
  if (!entry->key) {
    free(entry);
    return NULL;
  }
  list_append(&section->entries, &entry->link);
  return entry;
}

/* Expands text as a value of file:line into a new string. */
static plug_status value_make(struct plug_str text, const char *file, int line, char **out,
                              struct plug_err *err)
{
  struct buf expanded = {0};
  plug_status status = expand_value(text, file, line, &expanded, err);
  if (status)
    goto free_expanded;
  if (!utf8_valid(expanded.data, expanded.len)) {
    status = fault_at(err, file, line, "the value is not valid UTF-8");
    goto free_expanded;
  }
  *out = expanded.failed ? NULL : str_dup(str_trim(str_from(expanded.data, expanded.len)));
  if (!*out)
    status = fault_no_memory(err);
free_expanded:
  buf_free(&expanded);
  return status;
}

static bool is_key(struct plug_str key)
{
  for (size_t i = 0; i < key.len; i++) {
    char c = key.ptr[i];
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
          c == '_'))
      return false;
  }
  return key.len > 0;
}

/* What is wrong with the bytes of one line, or NULL. */
static const char *line_fault(struct plug_str line)
{
  if (line.len > LINE_LEN_MAX)
    return "the line is longer than 4096 bytes";
  for (size_t i = 0; i < line.len; i++) {
    unsigned char c = (unsigned char)line.ptr[i];
    if ((c < 0x20 && c != '\t') || c == 0x7F)
      return "the line has a control character";
  }
  return utf8_valid(line.ptr, line.len) ? NULL : "the line is not valid UTF-8";
}

static plug_status read_section(struct reader *reader, struct plug_str line)
{
  const char *close = memchr(line.ptr, ']', line.len);
  reader->lost = true;
  if (!close)
    return fault_at(reader->err, reader->file, reader->line, "'[' without a closing ']'");
  struct plug_str name = str_trim(str_from(line.ptr + 1, (size_t)(close - line.ptr) - 1));
  struct plug_str after = str_from(close + 1, line.len - (size_t)(close + 1 - line.ptr));
  struct plug_str rest = str_trim(after);
  if (rest.len && (rest.ptr[0] != ';' || rest.ptr == after.ptr))
    return fault_at(reader->err, reader->file, reader->line, "text after the ']' of a section");
  if (name.len == 0)
    return fault_at(reader->err, reader->file, reader->line, "a section without a name");

  struct config_section *first = section_find(reader->config, name);
  reader->lost = false;
  reader->section = first;
  if (first)
    return fault_at(reader->err, reader->file, reader->line,
                    "section [%s] is given twice, first at %s:%d", first->name, first->file,
                    first->line);
  reader->section = section_add(reader->config, name, reader->file, reader->line);
  return reader->section ? PLUG_OK : fault_no_memory(reader->err);
}

static char *give_line(char *out, int size, void *user)
{
  struct reader *reader = user;
  struct plug_str line = reader->pending;
  reader->pending = str_from(NULL, 0);
  if (!line.ptr)
    return NULL;
  if ((size_t)size <= line.len) { /* the library must never see half a line */
    reader->status = fault_at(reader->err, reader->file, reader->line,
                              "the line is longer than %d bytes", size - 1);
    return NULL;
  }
  memcpy(out, line.ptr, line.len);
  out[line.len] = '\0';
  return out;
}

static int take_entry(void *user, const char *section, const char *key, const char *value)
{
  struct reader *reader = user;
  (void)section; /* the library cuts section names at 49 bytes; the reader has its own */
  struct config_entry *entry = entry_add(reader->section, str_of(key), reader->file, reader->line);
  if (entry)
    reader->status =
        value_make(str_of(value), reader->file, reader->line, &entry->value, reader->err);
  else
    reader->status = fault_no_memory(reader->err);
  if (entry && reader->status) {
    list_remove(&entry->link);
    entry_free(entry);
  }
  return 1;
}

static plug_status read_entry(struct reader *reader, struct plug_str line)
{
  struct plug_err *err = reader->err;
  if (reader->lost)
    return PLUG_OK;
  const char *equals = memchr(line.ptr, '=', line.len);
  if (!equals)
    return fault_at(err, reader->file, reader->line, "expected 'key = value' or '[section]'");
  struct plug_str key = str_trim(str_from(line.ptr, (size_t)(equals - line.ptr)));
  if (!is_key(key)) /* not quoted: in "password: abc=" it would be the password */
    return fault_at(err, reader->file, reader->line,
                    "before '=' must stand a key of letters, digits, '-' and '_'");
  if (!reader->section)
    return fault_at(err, reader->file, reader->line, "key '%.*s' stands before the first section",
                    STR_ARG(key));
  const struct config_entry *first = entry_find(reader->section, key);
  if (first)
    return fault_at(err, reader->file, reader->line,
                    "key '%s' is given twice in [%s], first at %s:%d", first->key,
                    reader->section->name, first->file, first->line);

  /* The library gets every line by itself: it does not tell line numbers, takes an indented line
   * for the continuation of the one before, and drops what is too long for its buffer. */
  reader->pending = line;
  ini_max_line = LINE_LEN_MAX + 3;
  ini_allow_multiline = false;
  if (ini_parse_stream(give_line, reader, take_entry, reader) && !reader->status)
    reader->status = fault_at(err, reader->file, reader->line, "cannot be understood");
  return reader->status;
}

static plug_status read_line(struct reader *reader, struct plug_str line)
{
  if (line.len && line.ptr[line.len - 1] == '\r')
    line.len--;
  const char *fault = line_fault(line);
  if (fault)
    return fault_at(reader->err, reader->file, reader->line, "%s", fault);
  line = str_trim(line);
  if (line.len == 0 || line.ptr[0] == ';' || line.ptr[0] == '#')
    return PLUG_OK;
  return line.ptr[0] == '[' ? read_section(reader, line) : read_entry(reader, line);
}

plug_status config_read_text(struct config *config, const char *name, struct plug_str text,
                             struct plug_err *err)
{
  size_t size = strlen(name) + 1;
  struct file_name *file = malloc(sizeof(*file) + size);
  if (!file)
    return fault_no_memory(err);
  memcpy(file->name, name, size);
  list_append(&config->files, &file->link);

  struct reader reader = {.config = config, .file = file->name, .err = err};
  if (str_has_prefix(text, STR("\xEF\xBB\xBF")))
    text = str_from(text.ptr + 3, text.len - 3);
  plug_status status = PLUG_OK, worst = PLUG_OK;
  while (text.len && !status) {
    const char *newline = memchr(text.ptr, '\n', text.len);
    size_t len = newline ? (size_t)(newline - text.ptr) : text.len;
    reader.line++;
    status = read_line(&reader, str_from(text.ptr, len));
    if (status == PLUG_EINVAL && config->on_fault) {
      config->on_fault(config->on_fault_ctx, err);
      if (reader.section && !reader.lost)
        reader.section->damaged = true;
      worst = status;
      status = reader.status = PLUG_OK;
    }
    len += newline != NULL;
    text = str_from(text.ptr + len, text.len - len);
  }
  return status ? status : worst;
}

void config_on_fault(struct config *config, void (*on_fault)(void *ctx, const struct plug_err *err),
                     void *ctx)
{
  config->on_fault_ctx = ctx;
  config->on_fault = on_fault;
}

plug_status config_read_file(struct config *config, const char *path, struct plug_err *err)
{
  plug_status status = PLUG_OK;
  struct buf text = {0};
  FILE *file = fopen(path, "rbe");
  if (!file)
    return fault_at(err, path, 0, "cannot read: %s", strerror(errno));
  for (;;) {
    if (!buf_reserve(&text, 4096)) {
      status = fault_no_memory(err);
      goto close_file;
    }
    errno = 0;
    size_t n = fread(text.data + text.len, 1, text.cap - text.len, file);
    text.len += n;
    if (text.len > FILE_SIZE_MAX) {
      status = fault_at(err, path, 0, "cannot read: larger than 1 MiB");
      goto close_file;
    }
    if (ferror(file)) {
      status = fault_at(err, path, 0, "cannot read: %s", strerror(errno));
      goto close_file;
    }
    if (n == 0)
      break;
  }
  status = config_read_text(config, path, str_from(text.data, text.len), err);
close_file:
  fclose(file);
  buf_free(&text);
  return status;
}

plug_status config_set(struct config *config, const char *assignment, struct plug_err *err)
{
  const char *const place = set_place;
  const char *equals = strchr(assignment, '=');
  config->n_sets++;
  const char *dot = equals ? memrchr(assignment, '.', (size_t)(equals - assignment)) : NULL;
  if (!dot) /* not quoted: what was meant to be a value may be a secret */
    return fault_at(err, place, 0, "expected section.key=value");
  struct plug_str name = str_trim(str_from(assignment, (size_t)(dot - assignment)));
  struct plug_str key = str_trim(str_from(dot + 1, (size_t)(equals - dot) - 1));
  if (name.len == 0 || !is_key(key) || line_fault(name))
    return fault_at(err, place, 0, "expected section.key=value");

  char *value = NULL;
  plug_status status = value_make(str_trim(str_of(equals + 1)), place, 0, &value, err);
  if (status)
    return status;
  struct config_section *section = section_find(config, name);
  if (!section)
    section = section_add(config, name, place, -config->n_sets);
  struct config_entry *entry = section ? entry_find(section, key) : NULL;
  if (section && !entry)
    entry = entry_add(section, key, place, -config->n_sets);
  if (!entry) {
    free(value);
    return fault_no_memory(err);
  }
  free(entry->value);
  entry->value = value;
  entry->file = place;
  entry->line = -config->n_sets;
  return PLUG_OK;
}

/* The name of a file of another configuration as one of this; NULL when out of memory. */
static const char *own_file(struct config *config, const char *name)
{
  if (name == set_place)
    return name;
  for (struct list *link = config->files.next; link != &config->files; link = link->next)
    if (strcmp(container_of(link, struct file_name, link)->name, name) == 0)
      return container_of(link, struct file_name, link)->name;
  size_t size = strlen(name) + 1;
  struct file_name *file = malloc(sizeof(*file) + size);
  if (!file)
    return NULL;
  memcpy(file->name, name, size);
  list_append(&config->files, &file->link);
  return file->name;
}

struct config_section *config_section_new(struct config *config, const struct config_section *from)
{
  const char *file = own_file(config, from->file);
  return file ? section_add(config, str_of(from->name), file, from->line) : NULL;
}

void config_section_remove(struct config_section *section)
{
  list_remove(&section->link);
  section_free(section);
}

bool config_section_set(struct config *config, struct config_section *section, const char *key,
                        const struct config_entry *from)
{
  struct config_entry *entry = entry_find(section, str_of(key));
  if (!from) {
    if (entry) {
      list_remove(&entry->link);
      entry_free(entry);
    }
    return true;
  }
  const char *file = own_file(config, from->file);
  char *value = file ? str_dup(str_of(from->value)) : NULL;
  if (value && !entry)
    entry = entry_add(section, str_of(key), file, from->line);
  if (!value || !entry) {
    free(value);
    return false;
  }
  free(entry->value);
  entry->value = value;
  entry->file = file;
  entry->line = from->line;
  return true;
}

struct config_section *config_section_copy(struct config *config, const struct config_section *from)
{
  struct config_section *section = config_section_new(config, from);
  const struct list *head = &from->entries;
  for (const struct list *link = head->next; section && link != head; link = link->next) {
    const struct config_entry *entry = container_of(link, struct config_entry, link);
    if (config_section_set(config, section, entry->key, entry))
      continue;
    config_section_remove(section);
    section = NULL;
  }
  return section;
}

static bool stands_at(const char *file, int line, const struct fault_place *place)
{
  return file == place->file && line == place->line;
}

bool config_forget_fault(struct config *config, bool (*wanted)(const char *section))
{
  struct fault_place place = fault_take_place();
  struct list *head = &config->sections;
  for (struct list *at = head->next; place.file && place.line && at != head; at = at->next) {
    struct config_section *section = container_of(at, struct config_section, link);
    if (wanted && !wanted(section->name))
      continue;
    /* An entry that has made its section stands where that does. */
    for (struct list *in = section->entries.next; in != &section->entries; in = in->next) {
      struct config_entry *entry = container_of(in, struct config_entry, link);
      if (!stands_at(entry->file, entry->line, &place))
        continue;
      list_remove(&entry->link);
      entry_free(entry);
      section->damaged = true;
      /* With nothing else in it, it may have been the section that was meant. */
      if (!wanted && list_empty(&section->entries) &&
          stands_at(section->file, section->line, &place)) {
        list_remove(&section->link);
        section_free(section);
      }
      return true;
    }
    if (!wanted && stands_at(section->file, section->line, &place)) {
      list_remove(&section->link);
      section_free(section);
      return true;
    }
  }
  return false;
}

/* "app.route" of "app.route" and of "app.route chat". */
static struct plug_str family_of(const struct config_section *section)
{
  const char *blank = strchr(section->name, ' ');
  return blank ? str_from(section->name, (size_t)(blank - section->name)) : str_of(section->name);
}

bool config_fault_follows(const struct config *config)
{
  struct fault_place place = fault_last_place();
  const struct list *head = &config->sections;
  const struct config_section *told = NULL;
  for (const struct list *at = head->next; place.file && !told && at != head; at = at->next) {
    const struct config_section *section = container_of(at, struct config_section, link);
    if (stands_at(section->file, section->line, &place))
      told = section;
  }
  for (const struct list *at = head->next; told && at != head; at = at->next) {
    const struct config_section *section = container_of(at, struct config_section, link);
    if (section->damaged && str_eq(family_of(section), family_of(told)))
      return true;
  }
  return false;
}

size_t config_entry_place(const struct config_entry *entry, char *out, size_t size)
{
  int n = entry->line > 0 ? snprintf(out, size, "%s:%d: ", entry->file, entry->line)
                          : snprintf(out, size, "%s: ", entry->file);
  if (n < 0 || size == 0)
    return 0;
  return (size_t)n < size ? (size_t)n : size - 1;
}
