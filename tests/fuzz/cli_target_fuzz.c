/* URLs of servers: any text is taken apart whole, or refused with a reason. What has been taken is
 * fit for a request. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "cli/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct target target;
  char why[240] = "", *text = malloc(size + 1);
  invariant(text);
  if (size)
    memcpy(text, data, size);
  text[size] = '\0';
  if (target_parse(&target, text, why)) {
    invariant(target.host[0] && target.path[0] == '/' && target.authority[0]);
    invariant(strspn(target.port, "0123456789") == strlen(target.port));
    invariant(!strpbrk(target.path, " \r\n") && !strpbrk(target.authority, " \r\n/"));
    target_fini(&target);
  } else {
    invariant(why[0]);
  }
  free(text);
  return 0;
}
