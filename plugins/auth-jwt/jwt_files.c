#include "jwt_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "jwt_text.h"

size_t jwt_files_count(const struct jwt_files *files)
{
  return (files->jwks != NULL) + files->pems.n + files->secrets.n;
}

static const char *path_of(const struct jwt_files *files, size_t i)
{
  if (files->jwks != NULL) {
    if (i == 0)
      return files->jwks;
    i--;
  }
  return i < files->pems.n ? files->pems.v[i] : files->secrets.v[i - files->pems.n];
}

void jwt_files_stamp(const struct jwt_files *files, struct jwt_files_stamp *stamp)
{
  memset(stamp, 0, sizeof *stamp);
  for (size_t i = 0; i < jwt_files_count(files) && i < JWT_MAX_FILES; i++)
    whole_file_look(path_of(files, i), &stamp->v[i]);
}

/* Decodes into out, which holds base64_bound(text.len) bytes. */
static bool decode_secret(struct plug_str text, bool base64, unsigned char *out, size_t *len,
                          char why[240])
{
  *len = text.len;
  if (!base64)
    memcpy(out, text.ptr, text.len);
  else if (!base64_decode_any(text, out, len))
    return snprintf(why, 240, "the secret is not base64"), false;
  if (*len == 0)
    return snprintf(why, 240, "the secret is empty"), false;
  if (*len > JWT_MAX_SECRET)
    return snprintf(why, 240, "the secret is longer than %d bytes", JWT_MAX_SECRET), false;
  return true;
}

bool jwt_secret_take(struct jwt_keyset *set, struct plug_str text, bool base64, size_t *shortest,
                     char why[240])
{
  size_t room = base64_bound(text.len) + text.len, len = 0;
  unsigned char *secret = malloc(room);
  struct jwt_key key;
  if (secret == NULL)
    return snprintf(why, 240, "out of memory"), false;
  bool good = text.len > 0 ? decode_secret(text, base64, secret, &len, why)
                           : (snprintf(why, 240, "the secret is empty"), false);
  if (good && (!jwt_key_from_secret(&key, secret, len) || !jwt_keyset_take(set, &key))) {
    snprintf(why, 240, "out of memory");
    good = false;
  }
  if (good && len < *shortest)
    *shortest = len;
  explicit_bzero(secret, room);
  free(secret);
  return good;
}

/* Editors and echo end a line; no secret does. */
static struct plug_str without_line_end(struct plug_str text)
{
  if (text.len > 0 && text.ptr[text.len - 1] == '\n')
    text.len--;
  if (text.len > 0 && text.ptr[text.len - 1] == '\r')
    text.len--;
  return text;
}

static bool read_one(const struct jwt_files *files, size_t i, struct jwt_keyset *set,
                     size_t *shortest, char why[JWT_FILE_WHY])
{
  char what[240] = "";
  const char *path = path_of(files, i);
  size_t len = 0;
  int line = 0;
  char *text = whole_file_read(path, JWT_MAX_FILE, &len, NULL, what);
  bool good = text != NULL;
  size_t first_secret = (files->jwks != NULL) + files->pems.n;
  struct plug_str content = {text, len};
  if (good && files->jwks != NULL && i == 0)
    good = jwt_keyset_add_jwks(set, content, what, &line);
  else if (good && i < first_secret)
    good = jwt_keyset_add_pem(set, content, what);
  else if (good)
    good = jwt_secret_take(set, without_line_end(content), files->base64, shortest, what);
  if (text != NULL)
    explicit_bzero(text, len);
  free(text);
  if (!good && line > 0)
    snprintf(why, JWT_FILE_WHY, "%.150s:%d: %s", path, line, what);
  else if (!good)
    snprintf(why, JWT_FILE_WHY, "%.150s: %s", path, what);
  return good;
}

bool jwt_files_read(const struct jwt_files *files, struct jwt_keyset *set, size_t *shortest,
                    char why[JWT_FILE_WHY])
{
  for (size_t i = 0; i < jwt_files_count(files); i++)
    if (!read_one(files, i, set, shortest, why))
      return false;
  if (files->secrets.n > 0 && *shortest < files->min_secret) {
    snprintf(
        why, JWT_FILE_WHY,
        "%.150s: the secret has %zu bytes, fewer than the %zu that the allowed algorithms need",
        files->secrets.v[0], *shortest, files->min_secret);
    return false;
  }
  return true;
}
