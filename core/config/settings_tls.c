#include "config/settings_tls.h"

#include <stdlib.h>

#include "base/str.h"
#include "config/fault.h"

#define NAME_MAX_LEN 253 /* of a host, RFC 1035 */

bool tls_section_names(const struct config_section *section, struct plug_str *names)
{
  return loader_section_of(section, SECTION_TLS, names);
}

static bool take_name(struct plug_str *rest, struct plug_str *name)
{
  *rest = str_trim(*rest);
  size_t len = 0;
  while (len < rest->len && rest->ptr[len] != ' ' && rest->ptr[len] != '\t')
    len++;
  *name = str_from(rest->ptr, len);
  *rest = str_from(rest->ptr + len, rest->len - len);
  return len > 0;
}

static const char *name_fault(struct plug_str name)
{
  bool star = str_has_prefix(name, STR("*."));
  if (name.len > NAME_MAX_LEN)
    return "is longer than a host's name can be";
  for (size_t i = star ? 2 : 0; i < name.len; i++) {
    char c = name.ptr[i];
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
          c == '_' || c == '.'))
      return "is not a host's name: those are written as example.org or *.example.org, and others "
             "as in xn--...";
  }
  return name.len > (star ? 2u : 0u) ? NULL : "is not a host's name";
}

plug_status tls_check_named(const struct config_section *section, struct plug_str names,
                            struct plug_err *err)
{
  struct plug_str name;
  while (take_name(&names, &name)) {
    struct fault_quote quote;
    const char *fault = name_fault(name);
    if (fault)
      return fault_at(err, section->file, section->line, "[tls NAME...]: %s %s",
                      fault_quote(&quote, name), fault);
  }
  return option_check(loader_table(SECTION_TLS_NAME), section, section->name, err);
}

static plug_status load_names(struct settings_loader *l, const struct config_section *section,
                              struct plug_str names, struct settings_certificate *certificate)
{
  const struct settings_tls *tls = &l->settings->tls;
  struct plug_str name;
  certificate->names.items = calloc(names.len / 2 + 1, sizeof *certificate->names.items);
  if (!certificate->names.items)
    return fault_no_memory(l->err);
  while (take_name(&names, &name)) {
    for (size_t i = 0; i < tls->n_certificates; i++)
      for (size_t k = 0; k < tls->certificates[i].names.n; k++)
        if (str_eq_nocase(tls->certificates[i].names.items[k], name))
          return fault_at(l->err, section->file, section->line,
                          "[%s]: the name %.*s is given twice", section->name, STR_ARG(name));
    if (!loader_list_add(&certificate->names, name))
      return fault_no_memory(l->err);
  }
  return PLUG_OK;
}

static plug_status load_path(struct settings_loader *l, const struct config_section *section,
                             const char *key, bool needed, char **out)
{
  const struct config_entry *entry = config_section_find(section, key);
  if (entry && *entry->value) {
    *out = str_dup(str_of(entry->value));
    return *out ? PLUG_OK : fault_no_memory(l->err);
  }
  if (!needed || section->damaged)
    return PLUG_OK;
  return fault_at(l->err, entry ? entry->file : section->file, entry ? entry->line : section->line,
                  "[%s] %s: a file is missing", section->name, key);
}

static plug_status load_certificate(struct settings_loader *l, const struct config_section *section,
                                    struct plug_str names)
{
  struct settings_tls *tls = &l->settings->tls;
  struct settings_certificate *certificate = &tls->certificates[tls->n_certificates++];
  certificate->section = str_dup(str_of(section->name));
  certificate->file = str_dup(str_of(section->file));
  certificate->line = section->line;
  if (!certificate->section || !certificate->file)
    return fault_no_memory(l->err);
  plug_status status = load_names(l, section, names, certificate);
  if (!status)
    status = load_path(l, section, "certificate", true, &certificate->certificate);
  if (!status)
    status = load_path(l, section, "key", true, &certificate->key);
  return status ? status
                : load_path(l, section, "ocsp-response", false, &certificate->ocsp_response);
}

/* OpenSSL takes the names for TLS 1.3 and those for older versions apart. */
static plug_status load_ciphers(struct settings_loader *l)
{
  struct settings_tls *tls = &l->settings->tls;
  struct plug_str text = loader_text(l, SECTION_TLS, "ciphers"), item;
  struct buf suites = {0}, ciphers = {0};
  while (text.len && str_split(&text, ':', &item)) {
    struct buf *out = str_has_prefix(item, STR("TLS_")) ? &suites : &ciphers;
    if (!item.len)
      continue;
    if (out->len)
      buf_put_char(out, ':');
    buf_put_str(out, item);
  }
  tls->suites = str_dup(str_from(suites.data, suites.len));
  tls->ciphers = str_dup(str_from(ciphers.data, ciphers.len));
  bool failed = suites.failed || ciphers.failed || !tls->suites || !tls->ciphers;
  buf_free(&suites);
  buf_free(&ciphers);
  return failed ? fault_no_memory(l->err) : PLUG_OK;
}

static plug_status load_clients(struct settings_loader *l, const struct config_section *section)
{
  struct settings_tls *tls = &l->settings->tls;
  tls->client_certificate =
      (enum tls_client_certificate)loader_choice(l, SECTION_TLS, "client-certificate");
  plug_status status = load_path(l, section, "client-ca", false, &tls->client_ca);
  if (status)
    return status;
  if (tls->client_certificate != TLS_CLIENT_OFF && !tls->client_ca && !section->damaged)
    return loader_fault(l, SECTION_TLS, "client-certificate",
                        loader_text(l, SECTION_TLS, "client-certificate"),
                        "needs 'client-ca', which says who vouches for clients");
  if (tls->client_certificate == TLS_CLIENT_OFF && tls->client_ca)
    return loader_fault(l, SECTION_TLS, "client-ca", str_of(tls->client_ca),
                        "has no effect: 'client-certificate' is off");
  return PLUG_OK;
}

/* The other way round is none: certificates may be prepared. */
static plug_status check_listeners(struct settings_loader *l)
{
  static const enum settings_section_id ids[] = {SECTION_HTTP, SECTION_TCP, SECTION_API,
                                                 SECTION_ADMIN};
  if (l->settings->tls.n_certificates || !settings_speaks_tls(l->settings))
    return PLUG_OK;
  for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
    struct plug_str text = loader_text(l, ids[i], "tls-listen");
    if (text.len)
      return loader_fault(l, ids[i], "tls-listen", text,
                          "needs a section [tls] with 'certificate' and 'key'");
  }
  return PLUG_OK;
}

plug_status tls_load(struct settings_loader *l)
{
  struct settings_tls *tls = &l->settings->tls;
  const struct config_section *first = l->sections[SECTION_TLS];
  const struct list *head = &l->config->sections;
  struct plug_str names;
  size_t n = 0;
  for (const struct list *link = head->next; link != head; link = link->next)
    n += tls_section_names(container_of(link, struct config_section, link), &names);
  tls->certificates = calloc(n + 1, sizeof *tls->certificates);
  if (!tls->certificates)
    return fault_no_memory(l->err);
  plug_status status = first ? load_certificate(l, first, STR("")) : PLUG_OK;
  for (const struct list *link = head->next; link != head && !status; link = link->next) {
    const struct config_section *section = container_of(link, struct config_section, link);
    if (!tls_section_names(section, &names) || !names.len)
      continue;
    if (!first)
      return fault_at(
          l->err, section->file, section->line,
          "[%s] needs a section [tls], whose certificate is for clients that ask for no "
          "name",
          section->name);
    status = load_certificate(l, section, names);
  }
  if (!status && first)
    status = load_clients(l, first);
  if (!status)
    status = load_ciphers(l);
  tls->only_1_3 = loader_choice(l, SECTION_TLS, "min-version") == 1;
  tls->handshake_timeout_ms = loader_number(l, SECTION_TLS, "handshake-timeout");
  tls->handshakes_per_turn = loader_number(l, SECTION_TLS, "handshakes-per-turn");
  tls->session_lifetime_ms = loader_number(l, SECTION_TLS, "session-lifetime");
  tls->max_rekeys = loader_number(l, SECTION_TLS, "max-rekeys");
  tls->rekey_after = loader_number(l, SECTION_TLS, "rekey-after");
  tls->reload_interval_ms = loader_number(l, SECTION_TLS, "reload-interval");
  return status ? status : check_listeners(l);
}

void tls_fini(struct settings_tls *tls)
{
  for (size_t i = 0; i < tls->n_certificates; i++) {
    loader_list_fini(&tls->certificates[i].names);
    free(tls->certificates[i].certificate);
    free(tls->certificates[i].key);
    free(tls->certificates[i].ocsp_response);
    free(tls->certificates[i].section);
    free(tls->certificates[i].file);
  }
  free(tls->certificates);
  free(tls->suites);
  free(tls->ciphers);
  free(tls->client_ca);
}
