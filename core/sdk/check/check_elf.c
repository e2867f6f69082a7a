#include "check_elf.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool holds(const struct check_elf *elf, size_t at, size_t len)
{
  return at <= elf->size && len <= elf->size - at;
}

/* The same of a table, which also has to be aligned to be looked at. */
static bool holds_table(const struct check_elf *elf, size_t at, size_t len)
{
  return at % _Alignof(ElfW(Phdr)) == 0 && holds(elf, at, len);
}

/* Where in the file the address lies that the image would have; SIZE_MAX: nowhere. */
static size_t at_address(const struct check_elf *elf, size_t address)
{
  for (size_t i = 0; i < elf->n_parts; i++) {
    const ElfW(Phdr) *part = &elf->parts[i];
    if (part->p_type == PT_LOAD && address >= part->p_vaddr &&
        address - part->p_vaddr < part->p_filesz)
      return part->p_offset + (address - part->p_vaddr);
  }
  return SIZE_MAX;
}

const ElfW(Phdr) * elf_part(const struct check_elf *elf, unsigned type)
{
  for (size_t i = 0; i < elf->n_parts; i++)
    if (elf->parts[i].p_type == type)
      return &elf->parts[i];
  return NULL;
}

bool elf_tag(const struct check_elf *elf, long tag, size_t *value)
{
  for (size_t i = 0; i < elf->n_dynamic && elf->dynamic[i].d_tag != DT_NULL; i++)
    if (elf->dynamic[i].d_tag == tag) {
      *value = elf->dynamic[i].d_un.d_val;
      return true;
    }
  return false;
}

const char *elf_name(const struct check_elf *elf, size_t at)
{
  return at < elf->names_len && memchr(elf->names + at, '\0', elf->names_len - at) ? elf->names + at
                                                                                   : "";
}

/* The linker's --hash-style decides which table tells how many symbols there are; the section does
 * in any case, and stays in a stripped file. */
static const char *find_symbols(struct check_elf *elf)
{
  const ElfW(Ehdr) *head = (const void *)elf->bytes;
  if (head->e_shentsize != sizeof(ElfW(Shdr)) ||
      !holds_table(elf, head->e_shoff, head->e_shnum * sizeof(ElfW(Shdr))))
    return "it has no table of sections";
  const ElfW(Shdr) *sections = (const void *)(elf->bytes + head->e_shoff);
  for (size_t i = 0; i < head->e_shnum; i++) {
    if (sections[i].sh_type != SHT_DYNSYM)
      continue;
    if (!holds_table(elf, sections[i].sh_offset, sections[i].sh_size))
      return "its table of symbols is outside of the file";
    elf->symbols = (const void *)(elf->bytes + sections[i].sh_offset);
    elf->n_symbols = sections[i].sh_size / sizeof(ElfW(Sym));
    return NULL;
  }
  return "it has no dynamic symbols";
}

const char *elf_parse(struct check_elf *elf, const void *bytes, size_t size)
{
  *elf = (struct check_elf){.bytes = bytes, .size = size};
  const ElfW(Ehdr) *head = bytes;
  if (size < sizeof *head || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 ||
      head->e_type != ET_DYN || head->e_phentsize != sizeof(ElfW(Phdr)) ||
      !holds_table(elf, head->e_phoff, head->e_phnum * sizeof(ElfW(Phdr))))
    return "it is no ELF shared object of this machine's kind";
  elf->parts = (const void *)(elf->bytes + head->e_phoff);
  elf->n_parts = head->e_phnum;
  const ElfW(Phdr) *dynamic = elf_part(elf, PT_DYNAMIC);
  if (!dynamic || !holds_table(elf, dynamic->p_offset, dynamic->p_filesz))
    return "it has no dynamic section";
  elf->dynamic = (const void *)(elf->bytes + dynamic->p_offset);
  elf->n_dynamic = dynamic->p_filesz / sizeof(ElfW(Dyn));
  size_t names, len;
  if (!elf_tag(elf, DT_STRTAB, &names) || !elf_tag(elf, DT_STRSZ, &len) ||
      (names = at_address(elf, names)) == SIZE_MAX || !holds(elf, names, len))
    return "it has no table of names";
  elf->names = elf->bytes + names;
  elf->names_len = len;
  return find_symbols(elf);
}

const char *elf_open(struct check_elf *elf, const char *file)
{
  struct stat about;
  int fd = open(file, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return "it cannot be read";
  const char *wrong = "it is no ELF shared object";
  if (!fstat(fd, &about) && S_ISREG(about.st_mode) && about.st_size > 0) {
    void *map = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    wrong = map == MAP_FAILED ? "it cannot be mapped" : elf_parse(elf, map, (size_t)about.st_size);
  }
  close(fd);
  return wrong;
}
