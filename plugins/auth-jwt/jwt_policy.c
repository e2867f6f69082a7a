#include "jwt_policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jwt_text.h"

static bool no_memory(char why[160])
{
  snprintf(why, 160, "out of memory");
  return false;
}

bool jwt_texts_parse(struct jwt_texts *texts, struct plug_str list)
{
  struct plug_str one;
  while (jwt_list_next(&list, &one)) {
    char **v = realloc(texts->v, (texts->n + 1) * sizeof *v);
    if (v == NULL)
      return false;
    texts->v = v;
    if (one.len >= 2 && one.ptr[0] == '"' && one.ptr[one.len - 1] == '"')
      one = (struct plug_str){one.ptr + 1, one.len - 2};
    v[texts->n] = jwt_str_dup(one);
    if (v[texts->n] == NULL)
      return false;
    texts->n++;
  }
  return true;
}

bool jwt_texts_have(const struct jwt_texts *texts, struct plug_str text)
{
  for (size_t i = 0; i < texts->n; i++)
    if (jwt_str_is(text, texts->v[i]))
      return true;
  return false;
}

void jwt_texts_fini(struct jwt_texts *texts)
{
  for (size_t i = 0; i < texts->n; i++)
    free(texts->v[i]);
  free(texts->v);
  memset(texts, 0, sizeof *texts);
}

/* The first '=' that is not between quotes; len when there is none. */
static size_t find_equals(struct plug_str s)
{
  bool quoted = false;
  size_t i = 0;
  for (; i < s.len && (quoted || s.ptr[i] != '='); i++)
    if (s.ptr[i] == '"')
      quoted = !quoted;
  return i;
}

bool jwt_policy_require(struct jwt_policy *policy, struct plug_str list, char why[160])
{
  struct plug_str one;
  while (jwt_list_next(&list, &one)) {
    struct jwt_requirement *v = realloc(policy->require, (policy->n_require + 1) * sizeof *v);
    if (v == NULL)
      return no_memory(why);
    policy->require = v;
    v += policy->n_require;
    size_t equals = find_equals(one);
    if (!jwt_path_parse(&v->path, (struct plug_str){one.ptr, equals}, why))
      return false;
    v->value = NULL;
    policy->n_require++;
    if (equals == one.len)
      continue;
    struct plug_str value =
        jwt_str_trim((struct plug_str){one.ptr + equals + 1, one.len - equals - 1});
    if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
      value = (struct plug_str){value.ptr + 1, value.len - 2};
    v->value = jwt_str_dup(value);
    if (v->value == NULL)
      return no_memory(why);
  }
  return true;
}

bool jwt_policy_attributes(struct jwt_policy *policy, struct plug_str list, char why[160])
{
  struct plug_str one;
  while (jwt_list_next(&list, &one)) {
    struct jwt_attribute *v = realloc(policy->attributes, (policy->n_attributes + 1) * sizeof *v);
    if (v == NULL)
      return no_memory(why);
    policy->attributes = v;
    v += policy->n_attributes;
    size_t equals = find_equals(one);
    struct plug_str name = {NULL, 0}, path = one;
    if (equals < one.len) {
      name = jwt_str_trim((struct plug_str){one.ptr, equals});
      path = (struct plug_str){one.ptr + equals + 1, one.len - equals - 1};
      if (name.len == 0) {
        snprintf(why, 160, "an attribute without a name before \"=\"");
        return false;
      }
    }
    if (!jwt_path_parse(&v->path, path, why))
      return false;
    if (name.ptr == NULL)
      name = jwt_str(v->path.text);
    v->name = jwt_str_dup(name);
    policy->n_attributes++;
    if (v->name == NULL)
      return no_memory(why);
  }
  return true;
}

void jwt_policy_fini(struct jwt_policy *policy)
{
  jwt_texts_fini(&policy->issuers);
  jwt_texts_fini(&policy->audiences);
  jwt_texts_fini(&policy->clients);
  jwt_texts_fini(&policy->types);
  for (size_t i = 0; i < policy->n_require; i++) {
    jwt_path_fini(&policy->require[i].path);
    free(policy->require[i].value);
  }
  free(policy->require);
  jwt_paths_fini(&policy->user);
  jwt_paths_fini(&policy->roles);
  for (size_t i = 0; i < policy->n_attributes; i++) {
    jwt_path_fini(&policy->attributes[i].path);
    free(policy->attributes[i].name);
  }
  free(policy->attributes);
  jwt_path_fini(&policy->permissions);
  memset(policy, 0, sizeof *policy);
}
