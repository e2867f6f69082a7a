#include "route_template.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "json_text.h"

enum source { ROOT, VARIABLE, CLAIM, USER, SESSION, NOW, NOW_MS, UUID4, UUID7 };

struct part { /* of a text: a literal, or a place */
  bool is_place, optional;
  enum source source;
  size_t number;        /* of the root or variable */
  struct plug_str text; /* literal, or the name or path */
};

enum node_kind { CONSTANT, VALUE, TEXT, ARRAY, OBJECT };

struct node {
  enum node_kind kind;
  json_t *constant; /* borrowed from the template's document */
  struct part *parts;
  size_t n_parts;
  struct node **children;
  struct plug_str *keys;
  size_t n_children;
};

struct route_template {
  json_t *document; /* owns all texts of the nodes */
  struct node *root;
  const struct route_scope *scope;
  bool needs[ROUTE_ROOTS_MAX], is_destination;
};

#define DEPTH_MAX 64

/* --- compiling ---------------------------------------------------------------------------- */

static bool find_variable(const struct route_path *path, struct plug_str name, size_t *number)
{
  for (size_t i = 0; i < path->n; i++)
    if (path->variables[i].name.len == name.len &&
        memcmp(path->variables[i].name.ptr, name.ptr, name.len) == 0) {
      *number = i;
      return true;
    }
  return false;
}

static bool is_member_path(struct plug_str path)
{
  while (path.len) {
    const char *dot = memchr(path.ptr, '.', path.len);
    size_t len = dot ? (size_t)(dot - path.ptr) : path.len;
    if (!route_is_name(route_slice(path.ptr, len)) || (dot && len + 1 == path.len))
      return false;
    path = route_slice(path.ptr + len + (dot != NULL), path.len - len - (dot != NULL));
  }
  return true;
}

static plug_status unknown_place(const struct route_template *t, struct plug_str name,
                                 struct plug_err *err)
{
  const struct route_scope *scope = t->scope;
  char list[160] = "";
  for (size_t i = 0; i < scope->n_roots; i++) {
    size_t len = strlen(list);
    snprintf(list + len, sizeof list - len, "%s.MEMBER, ", scope->roots[i]);
  }
  return route_fault(err,
                     "'{%.*s}' is nothing that could be filled in: there are %s%snow, now.ms, "
                     "uuid, uuid7 and the pattern's variables; a brace is written {{",
                     (int)(name.len < 60 ? name.len : 60), name.len ? name.ptr : "", list,
                     scope->has_sender ? "claim.NAME, user, session, " : "");
}

/* "root" or "root.a.b" */
static bool parse_root(struct route_template *t, struct plug_str name, struct part *part)
{
  for (size_t i = 0; i < t->scope->n_roots; i++) {
    const char *root = t->scope->roots[i];
    size_t len = strlen(root);
    if (!route_starts(name, root) || (name.len > len && name.ptr[len] != '.'))
      continue;
    if (name.len > len) {
      part->text = route_slice(name.ptr + len + 1, name.len - len - 1);
      if (!part->text.len || !is_member_path(part->text))
        return false;
    }
    part->source = ROOT;
    part->number = i;
    t->needs[i] = true;
    return true;
  }
  return false;
}

static plug_status parse_place(struct route_template *t, struct plug_str name, struct part *part,
                               struct plug_err *err)
{
  static const struct {
    const char *name;
    enum source source;
    bool of_sender;
  } words[] = {{"user", USER, true},      {"session", SESSION, true}, {"now", NOW, false},
               {"now.ms", NOW_MS, false}, {"uuid", UUID4, false},     {"uuid7", UUID7, false}};
  struct plug_str whole = name;
  *part = (struct part){.is_place = true};
  if (name.len && name.ptr[name.len - 1] == '?') {
    part->optional = true;
    name.len--;
  }
  if (find_variable(t->scope->path, name, &part->number)) {
    part->source = VARIABLE;
    return PLUG_OK;
  }
  if (parse_root(t, name, part))
    return PLUG_OK;
  part->text = route_str("");
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (route_eq(name, words[i].name) && (t->scope->has_sender || !words[i].of_sender)) {
      part->source = words[i].source;
      return PLUG_OK;
    }
  if (t->scope->has_sender && route_starts(name, "claim.") && name.len > 6) {
    part->source = CLAIM;
    part->text = route_slice(name.ptr + 6, name.len - 6);
    return PLUG_OK;
  }
  return unknown_place(t, whole, err);
}

/* Into literals and places. */
static plug_status parse_text(struct route_template *t, struct plug_str text, struct node *node,
                              struct plug_err *err)
{
  node->parts = calloc(text.len + 1, sizeof *node->parts); /* more than enough */
  if (!node->parts)
    return PLUG_ENOMEM;
  size_t from = 0;
  for (size_t i = 0; i < text.len; i++) {
    if (text.ptr[i] != '{')
      continue;
    bool brace = i + 1 < text.len && text.ptr[i + 1] == '{';
    size_t end = i + brace; /* of the literal: with one brace of two */
    if (end > from)
      node->parts[node->n_parts++] =
          (struct part){.text = route_slice(text.ptr + from, end - from)};
    if (brace) {
      from = i + 2;
      i++;
      continue;
    }
    const char *close = memchr(text.ptr + i, '}', text.len - i);
    if (!close)
      return route_fault(err, "a '{' without its '}'; a brace itself is written {{");
    char name[128];
    size_t len = (size_t)(close - text.ptr) - i - 1;
    if (len >= sizeof name)
      return route_fault(err, "a place with a name of more than %zu bytes", sizeof name - 1);
    memcpy(name, text.ptr + i + 1, len);
    name[len] = '\0';
    plug_status status = parse_place(t, route_slice(name, len), &node->parts[node->n_parts], err);
    if (status != PLUG_OK)
      return status;
    struct part *part = &node->parts[node->n_parts++];
    if (part->text.len) /* out of the document, which stays */
      part->text.ptr = text.ptr + i + 1 + (part->text.ptr - name);
    i += len + 1;
    from = i + 1;
  }
  if (text.len > from)
    node->parts[node->n_parts++] =
        (struct part){.text = route_slice(text.ptr + from, text.len - from)};
  node->kind = node->n_parts == 1 && node->parts[0].is_place ? VALUE : TEXT;
  return PLUG_OK;
}

static void node_free(struct node *node)
{
  if (!node)
    return;
  for (size_t i = 0; i < node->n_children; i++)
    node_free(node->children[i]);
  free(node->children);
  free(node->keys);
  free(node->parts);
  free(node);
}

static struct node *compile(struct route_template *t, json_t *json, unsigned depth,
                            struct plug_err *err);

static plug_status compile_children(struct route_template *t, json_t *json, struct node *node,
                                    unsigned depth, struct plug_err *err)
{
  bool object = json_is_object(json);
  size_t n = object ? json_object_size(json) : json_array_size(json);
  node->kind = object ? OBJECT : ARRAY;
  node->children = calloc(n + 1, sizeof *node->children);
  node->keys = calloc(n + 1, sizeof *node->keys);
  if (!node->children || !node->keys)
    return PLUG_ENOMEM;
  void *at = object ? json_object_iter(json) : NULL;
  for (size_t i = 0; i < n; i++) {
    json_t *child = object ? json_object_iter_value(at) : json_array_get(json, i);
    if (object) {
      node->keys[i] = route_str(json_object_iter_key(at));
      at = json_object_iter_next(json, at);
    }
    node->children[i] = compile(t, child, depth + 1, err);
    if (!node->children[i])
      return err->code;
    node->n_children++;
  }
  return PLUG_OK;
}

static struct node *compile(struct route_template *t, json_t *json, unsigned depth,
                            struct plug_err *err)
{
  struct node *node = calloc(1, sizeof *node);
  plug_status status = node ? PLUG_OK : PLUG_ENOMEM;
  if (!node) {
    err->code = status;
    return NULL;
  }
  if (depth > DEPTH_MAX)
    status = route_fault(err, "is nested deeper than %d", DEPTH_MAX);
  else if (json_is_string(json))
    status =
        parse_text(t, route_slice(json_string_value(json), json_string_length(json)), node, err);
  else if (json_is_object(json) || json_is_array(json))
    status = compile_children(t, json, node, depth, err);
  else
    node->constant = json;
  if (status == PLUG_OK)
    return node;
  err->code = status;
  node_free(node);
  return NULL;
}

static struct route_template *make(json_t *document, const struct route_scope *scope,
                                   bool is_destination, struct plug_err *err)
{
  struct route_template *t = document ? calloc(1, sizeof *t) : NULL;
  if (!t) {
    json_decref(document);
    err->code = err->code ? err->code : PLUG_ENOMEM;
    return NULL;
  }
  t->document = document;
  t->scope = scope;
  t->is_destination = is_destination;
  t->root = compile(t, document, 0, err);
  if (t->root)
    return t;
  route_template_free(t);
  return NULL;
}

struct route_template *route_template_json(struct plug_str text, const struct route_scope *scope,
                                           struct plug_err *err)
{
  json_error_t why;
  err->code = 0;
  json_t *document = json_loadb(text.ptr ? text.ptr : "", text.len,
                                JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &why);
  if (!document)
    route_fault(err, "is not JSON: %s (column %d)", why.text, why.column);
  return make(document, scope, false, err);
}

struct route_template *route_template_destination(struct plug_str text,
                                                  const struct route_scope *scope,
                                                  struct plug_err *err)
{
  err->code = 0;
  if (!text.len || text.ptr[0] != '/') {
    route_fault(err, "must start with a slash, as in /topic/{room}");
    return NULL;
  }
  json_t *document = json_stringn(text.ptr, text.len);
  if (!document)
    route_fault(err, "is not UTF-8");
  return make(document, scope, true, err);
}

void route_template_free(struct route_template *t)
{
  if (!t)
    return;
  node_free(t->root);
  json_decref(t->document);
  free(t);
}

bool route_template_needs_root(const struct route_template *t, size_t root)
{
  return t && t->needs[root];
}

/* --- values ------------------------------------------------------------------------------- */

json_t *route_member(json_t *root, struct plug_str path)
{
  while (root && path.len) {
    const char *dot = memchr(path.ptr, '.', path.len);
    size_t len = dot ? (size_t)(dot - path.ptr) : path.len;
    char key[128];
    if (len >= sizeof key)
      return NULL;
    memcpy(key, path.ptr, len);
    key[len] = '\0';
    root = json_object_get(root, key); /* NULL of what is no object */
    path = route_slice(path.ptr + len + (dot != NULL), path.len - len - (dot != NULL));
  }
  return root;
}

static json_t *make_uuid(const struct route_values *values, bool seven)
{
  uint8_t b[16];
  char text[37];
  if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
    return NULL;
  for (int i = 0; seven && i < 6; i++)
    b[i] = (uint8_t)((uint64_t)values->now_ms >> (40 - 8 * i));
  b[6] = (uint8_t)((b[6] & 0x0f) | (seven ? 0x70 : 0x40));
  b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
  snprintf(text, sizeof text,
           "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2],
           b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
  return json_string(text);
}

static json_t *make_instant(int64_t ms)
{
  time_t seconds = (time_t)(ms / 1000);
  struct tm tm;
  char text[64];
  gmtime_r(&seconds, &tm);
  size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
  snprintf(text + n, sizeof text - n, ".%03dZ", (int)(ms % 1000));
  return json_string(text);
}

static json_t *variable_value(const struct route_template *t, const struct route_values *values,
                              size_t number)
{
  struct plug_str text = values->variables[number];
  char digits[24];
  if (t->scope->path->variables[number].type != ROUTE_INT)
    return json_stringn(text.ptr, text.len);
  snprintf(digits, sizeof digits, "%.*s", (int)text.len, text.ptr);
  return json_integer(strtoll(digits, NULL, 10));
}

static const struct plug_str *find_claim(const struct plug_identity *who, struct plug_str name)
{
  for (size_t i = 0; who && i < who->n_attrs; i++)
    if (who->attrs[i].key.len == name.len && memcmp(who->attrs[i].key.ptr, name.ptr, name.len) == 0)
      return &who->attrs[i].value;
  return NULL;
}

static json_t *missing(const struct part *part, struct route_refusal *refusal, const char *code,
                       const char *what)
{
  if (part->optional)
    return json_null();
  route_refuse(refusal, code, "%s%.*s is missing", what, (int)part->text.len,
               part->text.ptr ? part->text.ptr : "");
  return NULL;
}

static json_t *root_value(const struct route_template *t, const struct part *part,
                          const struct route_values *values, struct route_refusal *refusal)
{
  const char *root = t->scope->roots[part->number];
  char name[80];
  json_t *member = route_member(values->roots[part->number], part->text);
  if (member)
    return json_incref(member);
  snprintf(name, sizeof name, "%s%s", root, part->text.len ? "." : "");
  return missing(part, refusal, "bad-body", name);
}

/* A new reference; NULL: refused, or no memory. */
static json_t *value_of(const struct route_template *t, const struct part *part,
                        const struct route_values *values, struct route_refusal *refusal)
{
  const struct plug_identity *who = values->who;
  const struct plug_str *claim;
  switch (part->source) {
  case ROOT:
    return root_value(t, part, values, refusal);
  case VARIABLE:
    return variable_value(t, values, part->number);
  case CLAIM:
    claim = find_claim(who, part->text);
    return claim ? json_stringn(claim->ptr, claim->len)
                 : missing(part, refusal, "missing-claim", "the identity's claim ");
  case USER:
    return who ? json_stringn(who->user.ptr, who->user.len)
               : missing(part, refusal, "not-authenticated", "the user's name");
  case SESSION:
    return json_stringn(values->session.ptr, values->session.len);
  case NOW:
    return make_instant(values->now_ms);
  case NOW_MS:
    return json_integer(values->now_ms);
  case UUID4:
    return make_uuid(values, false);
  case UUID7:
    return make_uuid(values, true);
  }
  return NULL;
}

/* --- filling ------------------------------------------------------------------------------ */

struct text {
  char *data;
  size_t len, cap;
};

static bool put(struct text *out, const char *bytes, size_t n)
{
  if (out->cap - out->len <= n) {
    size_t cap = (out->len + n) * 2 + 64;
    char *grown = realloc(out->data, cap);
    if (!grown)
      return false;
    out->data = grown;
    out->cap = cap;
  }
  if (n)
    memcpy(out->data + out->len, bytes, n);
  out->len += n;
  out->data[out->len] = '\0';
  return true;
}

/* In a destination a value is one segment or part of one. */
static bool put_segment(struct text *out, const struct part *part, const char *s, size_t n,
                        struct route_refusal *refusal)
{
  if (!n)
    return route_refuse(refusal, "bad-destination", "a part of the destination is empty");
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)s[i];
    if (c == '/' && part->source == USER) {
      if (!put(out, "%2F", 3))
        return false;
      continue;
    }
    if (c == '%' && part->source == USER && n - i >= 3 && memcmp(s + i, "%2F", 3) == 0)
      return route_refuse(refusal, "bad-destination", "the user's name has a %%2F");
    if (c < 0x20 || c == 0x7f || c == '/')
      return route_refuse(refusal, "bad-destination",
                          "a part of the destination has a slash or a control character");
    if (!put(out, s + i, 1))
      return false;
  }
  return true;
}

static bool put_value(struct text *out, const struct part *part, const json_t *value,
                      bool is_destination, struct route_refusal *refusal)
{
  char number[64];
  const char *s = number;
  size_t n = 0;
  if (json_is_string(value)) {
    s = json_string_value(value);
    n = json_string_length(value);
  } else if (json_is_integer(value)) {
    n = (size_t)snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
  } else if (json_is_real(value)) {
    n = (size_t)snprintf(number, sizeof number, "%.15g", json_real_value(value));
  } else if (json_is_boolean(value)) {
    s = json_is_true(value) ? "true" : "false";
    n = strlen(s);
  } else if (!json_is_null(value)) {
    return route_refuse(refusal, "bad-body", "%.*s is no text", (int)part->text.len,
                        part->text.ptr ? part->text.ptr : "");
  }
  return is_destination ? put_segment(out, part, s, n, refusal) : put(out, s, n);
}

static bool fill_text(const struct route_template *t, const struct node *node,
                      const struct route_values *values, struct text *out,
                      struct route_refusal *refusal)
{
  for (size_t i = 0; i < node->n_parts; i++) {
    const struct part *part = &node->parts[i];
    if (!part->is_place) {
      if (!put(out, part->text.ptr, part->text.len))
        return false;
      continue;
    }
    json_t *value = value_of(t, part, values, refusal);
    bool done = value && put_value(out, part, value, t->is_destination, refusal);
    json_decref(value);
    if (!done)
      return false;
  }
  return put(out, "", 0);
}

static json_t *fill(const struct route_template *t, const struct node *node,
                    const struct route_values *values, struct route_refusal *refusal)
{
  json_t *made = NULL;
  struct text text = {0};
  switch (node->kind) {
  case CONSTANT:
    return json_incref(node->constant); /* a scalar, and its count is atomic */
  case VALUE:
    return value_of(t, &node->parts[0], values, refusal);
  case TEXT:
    if (fill_text(t, node, values, &text, refusal))
      made = json_stringn(text.data, text.len);
    free(text.data);
    return made;
  case ARRAY:
  case OBJECT:
    break;
  }
  made = node->kind == OBJECT ? json_object() : json_array();
  for (size_t i = 0; made && i < node->n_children; i++) {
    json_t *child = fill(t, node->children[i], values, refusal);
    int failed = !child ? -1
                 : node->kind == OBJECT
                     ? json_object_set_new_nocheck(made, node->keys[i].ptr, child)
                     : json_array_append_new(made, child);
    if (failed) {
      json_decref(made);
      made = NULL;
    }
  }
  return made;
}

json_t *route_template_make(const struct route_template *t, const struct route_values *values,
                            struct route_refusal *refusal)
{
  refusal->code = NULL;
  return t->is_destination ? NULL : fill(t, t->root, values, refusal);
}

char *route_template_fill(const struct route_template *t, const struct route_values *values,
                          size_t *len, struct route_refusal *refusal)
{
  refusal->code = NULL;
  if (t->is_destination) {
    struct text text = {0};
    if (fill_text(t, t->root, values, &text, refusal)) {
      *len = text.len;
      return text.data;
    }
    free(text.data);
    return NULL;
  }
  json_t *json = route_template_make(t, values, refusal);
  if (!json)
    return NULL;
  char *text = json_text_dump(json);
  json_decref(json);
  if (text)
    *len = strlen(text);
  return text;
}
