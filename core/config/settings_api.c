#include "config/settings_api.h"

#include <stdio.h>
#include <stdlib.h>

#include <plugboard/secret.h>

#include "base/str.h"
#include "config/fault.h"
#include "whole_file.h"

#define NAME_MAX_LEN 64

bool api_key_name(const struct config_section *section, struct plug_str *name)
{
  return loader_section_of(section, SECTION_API_KEY, name);
}

static bool is_name(struct plug_str name)
{
  for (size_t i = 0; i < name.len; i++) {
    char c = name.ptr[i];
    if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
          c == '_' || c == '-'))
      return false;
  }
  return name.len && name.len <= NAME_MAX_LEN;
}

plug_status api_check_key(const struct config_section *section, struct plug_str name,
                          struct plug_err *err)
{
  if (!is_name(name))
    return fault_at(err, section->file, section->line,
                    "[%s]: a key has a name, as in [api-key backend]: 1 to %d of "
                    "A-Z a-z 0-9 . _ -",
                    section->name, NAME_MAX_LEN);
  return option_check(loader_table(SECTION_API_KEY), section, section->name, err);
}

void api_keys_free(struct settings_api_key *keys, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    if (keys[i].secret)
      plug_secret_wipe(keys[i].secret, strlen(keys[i].secret));
    free(keys[i].name);
    free(keys[i].secret);
  }
  free(keys);
}

/* A fault of the key, at the entry or else at the section; the secret is never quoted. */
static plug_status key_fault(const struct settings_loader *l, const struct config_section *section,
                             const char *key, const char *why)
{
  const struct config_entry *entry = config_section_find(section, key);
  return fault_at(l->err, entry ? entry->file : section->file, entry ? entry->line : section->line,
                  "[%s] %s: %s", section->name, key, why);
}

/* Editors and echo end a line; no key does. */
static char *read_secret(const char *path, char why[240])
{
  size_t len;
  char *text = whole_file_read(path, LOADER_SECRET_MAX + 2, &len, NULL, why);
  if (!text)
    return NULL;
  size_t end = len;
  if (end && text[end - 1] == '\n')
    end--;
  if (end && text[end - 1] == '\r')
    end--;
  char *secret = str_dup(str_from(text, end));
  plug_secret_wipe(text, len);
  free(text);
  if (!secret)
    snprintf(why, 240, "out of memory");
  return secret;
}

static plug_status load_secret(struct settings_loader *l, const struct config_section *section,
                               struct settings_api_key *key)
{
  const struct config_entry *plain = config_section_find(section, "secret");
  const struct config_entry *file = config_section_find(section, "secret-file");
  char why[240];
  if (!plain && !file && section->damaged)
    return PLUG_OK; /* what was wrong with it has been said */
  if (!plain == !file)
    return key_fault(l, section, plain ? "secret-file" : "secret",
                     plain ? "there is a secret already"
                           : "is missing; secret-file is the other way");
  key->secret = plain ? str_dup(str_of(plain->value)) : read_secret(file->value, why);
  if (!key->secret)
    return file ? key_fault(l, section, "secret-file", why) : fault_no_memory(l->err);
  const char *fault = loader_secret_fault(str_of(key->secret));
  return fault ? key_fault(l, section, plain ? "secret" : "secret-file", fault) : PLUG_OK;
}

static plug_status load_rights(struct settings_loader *l, const struct config_section *section,
                               struct settings_api_key *key)
{
  static const struct {
    const char *name;
    unsigned right;
  } rights[] = {{"publish", SETTINGS_API_PUBLISH},
                {"disconnect", SETTINGS_API_DISCONNECT},
                {"presence", SETTINGS_API_PRESENCE}};
  const size_t n_rights = sizeof rights / sizeof *rights;
  struct plug_str text = STR(""), item;
  (void)option_str(loader_table(SECTION_API_KEY), section, "rights", &text);
  while (text.len && str_split(&text, ',', &item)) {
    size_t i = 0;
    while (i < n_rights && !str_eq(item, str_of(rights[i].name)))
      i++;
    if (i == n_rights)
      return key_fault(l, section, "rights", "there are publish, disconnect and presence");
    key->rights |= rights[i].right;
  }
  return key->rights ? PLUG_OK : key_fault(l, section, "rights", "is empty");
}

static plug_status load_key(struct settings_loader *l, const struct config_section *section,
                            struct plug_str name)
{
  struct settings *s = l->settings;
  struct settings_api_key *key = &s->api_keys[s->n_api_keys];
  for (size_t i = 0; i < s->n_api_keys; i++)
    if (str_eq(str_of(s->api_keys[i].name), name))
      return fault_at(l->err, section->file, section->line, "[%s]: this key is given twice",
                      section->name);
  key->name = str_dup(name);
  if (!key->name)
    return fault_no_memory(l->err);
  s->n_api_keys++;
  plug_status status = load_secret(l, section, key);
  for (size_t i = 0; !status && i + 1 < s->n_api_keys; i++)
    if (key->secret && s->api_keys[i].secret && strcmp(s->api_keys[i].secret, key->secret) == 0)
      return key_fault(l, section, "secret", "is that of another key, too");
  return status ? status : load_rights(l, section, key);
}

static plug_status load_place(struct settings_loader *l)
{
  struct settings *s = l->settings;
  plug_status status = loader_socket(l, SECTION_API, &s->api_socket);
  if (status)
    return status;
  const char *key = s->api_socket ? "socket" : s->n_api_listen ? "listen" : "tls-listen";
  if ((s->n_api_listen || s->n_api_tls_listen || s->api_socket) && !s->n_api_keys)
    return loader_fault(l, SECTION_API, key,
                        s->api_socket ? str_of(s->api_socket) : loader_text(l, SECTION_API, key),
                        "would serve nobody: there is no [api-key NAME]");
  if (s->n_api_keys && !settings_speaks_http(s) && !s->n_api_listen && !s->n_api_tls_listen &&
      !s->api_socket)
    return fault_at(l->err, NULL, 0,
                    "[api-key %s] opens nothing: 'listen' is empty in both [http] and [api], and "
                    "there is no 'socket'",
                    s->api_keys[0].name);
  return PLUG_OK;
}

plug_status api_load_keys(struct settings_loader *l)
{
  const struct list *head = &l->config->sections;
  struct plug_str name;
  size_t n = 0;
  for (const struct list *link = head->next; link != head; link = link->next)
    n += api_key_name(container_of(link, struct config_section, link), &name);
  l->settings->api_keys = calloc(n + 1, sizeof *l->settings->api_keys);
  if (!l->settings->api_keys)
    return fault_no_memory(l->err);
  for (const struct list *link = head->next; link != head; link = link->next) {
    const struct config_section *section = container_of(link, struct config_section, link);
    plug_status status = api_key_name(section, &name) ? load_key(l, section, name) : PLUG_OK;
    if (status)
      return status;
  }
  return load_place(l);
}
