#include "jwt_identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jwt_text.h"
#include "strict_json.h"

/* While it is being made: strings are in the claims, or in texts. */
struct draft {
  json_t *claims;
  struct plug_identity who;
  struct plug_str *roles;
  struct plug_kv *attrs;
  struct plug_permission *permissions;
  char **texts; /* what had to be written anew: numbers */
  size_t n_texts;
};

static enum jwt_reason no_memory(struct jwt_fault *fault)
{
  return jwt_fail(fault, JWT_NO_MEMORY, "out of memory");
}

/* Keeps a text that was allocated for the identity. */
static bool keep_text(struct draft *id, char *text)
{
  char **v = text != NULL ? realloc(id->texts, (id->n_texts + 1) * sizeof *v) : NULL;
  if (v == NULL) {
    free(text);
    return false;
  }
  id->texts = v;
  v[id->n_texts++] = text;
  return true;
}

/* A string as it is, a number or a boolean as its JSON text; ptr is NULL for anything else and,
 * with *oom set, when out of memory. */
static struct plug_str scalar(struct draft *id, const json_t *value, bool *oom)
{
  if (json_is_string(value))
    return strict_json_value_str(value);
  if (!json_is_number(value) && !json_is_boolean(value))
    return (struct plug_str){NULL, 0};
  char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
  *oom = !keep_text(id, text);
  return *oom ? (struct plug_str){NULL, 0} : jwt_str(text);
}

static enum jwt_reason take_user(struct draft *id, const struct jwt_policy *policy,
                                 struct jwt_fault *fault)
{
  char names[120] = "";
  size_t n = 0;
  for (size_t i = 0; i < policy->user.n; i++) {
    const struct jwt_path *path = &policy->user.v[i];
    const json_t *value = jwt_path_find(path, id->claims);
    bool oom = false;
    if (value == NULL) {
      if (n < sizeof names)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", n > 0 ? ", " : "", path->text);
      continue;
    }
    struct plug_str user = json_is_string(value) || json_is_integer(value)
                               ? scalar(id, value, &oom)
                               : (struct plug_str){NULL, 0};
    if (oom)
      return no_memory(fault);
    if (user.ptr == NULL)
      return jwt_fail(fault, JWT_USER, "the user claim %.100s is neither a string nor an integer",
                      path->text);
    if (user.len == 0 || user.len > JWT_MAX_USER || jwt_str_has_control(user))
      return jwt_fail(fault, JWT_USER,
                      "the user claim %.100s is empty, longer than %d bytes or holds control "
                      "characters",
                      path->text, JWT_MAX_USER);
    id->who.user = user;
    return JWT_OK;
  }
  return jwt_fail(fault, JWT_USER, "the token has none of the user claims: %s", names);
}

/* Room for one more than n: arrays are as long as the next power of two. */
static bool grow(void *array, size_t n, size_t size)
{
  if (n & (n - 1) || n == 1 || n == 2) /* the first has room for four */
    return true;
  void *old, *larger;
  memcpy(&old, array, sizeof old);
  larger = realloc(old, (n ? 2 * n : 4) * size);
  if (larger == NULL)
    return false;
  memcpy(array, &larger, sizeof larger);
  return true;
}

static enum jwt_reason add_role(struct draft *id, struct plug_str role, const struct jwt_path *path,
                                struct jwt_fault *fault)
{
  if (role.len == 0)
    return JWT_OK;
  if (jwt_str_has_control(role))
    return jwt_fail(fault, JWT_CLAIM, "a role of %.100s holds control characters", path->text);
  if (id->who.n_roles == JWT_MAX_ROLES)
    return jwt_fail(fault, JWT_CLAIM, "the token has more than %d roles", JWT_MAX_ROLES);
  if (!grow(&id->roles, id->who.n_roles, sizeof *id->roles))
    return no_memory(fault);
  id->roles[id->who.n_roles++] = role;
  return JWT_OK;
}

/* Words separated by blanks, as in scope. */
static bool next_word(struct plug_str *rest, struct plug_str *word)
{
  *rest = jwt_str_trim(*rest);
  if (rest->len == 0)
    return false;
  const char *blank = memchr(rest->ptr, ' ', rest->len);
  word->ptr = rest->ptr;
  word->len = blank != NULL ? (size_t)(blank - rest->ptr) : rest->len;
  rest->ptr += word->len;
  rest->len -= word->len;
  return true;
}

static enum jwt_reason take_roles(struct draft *id, const struct jwt_policy *policy,
                                  struct jwt_fault *fault)
{
  enum jwt_reason reason = JWT_OK;
  for (size_t i = 0; i < policy->roles.n && reason == JWT_OK; i++) {
    const struct jwt_path *path = &policy->roles.v[i];
    json_t *value = jwt_path_find(path, id->claims), *one;
    size_t k;
    if (value == NULL)
      continue;
    if (json_is_string(value)) {
      struct plug_str rest = strict_json_value_str(value), word;
      while (reason == JWT_OK && next_word(&rest, &word))
        reason = add_role(id, word, path, fault);
      continue;
    }
    if (!json_is_array(value))
      return jwt_fail(fault, JWT_CLAIM, "the role claim %.100s is neither a string nor an array",
                      path->text);
    json_array_foreach(value, k, one)
    {
      struct plug_str role = strict_json_value_str(one);
      if (role.ptr == NULL)
        return jwt_fail(fault, JWT_CLAIM, "the role claim %.100s holds something that is no string",
                        path->text);
      reason = add_role(id, role, path, fault);
      if (reason != JWT_OK)
        break;
    }
  }
  return reason;
}

static enum jwt_reason add_attr(struct draft *id, const struct jwt_attribute *attribute,
                                const json_t *value, struct jwt_fault *fault)
{
  bool oom = false;
  struct plug_str text = scalar(id, value, &oom);
  if (oom)
    return no_memory(fault);
  if (text.ptr == NULL) { /* objects, and arrays in arrays: as JSON */
    if (!keep_text(id, json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15))))
      return no_memory(fault);
    text = jwt_str(id->texts[id->n_texts - 1]);
  }
  if (id->who.n_attrs == JWT_MAX_ATTRS)
    return jwt_fail(fault, JWT_CLAIM, "the attributes have more than %d values", JWT_MAX_ATTRS);
  if (!grow(&id->attrs, id->who.n_attrs, sizeof *id->attrs))
    return no_memory(fault);
  id->attrs[id->who.n_attrs++] = (struct plug_kv){jwt_str(attribute->name), text};
  return JWT_OK;
}

static enum jwt_reason take_attrs(struct draft *id, const struct jwt_policy *policy,
                                  struct jwt_fault *fault)
{
  enum jwt_reason reason = JWT_OK;
  for (size_t i = 0; i < policy->n_attributes && reason == JWT_OK; i++) {
    const struct jwt_attribute *attribute = &policy->attributes[i];
    json_t *value = jwt_path_find(&attribute->path, id->claims), *one;
    size_t k;
    if (value == NULL)
      continue;
    if (!json_is_array(value)) {
      reason = add_attr(id, attribute, value, fault);
      continue;
    }
    json_array_foreach(value, k, one)
    {
      reason = add_attr(id, attribute, one, fault);
      if (reason != JWT_OK)
        break;
    }
  }
  return reason;
}

static enum jwt_reason add_permission(struct draft *id, uint32_t actions, struct plug_str pattern,
                                      struct jwt_fault *fault)
{
  if (pattern.len == 0 || pattern.ptr[0] != '/')
    return jwt_fail(fault, JWT_CLAIM, "a permission is not a destination that begins with \"/\"");
  if (id->who.n_permissions == JWT_MAX_PERMISSIONS)
    return jwt_fail(fault, JWT_CLAIM, "the token has more than %d permissions",
                    JWT_MAX_PERMISSIONS);
  if (!grow(&id->permissions, id->who.n_permissions, sizeof *id->permissions))
    return no_memory(fault);
  id->permissions[id->who.n_permissions++] =
      (struct plug_permission){.actions = actions, .pattern = pattern};
  return JWT_OK;
}

static bool strip_prefix(struct plug_str *s, const char *prefix)
{
  size_t n = strlen(prefix);
  if (s->len < n || memcmp(s->ptr, prefix, n) != 0)
    return false;
  s->ptr += n;
  s->len -= n;
  return true;
}

/* "subscribe:/a/b", "send:/a/b", or "/a/b" for both. */
static enum jwt_reason add_permission_text(struct draft *id, struct plug_str text, uint32_t actions,
                                           struct jwt_fault *fault)
{
  if (strip_prefix(&text, "subscribe:"))
    actions &= PLUG_SUBSCRIBE;
  else if (strip_prefix(&text, "send:"))
    actions &= PLUG_PUBLISH;
  return actions != 0 ? add_permission(id, actions, text, fault)
                      : jwt_fail(fault, JWT_CLAIM, "a permission contradicts the list it is in");
}

/* An array of texts, or one text with blanks between. */
static enum jwt_reason add_permissions(struct draft *id, const json_t *value, uint32_t actions,
                                       struct jwt_fault *fault)
{
  enum jwt_reason reason = JWT_OK;
  json_t *one;
  size_t i;
  if (json_is_string(value)) {
    struct plug_str rest = strict_json_value_str(value), word;
    while (reason == JWT_OK && next_word(&rest, &word))
      reason = add_permission_text(id, word, actions, fault);
    return reason;
  }
  if (!json_is_array(value))
    return jwt_fail(fault, JWT_CLAIM, "a list of permissions is neither an array nor a string");
  json_array_foreach(value, i, one)
  {
    struct plug_str text = strict_json_value_str(one);
    if (text.ptr == NULL)
      return jwt_fail(fault, JWT_CLAIM, "a permission is not a string");
    reason = add_permission_text(id, text, actions, fault);
    if (reason != JWT_OK)
      break;
  }
  return reason;
}

static enum jwt_reason take_permissions(struct draft *id, const struct jwt_policy *policy,
                                        struct jwt_fault *fault)
{
  enum jwt_reason reason = JWT_OK;
  const json_t *value =
      policy->has_permissions ? jwt_path_find(&policy->permissions, id->claims) : NULL;
  if (value == NULL)
    return JWT_OK;
  id->who.flags |= PLUG_IDENTITY_LIMITED;
  if (!json_is_object(value)) {
    reason = add_permissions(id, value, PLUG_SUBSCRIBE | PLUG_PUBLISH, fault);
  } else { /* {"subscribe": [...], "send": [...]} */
    const json_t *subscribe = json_object_get(value, "subscribe");
    const json_t *send = json_object_get(value, "send");
    if (subscribe != NULL)
      reason = add_permissions(id, subscribe, PLUG_SUBSCRIBE, fault);
    if (send != NULL && reason == JWT_OK)
      reason = add_permissions(id, send, PLUG_PUBLISH, fault);
  }
  return reason;
}

static void draft_fini(struct draft *id)
{
  for (size_t i = 0; i < id->n_texts; i++)
    free(id->texts[i]);
  free(id->texts);
  free(id->roles);
  free(id->attrs);
  free(id->permissions);
}

static struct plug_str pack_text(char **at, struct plug_str text)
{
  struct plug_str copy = {*at, text.len};
  memcpy(*at, text.ptr, text.len);
  *at += text.len;
  return copy;
}

/* All of the draft in one block: who gets it on another thread frees one thing. */
static bool pack(struct jwt_identity *out, const struct draft *id)
{
  const struct plug_identity *who = &id->who;
  size_t texts = who->user.len, arrays = who->n_roles * sizeof *id->roles +
                                         who->n_attrs * sizeof *id->attrs +
                                         who->n_permissions * sizeof *id->permissions;
  for (size_t i = 0; i < who->n_roles; i++)
    texts += id->roles[i].len;
  for (size_t i = 0; i < who->n_attrs; i++)
    texts += id->attrs[i].value.len;
  for (size_t i = 0; i < who->n_permissions; i++)
    texts += id->permissions[i].pattern.len;
  char *block = malloc(arrays + texts), *at = block + arrays;
  if (block == NULL)
    return false;
  struct plug_permission *permissions = (struct plug_permission *)(void *)block;
  struct plug_kv *attrs = (struct plug_kv *)(void *)(permissions + who->n_permissions);
  struct plug_str *roles = (struct plug_str *)(void *)(attrs + who->n_attrs);
  for (size_t i = 0; i < who->n_roles; i++)
    roles[i] = pack_text(&at, id->roles[i]);
  for (size_t i = 0; i < who->n_attrs; i++)
    attrs[i] = (struct plug_kv){id->attrs[i].key, pack_text(&at, id->attrs[i].value)};
  for (size_t i = 0; i < who->n_permissions; i++) {
    permissions[i] = id->permissions[i];
    permissions[i].pattern = pack_text(&at, id->permissions[i].pattern);
  }
  out->who = *who;
  out->who.user = pack_text(&at, who->user);
  out->who.roles = roles;
  out->who.attrs = attrs;
  out->who.permissions = permissions;
  out->block = block;
  return true;
}

enum jwt_reason jwt_identity_make(struct jwt_identity *id, const struct jwt_policy *policy,
                                  json_t *claims, int64_t expires_ms, struct jwt_fault *fault)
{
  enum jwt_reason reason;
  struct draft draft = {.claims = claims,
                        .who = {.size = sizeof draft.who, .expires_unix_ms = expires_ms}};
  memset(id, 0, sizeof *id);
  if ((reason = take_user(&draft, policy, fault)) == JWT_OK &&
      (reason = take_roles(&draft, policy, fault)) == JWT_OK &&
      (reason = take_attrs(&draft, policy, fault)) == JWT_OK &&
      (reason = take_permissions(&draft, policy, fault)) == JWT_OK && !pack(id, &draft))
    reason = no_memory(fault);
  draft_fini(&draft);
  return reason;
}

void jwt_identity_fini(struct jwt_identity *id)
{
  free(id->block);
  memset(id, 0, sizeof *id);
}
