#include "hook_request.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Where something does not fit into memory the whole is given up. */
struct maker {
  json_t *root;
  bool failed;
};

static void put(struct maker *m, json_t *object, const char *name, json_t *value)
{
  if (!value || json_object_set_new_nocheck(object, name, value) != 0)
    m->failed = true;
}

static json_t *text(struct plug_str s)
{
  return json_stringn(s.len ? s.ptr : "", s.len);
}

/* What is no UTF-8 is left out: STOMP has none, and nobody could read it. */
static void put_pair(struct maker *m, json_t *object, struct plug_kv pair, bool lists)
{
  json_t *value = text(pair.value);
  json_t *before = json_object_getn(object, pair.key.len ? pair.key.ptr : "", pair.key.len);
  if (!value || (before && !lists)) { /* of headers that repeat the first one counts */
    json_decref(value);
    return;
  }
  if (json_is_array(before)) {
    m->failed |= json_array_append_new(before, value) != 0;
    return;
  }
  if (before) {
    json_t *both = json_pack("[O, o]", before, value);
    if (!both)
      m->failed = true;
    value = both;
  }
  if (value)
    json_object_setn_new(object, pair.key.len ? pair.key.ptr : "", pair.key.len, value);
}

static json_t *pairs(struct maker *m, const struct plug_kv *list, size_t n, bool lists)
{
  json_t *object = json_object();
  for (size_t i = 0; object && i < n; i++)
    put_pair(m, object, list[i], lists);
  return object;
}

static json_t *identity(struct maker *m, const struct plug_identity *who)
{
  if (!who)
    return json_null();
  json_t *object = json_object(), *roles = json_array();
  for (size_t i = 0; roles && i < who->n_roles; i++) {
    json_t *role = text(who->roles[i]);
    if (role)
      m->failed |= json_array_append_new(roles, role) != 0;
  }
  put(m, object, "name", text(who->user));
  put(m, object, "roles", roles);
  put(m, object, "claims", pairs(m, who->attrs, who->n_attrs, true));
  return object;
}

static json_t *base64(struct plug_str bytes)
{
  size_t size = (bytes.len + 2) / 3 * 4;
  char *out = malloc(size + 1);
  if (!out)
    return NULL;
  EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)bytes.ptr, (int)bytes.len);
  json_t *json = json_stringn_nocheck(out, size);
  free(out);
  return json;
}

static void begin(struct maker *m, const struct hook_about *about, const char *type,
                  struct plug_str session, const struct plug_identity *who)
{
  *m = (struct maker){.root = json_object()};
  put(m, m->root, "type", json_string(type));
  put(m, m->root, "id", json_string(about->id));
  put(m, m->root, "hook", json_string(about->hook));
  put(m, m->root, "time", json_integer(about->now_ms));
  put(m, m->root, "node", json_string(about->node));
  put(m, m->root, "session", text(session));
  put(m, m->root, "user", identity(m, who));
}

static char *end(struct maker *m, size_t *len)
{
  char *out = NULL;
  if (!m->failed && m->root)
    out = json_dumps(m->root, JSON_COMPACT | JSON_PRESERVE_ORDER);
  json_decref(m->root);
  *len = out ? strlen(out) : 0;
  return out;
}

char *hook_request_json(const struct hook_about *about, const struct plug_app_request *request,
                        size_t *len)
{
  struct maker m;
  begin(&m, about, request->action == PLUG_APP_SUBSCRIBE ? "subscribe" : "send",
        request->session_id, request->who);
  put(&m, m.root, "destination", text(request->destination));
  put(&m, m.root, "path", text(request->path));
  put(&m, m.root, "variables", pairs(&m, request->variables, request->n_variables, false));
  put(&m, m.root, "headers", pairs(&m, request->headers, request->n_headers, false));
  if (request->action == PLUG_APP_SEND) {
    json_t *body = text(request->body);
    put(&m, m.root, "contentType", text(request->content_type));
    if (body)
      put(&m, m.root, "body", body);
    else
      put(&m, m.root, "base64", base64(request->body));
  }
  return end(&m, len);
}

char *hook_event_json(const struct hook_about *about, const struct plug_app_event *event,
                      size_t *len)
{
  static const char *const types[] = {[PLUG_APP_SUBSCRIBED] = "subscribed",
                                      [PLUG_APP_UNSUBSCRIBED] = "unsubscribed",
                                      [PLUG_APP_DISCONNECTED] = "disconnected"};
  struct maker m;
  begin(&m, about, types[event->kind], event->session_id, event->who);
  if (event->kind != PLUG_APP_DISCONNECTED) {
    put(&m, m.root, "destination", text(event->destination));
    put(&m, m.root, "subscription", text(event->subscription));
    put(&m, m.root, "variables", pairs(&m, event->variables, event->n_variables, false));
  }
  return end(&m, len);
}
