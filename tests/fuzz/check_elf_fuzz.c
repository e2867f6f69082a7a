/* Any bytes as the file of a plugin: what plugboard-check reads of it before it loads it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sdk/check/check_elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct check_elf elf;
  size_t value;
  /* Of that size to the byte, for the sanitizer to see what is read behind it. */
  char *bytes = malloc(size ? size : 1);
  if (!bytes)
    return 0;
  memcpy(bytes, data, size);
  if (!elf_parse(&elf, bytes, size)) {
    size_t sum = 0;
    for (size_t i = 0; i < elf.n_symbols; i++)
      sum += strlen(elf_name(&elf, elf.symbols[i].st_name)) + elf.symbols[i].st_info;
    sum += elf_tag(&elf, DT_FLAGS, &value) + elf_tag(&elf, DT_TEXTREL, &value);
    const ElfW(Phdr) *stack = elf_part(&elf, PT_GNU_STACK);
    sum += stack ? stack->p_flags : 0;
    if (sum == SIZE_MAX)
      abort();
  }
  free(bytes);
  return 0;
}
