/* What stands in the file of a plugin, read without running any of it: its dynamic symbols, the
 * libraries it asks for, its segments. Owns the mapped file. The thread of the check. */
#ifndef SDK_CHECK_ELF_H
#define SDK_CHECK_ELF_H

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>

struct check_elf {
  const char *bytes;
  size_t size;
  const ElfW(Phdr) * parts;
  size_t n_parts;
  const ElfW(Dyn) * dynamic;
  size_t n_dynamic;
  const ElfW(Sym) * symbols;
  size_t n_symbols;
  const char *names; /* of the symbols and libraries */
  size_t names_len;
};

/* NULL, or what is wrong with the file. */
const char *elf_open(struct check_elf *elf, const char *file);
/* The same of a file in memory, which stays the caller's and is aligned as by malloc. */
const char *elf_parse(struct check_elf *elf, const void *bytes, size_t size);
/* "" where the table has none there. */
const char *elf_name(const struct check_elf *elf, size_t at);
/* The value of the first entry of the dynamic section with this tag; false: there is none. */
bool elf_tag(const struct check_elf *elf, long tag, size_t *value);
const ElfW(Phdr) * elf_part(const struct check_elf *elf, unsigned type);

#endif
