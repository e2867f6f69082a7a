/* Queries: what is found is as long as its text at most, and what a query has no name of is absent.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/str.h"
#include "http/http_query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const char *const names[] = {"search", "limit", "after"};
  char *copy = malloc(size + 1); /* of just that size, so that reading beyond it shows */
  struct buf out = {0};
  if (!copy)
    return 0;
  memcpy(copy, data, size);
  struct plug_str query = str_from(copy, size);
  for (size_t i = 0; i < 3; i++) {
    buf_put_char(&out, '!');
    size_t before = out.len;
    enum http_query_result result = http_query_find(query, str_of(names[i]), &out);
    invariant(result == HTTP_QUERY_FOUND ? out.len - before <= size : out.len == before);
    if (result != HTTP_QUERY_ABSENT)
      invariant(memmem(copy, size, names[i], strlen(names[i])) != NULL);
  }
  struct plug_str unknown = http_query_unknown(query, names, 3);
  for (size_t i = 0; unknown.len && i < 3; i++)
    invariant(!str_eq(unknown, str_of(names[i])));
  buf_free(&out);
  free(copy);
  return 0;
}
