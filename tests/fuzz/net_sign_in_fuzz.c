/* Queries of the try page's sign-in: a name that passes is UTF-8, short, and free of what could end
 * a text or hide in one; a token can be made of it. */
#include "net/sign_in.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/str.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  char *copy = malloc(size + 1); /* of just that size, so that reading beyond it shows */
  char name[SIGN_IN_NAME_MAX];
  size_t len = 0;
  if (!copy)
    return 0;
  memcpy(copy, data, size);
  if (!sign_in_read_name(str_from(copy, size), name, &len)) {
    invariant(len <= sizeof name);
    struct plug_str read = str_from(name, len);
    if (!sign_in_name_fault(read)) {
      struct buf token = {0};
      invariant(len > 0 && utf8_valid(name, len));
      for (size_t i = 0; i < len; i++)
        invariant((unsigned char)name[i] >= ' ' && !strchr("/\"\\<>&%*{}\x7f", name[i]));
      invariant(sign_in_put_token(&token, STR("0123456789abcdef0123456789abcdef"), read, 1));
      buf_free(&token);
    }
  }
  free(copy);
  return 0;
}
