#include "app/user.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/str.h"

#define HASH_BYTES 16 /* of the 32: nobody finds another name with the same */

static const struct plug_str slash = {"%2F", 3};

bool user_split(const struct user_names *names, struct plug_str destination, struct plug_str *name,
                struct plug_str *rest)
{
  size_t skip = names->prefix.len + 1;
  if (!names->prefix.len || destination.len <= skip ||
      !str_has_prefix(destination, names->prefix) || destination.ptr[skip - 1] != '/')
    return false;
  const char *begin = destination.ptr + skip;
  const char *end = memchr(begin, '/', destination.len - skip);
  if (!end || end == begin)
    return false;
  *name = str_from(begin, (size_t)(end - begin));
  *rest = str_from(end, destination.len - skip - name->len);
  return rest->len > 1;
}

void user_unescape(struct plug_str name, struct buf *out)
{
  for (size_t i = 0; i < name.len;) {
    if (str_has_prefix(str_from(name.ptr + i, name.len - i), slash)) {
      buf_put_char(out, '/');
      i += slash.len;
    } else {
      buf_put_char(out, name.ptr[i++]);
    }
  }
}

void user_put_topic(const struct user_names *names, struct plug_str name, struct plug_str rest,
                    struct buf *out)
{
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned int len = 0;
  /* An empty key is one, too: names are then hidden by the form of the topic only. */
  const void *key = names->key.len ? names->key.ptr : "";
  if (!HMAC(EVP_sha256(), key, (int)names->key.len, (const unsigned char *)name.ptr, name.len, hash,
            &len) ||
      len < HASH_BYTES) {
    out->failed = true;
    return;
  }
  buf_put_str(out, STR("user:"));
  for (size_t i = 0; i < HASH_BYTES; i++) {
    buf_put_char(out, "0123456789abcdef"[hash[i] >> 4]);
    buf_put_char(out, "0123456789abcdef"[hash[i] & 15]);
  }
  buf_put_str(out, rest);
}

bool user_put_destination(const struct user_names *names, struct plug_str destination,
                          struct buf *out)
{
  struct plug_str escaped, rest;
  struct buf name = {0};
  if (!user_split(names, destination, &escaped, &rest))
    return false;
  user_unescape(escaped, &name);
  if (name.failed)
    out->failed = true;
  else
    user_put_topic(names, str_from(name.data, name.len), rest, out);
  buf_free(&name);
  return !out->failed;
}
