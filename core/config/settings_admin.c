#include "config/settings_admin.h"

#include <grp.h>
#include <stdio.h>
#include <stdlib.h>

#include <plugboard/secret.h>

#include "base/str.h"
#include "config/fault.h"
#include "whole_file.h"

#define TOKENS_MAX 64

static plug_status token_fault(const struct settings_loader *l, const char *key, int line,
                               const char *why)
{
  const struct config_entry *entry = loader_entry(l, SECTION_ADMIN, key);
  char where[32] = "";
  if (line)
    snprintf(where, sizeof where, "line %d ", line);
  return fault_at(l->err, entry->file, entry->line, "[admin] %s: %s%s", key, where, why);
}

static plug_status add_token(struct settings_loader *l, const char *key, int line,
                             struct plug_str token)
{
  struct settings *s = l->settings;
  const char *fault = loader_secret_fault(token);
  if (!fault && s->n_admin_tokens == TOKENS_MAX)
    fault = "is one token too many: 64 is the most";
  if (fault)
    return token_fault(l, key, line, fault);
  s->admin_tokens[s->n_admin_tokens] = str_dup(token);
  if (!s->admin_tokens[s->n_admin_tokens])
    return fault_no_memory(l->err);
  s->n_admin_tokens++;
  return PLUG_OK;
}

static plug_status add_lines(struct settings_loader *l, struct plug_str text)
{
  struct plug_str token;
  int line = 1;
  for (; text.len && str_split(&text, '\n', &token); line++) {
    if (token.len && token.ptr[token.len - 1] == '\r')
      token.len--;
    token = str_trim(token);
    if (!token.len || token.ptr[0] == '#')
      continue;
    plug_status status = add_token(l, "token-file", line, token);
    if (status)
      return status;
  }
  return l->settings->n_admin_tokens ? PLUG_OK
                                     : token_fault(l, "token-file", 0, "there is no token in it");
}

static plug_status load_tokens(struct settings_loader *l)
{
  const struct config_entry *plain = loader_entry(l, SECTION_ADMIN, "token");
  const struct config_entry *file = loader_entry(l, SECTION_ADMIN, "token-file");
  l->settings->admin_tokens = calloc(TOKENS_MAX, sizeof *l->settings->admin_tokens);
  if (!l->settings->admin_tokens)
    return fault_no_memory(l->err);
  plug_status status = plain ? add_token(l, "token", 0, str_of(plain->value)) : PLUG_OK;
  if (status || !file)
    return status;
  size_t len;
  char why[240];
  char *text =
      whole_file_read(file->value, (size_t)TOKENS_MAX * (LOADER_SECRET_MAX + 2), &len, NULL, why);
  if (!text)
    return token_fault(l, "token-file", 0, why);
  status = add_lines(l, str_from(text, len));
  plug_secret_wipe(text, len);
  free(text);
  return status;
}

static plug_status load_socket(struct settings_loader *l)
{
  static const unsigned modes[] = {0600, 0660, 0666}; /* as the option's words are */
  struct settings_socket *place = &l->settings->admin_socket;
  const struct config_entry *group = loader_entry(l, SECTION_ADMIN, "socket-group");
  plug_status status = loader_socket(l, SECTION_ADMIN, &place->path);
  place->mode = modes[loader_choice(l, SECTION_ADMIN, "socket-mode")];
  place->group = -1;
  if (status || !group)
    return status;
  const struct group *found = getgrnam(group->value);
  if (!found)
    return loader_fault(l, SECTION_ADMIN, "socket-group", str_of(group->value),
                        "is no group of this machine");
  place->group = found->gr_gid;
  return PLUG_OK;
}

plug_status admin_load(struct settings_loader *l)
{
  struct settings *s = l->settings;
  plug_status status = load_tokens(l);
  if (!status)
    status = load_socket(l);
  if (status || !(s->n_admin_listen + s->n_admin_tls_listen) || s->n_admin_tokens)
    return status;
  const char *key = s->n_admin_listen ? "listen" : "tls-listen";
  return loader_fault(l, SECTION_ADMIN, key, loader_text(l, SECTION_ADMIN, key),
                      "would be open to everybody: there is neither 'token' nor 'token-file'");
}

void admin_settings_fini(struct settings *s)
{
  for (size_t i = 0; i < s->n_admin_tokens; i++) {
    plug_secret_wipe(s->admin_tokens[i], strlen(s->admin_tokens[i]));
    free(s->admin_tokens[i]);
  }
  free(s->admin_tokens);
  free(s->admin_socket.path);
}
