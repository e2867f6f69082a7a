#include "config/settings_page.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/str.h"
#include "config/fault.h"

#define SECRET_BYTES   32 /* what HS256 asks for */
#define SECRET_MIN     32
#define SECRET_MAX     256
#define VARIABLE       "{room}"
#define SIGN_IN_PLUGIN "jwt"

static bool lies_below(struct plug_str destination, const struct settings_list *prefixes)
{
  for (size_t i = 0; i < prefixes->n; i++)
    if (str_has_prefix(destination, prefixes->items[i]) &&
        destination.len > prefixes->items[i].len && destination.ptr[prefixes->items[i].len] == '/')
      return true;
  return false;
}

/* One place for the room's name, and nothing else that means something. */
static const char *shape_fault(const char *destination)
{
  const char *place = strstr(destination, VARIABLE);
  if (!place || place == destination || place[-1] != '/' ||
      (place[strlen(VARIABLE)] && place[strlen(VARIABLE)] != '/'))
    return "has no segment " VARIABLE;
  if (strcspn(destination, "{") != (size_t)(place - destination) ||
      strcspn(place + 1, "{*?") != strlen(place + 1) ||
      strcspn(destination, "*? \t") != strlen(destination))
    return "has more than one " VARIABLE ", a pattern or a blank";
  return NULL;
}

static plug_status load_destination(struct settings_loader *l, const char *key,
                                    const struct settings_list *prefixes, const char *section,
                                    char **out)
{
  struct plug_str text = loader_text(l, SECTION_PAGE, key);
  *out = str_dup(text);
  if (!*out)
    return fault_no_memory(l->err);
  if (!text.len)
    return PLUG_OK;
  const char *fault = shape_fault(*out);
  if (fault)
    return loader_fault(l, SECTION_PAGE, key, text, fault);
  if (lies_below(text, prefixes))
    return PLUG_OK;
  char why[80];
  snprintf(why, sizeof why, "is not below a prefix of [destinations] %s", section);
  return loader_fault(l, SECTION_PAGE, key, text, why);
}

static plug_status load_room(struct settings_loader *l)
{
  struct settings *s = l->settings;
  struct settings_page *page = &s->page;
  plug_status status = load_destination(l, "room-send", &s->app_prefixes, "app", &page->room_send);
  if (!status)
    status =
        load_destination(l, "room-messages", &s->broker_prefixes, "broker", &page->room_messages);
  if (!status)
    status = load_destination(l, "room-watch", &s->broker_prefixes, "broker", &page->room_watch);
  if (!status)
    status = load_destination(l, "room-members", &s->app_prefixes, "app", &page->room_members);
  if (status)
    return status;
  const char *missing = !*page->room_send ? "room-send" : "room-messages";
  bool any = *page->room_send || *page->room_messages || *page->room_watch || *page->room_members;
  if (any && (!*page->room_send || !*page->room_messages))
    return fault_at(l->err, l->sections[SECTION_PAGE]->file, l->sections[SECTION_PAGE]->line,
                    "[try-page]: a room needs %s, too", missing);
  return PLUG_OK;
}

static plug_status make_secret(struct settings_loader *l, char **out)
{
  unsigned char random[SECRET_BYTES];
  *out = malloc(2 * SECRET_BYTES + 1);
  if (!*out)
    return fault_no_memory(l->err);
  if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
    return fault_at(l->err, NULL, 0, "cannot get a random number: %s", strerror(errno));
  for (size_t i = 0; i < sizeof random; i++)
    snprintf(*out + 2 * i, 3, "%02x", random[i]);
  return PLUG_OK;
}

static plug_status load_secret(struct settings_loader *l, char **out)
{
  const struct config_entry *entry = loader_entry(l, SECTION_PAGE, "sign-in-secret");
  struct plug_str secret = loader_text(l, SECTION_PAGE, "sign-in-secret");
  if (!secret.len)
    return make_secret(l, out);
  bool valid = secret.len >= SECRET_MIN && secret.len <= SECRET_MAX;
  for (size_t i = 0; valid && i < secret.len; i++)
    valid = (secret.ptr[i] >= '0' && secret.ptr[i] <= '9') ||
            ((secret.ptr[i] | 0x20) >= 'a' && (secret.ptr[i] | 0x20) <= 'z') ||
            strchr("-_+/=.", secret.ptr[i]);
  if (!valid)
    return fault_at(l->err, entry->file, entry->line,
                    "[try-page] sign-in-secret: it takes 32 to 256 of A-Z a-z 0-9 - _ + / = .");
  *out = str_dup(secret);
  return *out ? PLUG_OK : fault_no_memory(l->err);
}

/* Whoever can sign in under any name is let in as anybody: that does not go with another way to
 * prove who somebody is. */
static plug_status load_sign_in(struct settings_loader *l)
{
  struct settings *s = l->settings;
  const struct config_entry *entry = loader_entry(l, SECTION_PAGE, "sign-in");
  s->page.sign_in = s->try_page && loader_number(l, SECTION_PAGE, "sign-in") != 0;
  if (!s->page.sign_in)
    return PLUG_OK;
  const struct config_section *own = config_find(l->config, "auth." SIGN_IN_PLUGIN);
  if (s->auth_plugins.n)
    return fault_at(l->err, entry->file, entry->line,
                    "[try-page] sign-in lets everybody in by any name: it does not go together "
                    "with [auth] plugins; take one of them out");
  if (own)
    return fault_at(l->err, own->file, own->line,
                    "[try-page] sign-in writes ["
                    "auth." SIGN_IN_PLUGIN "] itself; take the section out, or the sign-in");
  char *file = str_dup(str_of(entry->file));
  struct plug_str *items = calloc(1, sizeof *items);
  if (!file || !items) {
    free(file);
    free(items);
    return fault_no_memory(l->err);
  }
  free((char *)(uintptr_t)s->auth_file);
  free(s->auth_plugins.items);
  s->auth_file = file;
  s->auth_line = entry->line;
  s->auth_plugins = (struct settings_list){items, 0};
  if (!loader_list_add(&s->auth_plugins, STR(SIGN_IN_PLUGIN)))
    return fault_no_memory(l->err);
  return load_secret(l, &s->page.secret);
}

plug_status settings_page_load(struct settings_loader *l)
{
  plug_status status = load_room(l);
  return status ? status : load_sign_in(l);
}

plug_status settings_page_sign_in(const struct settings *settings, struct config *config,
                                  struct plug_err *err)
{
  char secret[SECRET_MAX + 32];
  if (!settings->page.sign_in)
    return PLUG_OK;
  snprintf(secret, sizeof secret, "auth." SIGN_IN_PLUGIN ".secret=%s", settings->page.secret);
  const char *const lines[] = {
      secret,
      "auth." SIGN_IN_PLUGIN ".algorithms=HS256",
      "auth." SIGN_IN_PLUGIN ".issuer=" PAGE_ISSUER,
      "auth." SIGN_IN_PLUGIN ".audience=" PAGE_ISSUER,
      "auth." SIGN_IN_PLUGIN ".attributes=name, userId=sub",
  };
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    plug_status status = config_set(config, lines[i], err);
    if (status != PLUG_OK)
      return status;
  }
  config_find(config, "auth." SIGN_IN_PLUGIN)->generated = true;
  return PLUG_OK;
}
