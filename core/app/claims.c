#include "app/claims.h"

#include <stdlib.h>

#include "base/str.h"
#include "config/fault.h"
#include "plugin/border.h"

/* --- specificity -------------------------------------------------------------------------- */

static size_t count_wildcards(struct plug_str pattern, bool *has_any_depth)
{
  size_t n = 0;
  *has_any_depth = false;
  for (size_t i = 0; i < pattern.len; i++) {
    char c = pattern.ptr[i];
    n += c == '*' || c == '?' || c == '{';
    *has_any_depth |= c == '*' && i + 1 < pattern.len && pattern.ptr[i + 1] == '*';
  }
  return n;
}

static int compare(const void *left, const void *right)
{
  struct plug_str a = shape_text(((const struct claim *)left)->shape);
  struct plug_str b = shape_text(((const struct claim *)right)->shape);
  bool a_deep, b_deep;
  size_t a_wild = count_wildcards(a, &a_deep), b_wild = count_wildcards(b, &b_deep);
  if (a_deep != b_deep)
    return a_deep ? 1 : -1;
  if (a_wild != b_wild)
    return a_wild > b_wild ? 1 : -1;
  if (a.len != b.len)
    return a.len < b.len ? 1 : -1;
  return a.len ? memcmp(a.ptr, b.ptr, a.len) : 0;
}

/* --- loading ------------------------------------------------------------------------------ */

/* A segment "{name}" or "{name:regex}" gives its name. */
static bool variable_name(struct plug_str segment, struct plug_str *name)
{
  if (segment.len < 3 || segment.ptr[0] != '{' || segment.ptr[segment.len - 1] != '}')
    return false;
  *name = str_from(segment.ptr + 1, segment.len - 2);
  const char *colon = memchr(name->ptr, ':', name->len);
  if (colon)
    name->len = (size_t)(colon - name->ptr);
  return true;
}

static plug_status find_variables(struct claim *claim, struct plug_err *err)
{
  struct plug_str rest = shape_text(claim->shape), segment, name;
  while (str_split(&rest, '/', &segment)) {
    const char *why = NULL;
    if (!variable_name(segment, &name))
      continue;
    int place = shape_variable(claim->shape, name, &why);
    if (place < 0)
      return fault_at(err, NULL, 0, "{%.*s}: %s", STR_ARG(name), why ? why : "is no variable");
    if (claim->n_variables == PLUG_APP_VARIABLES_MAX)
      return fault_at(err, NULL, 0, "has more than %d variables", PLUG_APP_VARIABLES_MAX);
    claim->names[claim->n_variables] = name;
    claim->places[claim->n_variables++] = place;
  }
  return PLUG_OK;
}

static plug_status make(struct claim *claim, struct plugin_instance *instance, size_t number,
                        struct plug_str pattern, uint32_t actions, struct plug_err *err)
{
  struct plug_err why = {0};
  struct fault_quote quote;
  *claim = (struct claim){.instance = instance, .number = number, .actions = actions};
  if (!pattern.len || pattern.ptr[0] != '/')
    return fault_at(err, NULL, 0, "[%s] claims %s, which does not start with a slash",
                    instance_name(instance), fault_quote(&quote, pattern));
  claim->shape = shape_new(pattern, &why);
  plug_status status = claim->shape ? find_variables(claim, &why) : PLUG_EINVAL;
  if (status == PLUG_OK)
    return PLUG_OK;
  shape_free(claim->shape);
  claim->shape = NULL;
  return fault_at(err, NULL, 0, "[%s] claims %s: %s", instance_name(instance),
                  fault_quote(&quote, pattern), why.text);
}

static plug_status check_twice(const struct claims *claims, const struct claim *claim,
                               struct plug_err *err)
{
  struct fault_quote quote;
  for (size_t i = 0; i < claims->n_claims; i++)
    if (claims->claims[i].actions & claim->actions &&
        str_eq(shape_text(claims->claims[i].shape), shape_text(claim->shape)))
      return fault_at(err, NULL, 0, "[%s] and [%s] both claim %s",
                      instance_name(claims->claims[i].instance), instance_name(claim->instance),
                      fault_quote(&quote, shape_text(claim->shape)));
  return PLUG_OK;
}

static struct claim *grow(struct claim **items, size_t n, size_t more)
{
  struct claim *grown = realloc(*items, (n + more + 1) * sizeof *grown);
  if (grown)
    *items = grown;
  return grown;
}

plug_status claims_add(struct claims *claims, struct plugin_instance *instance,
                       struct plug_err *err)
{
  const struct plug_app *app = instance_app(instance);
  struct plug_app_claims theirs = {.size = sizeof theirs};
  app->claims(instance_self(instance), &theirs);
  bool well = border_is_table(theirs.claims, theirs.n_claims) &&
              border_are_texts(theirs.watches, theirs.n_watches);
  for (size_t i = 0; well && i < theirs.n_claims; i++)
    well = border_is_text(theirs.claims[i].pattern);
  if (!well)
    return fault_at(err, NULL, 0, "[%s] claims: %s", instance_name(instance), BORDER_GARBAGE);
  if (theirs.n_claims && !app->request)
    return fault_at(err, NULL, 0, "[%s] claims destinations, but has no function 'request'",
                    instance_name(instance));
  if (theirs.n_watches && !app->event)
    return fault_at(err, NULL, 0, "[%s] watches destinations, but has no function 'event'",
                    instance_name(instance));
  if (!grow(&claims->claims, claims->n_claims, theirs.n_claims) ||
      !grow(&claims->watches, claims->n_watches, theirs.n_watches))
    return fault_no_memory(err);
  plug_status status = PLUG_OK;
  for (size_t i = 0; i < theirs.n_claims && status == PLUG_OK; i++) {
    struct claim *claim = &claims->claims[claims->n_claims];
    uint32_t actions = theirs.claims[i].actions & (PLUG_APP_SEND | PLUG_APP_SUBSCRIBE);
    status = make(claim, instance, i, theirs.claims[i].pattern, actions, err);
    if (status != PLUG_OK)
      break;
    status = check_twice(claims, claim, err);
    claims->n_claims++;
  }
  for (size_t i = 0; i < theirs.n_watches && status == PLUG_OK; i++) {
    status = make(&claims->watches[claims->n_watches], instance, i, theirs.watches[i], 0, err);
    claims->n_watches += status == PLUG_OK;
  }
  qsort(claims->claims, claims->n_claims, sizeof *claims->claims, compare);
  return status;
}

static plug_status copy(struct claim **items, size_t *n, const struct claim *from, size_t n_from,
                        const struct plugin_instance *instance, struct plug_err *err)
{
  if (!grow(items, *n, n_from))
    return fault_no_memory(err);
  for (size_t i = 0; i < n_from; i++) {
    if (from[i].instance != instance)
      continue;
    plug_status status = make(&(*items)[*n], from[i].instance, from[i].number,
                              shape_text(from[i].shape), from[i].actions, err);
    if (status != PLUG_OK)
      return status;
    ++*n;
  }
  return PLUG_OK;
}

plug_status claims_copy(struct claims *claims, const struct claims *from,
                        const struct plugin_instance *instance, struct plug_err *err)
{
  size_t before = claims->n_claims;
  plug_status status =
      copy(&claims->claims, &claims->n_claims, from->claims, from->n_claims, instance, err);
  if (status == PLUG_OK)
    status =
        copy(&claims->watches, &claims->n_watches, from->watches, from->n_watches, instance, err);
  for (size_t i = before; i < claims->n_claims && status == PLUG_OK; i++) {
    const struct claims earlier = {.claims = claims->claims, .n_claims = before};
    status = check_twice(&earlier, &claims->claims[i], err);
  }
  qsort(claims->claims, claims->n_claims, sizeof *claims->claims, compare);
  return status;
}

bool claims_watch(const struct claims *claims, const struct plugin_instance *instance)
{
  for (size_t i = 0; i < claims->n_watches; i++)
    if (claims->watches[i].instance == instance)
      return true;
  return false;
}

void claims_fini(struct claims *claims)
{
  for (size_t i = 0; i < claims->n_claims; i++)
    shape_free(claims->claims[i].shape);
  for (size_t i = 0; i < claims->n_watches; i++)
    shape_free(claims->watches[i].shape);
  free(claims->claims);
  free(claims->watches);
  *claims = (struct claims){0};
}

/* --- looking up --------------------------------------------------------------------------- */

const struct claim *claims_find(const struct claims *claims, struct plug_str path, uint32_t action)
{
  for (size_t i = 0; i < claims->n_claims; i++)
    if (claims->claims[i].actions & action && shape_match(claims->claims[i].shape, path))
      return &claims->claims[i];
  return NULL;
}

const struct claim *claims_find_watch(const struct claims *claims,
                                      const struct plugin_instance *instance,
                                      struct plug_str destination)
{
  for (size_t i = 0; i < claims->n_watches; i++)
    if (claims->watches[i].instance == instance &&
        shape_match(claims->watches[i].shape, destination))
      return &claims->watches[i];
  return NULL;
}

void claim_variables(const struct claim *claim, struct plug_str path, struct plug_kv *out)
{
  for (size_t i = 0; i < claim->n_variables; i++) {
    out[i] = (struct plug_kv){.key = claim->names[i]};
    if (!shape_value(claim->shape, claim->places[i], path, &out[i].value))
      out[i].value = str_from("", 0);
  }
}

void claims_put_list(const struct claims *claims, struct plug_str prefix, uint32_t action,
                     size_t max, struct buf *out)
{
  size_t begin = out->len, left = 0;
  for (size_t i = 0; i < claims->n_claims; i++) {
    struct plug_str text = shape_text(claims->claims[i].shape);
    if (!(claims->claims[i].actions & action))
      continue;
    if (left || out->len - begin + prefix.len + text.len + 20 > max) {
      left++;
      continue;
    }
    if (out->len > begin)
      buf_put_str(out, STR(", "));
    buf_put_str(out, prefix);
    buf_put_str(out, text);
  }
  if (out->len == begin && !left)
    buf_put_str(out, STR("nothing"));
  else if (left)
    buf_putf(out, "%s%zu more", out->len > begin ? " and " : "", left);
}
