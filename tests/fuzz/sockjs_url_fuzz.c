/* Paths and queries below a SockJS endpoint. */
#include "sockjs/sockjs_url.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  char *copy = malloc(size + 1); /* of just that size, so that reading beyond it shows */
  char callback[SOCKJS_CALLBACK_MAX + 1];
  struct sockjs_url url;
  if (!copy)
    return 0;
  memcpy(copy, data, size);
  struct plug_str text = str_from(copy, size);
  sockjs_url_read(text, &url);
  if (url.place == SOCKJS_SESSION) {
    invariant(url.session.len > 0 && url.session.len <= SOCKJS_ID_MAX);
    invariant(!memchr(url.session.ptr, '/', url.session.len));
    invariant(!memchr(url.session.ptr, '.', url.session.len));
    invariant(url.transport < SOCKJS_TRANSPORTS);
  }
  if (sockjs_url_callback(text, callback) == SOCKJS_CALLBACK_VALID)
    for (const char *c = callback; *c; c++)
      invariant(!strchr("<>\"'()&; \\", *c));
  free(copy);
  return 0;
}
