/* A value of a hook's section, behind one byte that chooses its option, and the same text as a
 * list. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hook_config.h"
#include "hook_value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  char why[160] = "";
  uint64_t value;
  if (!size)
    return 0;
  const struct plug_option *option = &hook_options[data[0] % HOOK_N_NUMBERS];
  struct plug_str rest = {(const char *)data + 1, size - 1}, item;
  if (!hook_value_parse(option, rest, &value, why) && !why[0])
    abort();
  const char *at = rest.ptr;
  while (hook_value_item(&rest, &item)) {
    if (!item.len || item.ptr < at || item.ptr + item.len > rest.ptr)
      abort();
    at = rest.ptr;
  }
  return 0;
}
