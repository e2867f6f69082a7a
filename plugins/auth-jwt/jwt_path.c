#include "jwt_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jwt_text.h"

static bool refuse(struct plug_str text, char why[160], const char *what)
{
  char shown[JWT_SHOWN_SIZE];
  snprintf(why, 160, "the claim path %.80s %s", jwt_show(shown, text), what);
  return false;
}

static bool add_name(struct jwt_path *path, struct plug_str name, struct plug_str text,
                     char why[160])
{
  if (name.len == 0)
    return refuse(text, why, "has an empty name");
  if (path->n == JWT_PATH_MAX_NAMES)
    return refuse(text, why, "has more than 8 names");
  path->names[path->n] = jwt_str_dup(name);
  return path->names[path->n++] != NULL || refuse(text, why, "does not fit into memory");
}

/* One name from the start of rest, quoted or up to the next dot. */
static bool take_name(struct jwt_path *path, struct plug_str *rest, struct plug_str text,
                      char why[160])
{
  struct plug_str name = *rest;
  size_t used;
  if (rest->ptr[0] == '"') {
    const char *quote = memchr(rest->ptr + 1, '"', rest->len - 1);
    if (quote == NULL)
      return refuse(text, why, "has a quote that is not closed");
    name = (struct plug_str){rest->ptr + 1, (size_t)(quote - rest->ptr - 1)};
    used = name.len + 2;
    if (used < rest->len && rest->ptr[used] != '.')
      return refuse(text, why, "has something behind a closing quote");
  } else {
    const char *dot = memchr(rest->ptr, '.', rest->len);
    used = dot != NULL ? (size_t)(dot - rest->ptr) : rest->len;
    name.len = used;
    if (memchr(name.ptr, '"', name.len) != NULL)
      return refuse(text, why, "has a quote within a name");
  }
  if (!add_name(path, name, text, why))
    return false;
  if (used < rest->len) { /* the dot; a name must follow */
    used++;
    if (used == rest->len)
      return refuse(text, why, "ends with a dot");
  }
  rest->ptr += used;
  rest->len -= used;
  return true;
}

bool jwt_path_parse(struct jwt_path *path, struct plug_str text, char why[160])
{
  memset(path, 0, sizeof *path);
  text = jwt_str_trim(text);
  struct plug_str rest = text, shown = text;
  bool good = true;
  if (text.len == 0 || memchr(text.ptr, '\0', text.len) != NULL)
    return refuse(text, why, "is empty or holds a NUL byte");
  if (text.ptr[0] != '"' && memmem(text.ptr, text.len, "://", 3) != NULL) {
    good = add_name(path, text, text, why);
    rest.len = 0;
  }
  while (good && rest.len > 0)
    good = take_name(path, &rest, text, why);
  if (path->n == 1 && text.ptr[0] == '"')
    shown = jwt_str(path->names[0]);
  path->text = good ? jwt_str_dup(shown) : NULL;
  if (good && path->text == NULL)
    good = refuse(text, why, "does not fit into memory");
  if (!good)
    jwt_path_fini(path);
  return good;
}

void jwt_path_fini(struct jwt_path *path)
{
  for (size_t i = 0; i < path->n; i++)
    free(path->names[i]);
  free(path->text);
  memset(path, 0, sizeof *path);
}

json_t *jwt_path_find(const struct jwt_path *path, json_t *claims)
{
  json_t *at = claims;
  for (size_t i = 0; i < path->n && at != NULL; i++)
    at = json_object_get(at, path->names[i]); /* NULL for what is no object */
  return json_is_null(at) ? NULL : at;
}

bool jwt_paths_parse(struct jwt_paths *paths, struct plug_str list, char why[160])
{
  struct plug_str one;
  memset(paths, 0, sizeof *paths);
  while (jwt_list_next(&list, &one)) {
    struct jwt_path *v = realloc(paths->v, (paths->n + 1) * sizeof *v);
    if (v == NULL) {
      jwt_paths_fini(paths);
      return refuse(one, why, "does not fit into memory");
    }
    paths->v = v;
    if (!jwt_path_parse(&v[paths->n], one, why)) {
      jwt_paths_fini(paths);
      return false;
    }
    paths->n++;
  }
  return true;
}

void jwt_paths_fini(struct jwt_paths *paths)
{
  for (size_t i = 0; i < paths->n; i++)
    jwt_path_fini(&paths->v[i]);
  free(paths->v);
  memset(paths, 0, sizeof *paths);
}
