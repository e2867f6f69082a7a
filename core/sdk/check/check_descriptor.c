/* Group D: the file and the descriptor in it, before any of the plugin's functions is called. */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "check_elf.h"
#include "check_host.h"
#include "config/option.h"

#define ENTRY "plug_plugin_entry"

static void open_elf(struct check_run *run, struct check_elf *elf)
{
  const char *wrong = elf_open(elf, check_order(run)->file);
  CHECK(run, !wrong, "%s", wrong);
}

/* ---- D1 ---- */

static bool is_exported(const ElfW(Sym) * symbol)
{
  unsigned bind = ELF64_ST_BIND(symbol->st_info);
  unsigned visibility = symbol->st_other & 3u;
  return symbol->st_shndx != SHN_UNDEF && symbol->st_shndx != SHN_ABS && bind != STB_LOCAL &&
         (visibility == STV_DEFAULT || visibility == STV_PROTECTED);
}

/* Not the plugin's: the linker's and the instrumentation's. */
static bool is_of_the_compiler(const char *name)
{
  static const char *const prefixes[] = {"__asan_", "__tsan_", "__ubsan_", "__sanitizer_",
                                         "__lsan_", "__gcov_", "__llvm_",  "__sancov_"};
  static const char *const names[] = {"_init", "_fini", "_end", "_edata", "__bss_start"};
  for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
    if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
      return true;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (!strcmp(name, names[i]))
      return true;
  return false;
}

static void one_symbol(struct check_run *run)
{
  struct check_elf elf;
  bool found = false;
  open_elf(run, &elf);
  for (size_t i = 1; i < elf.n_symbols; i++) {
    const char *name = elf_name(&elf, elf.symbols[i].st_name);
    if (!is_exported(&elf.symbols[i]) || is_of_the_compiler(name))
      continue;
    CHECK(run, !strcmp(name, ENTRY),
          "it exports '%s' beside " ENTRY ": link it with the SDK's plugin.map", name);
    found = true;
  }
  CHECK(run, found, "it does not export " ENTRY);
  check_in("dlopen");
  /* In this process nothing else is loaded that could supply what the plugin has forgotten to link:
   * the kit exports nothing, as the server does not. */
  CHECK(run, dlopen(check_order(run)->file, RTLD_NOW | RTLD_LOCAL), "%s", dlerror());
  size_t n_libraries = 0;
  for (size_t i = 0; i < elf.n_dynamic && elf.dynamic[i].d_tag != DT_NULL; i++)
    n_libraries += elf.dynamic[i].d_tag == DT_NEEDED;
  check_say(run, "exports " ENTRY " and nothing else; asks for %zu libraries", n_libraries);
}

/* ---- D2 ---- */

struct head {
  uint32_t magic;
  uint16_t major, minor;
  uint32_t size, flags;
};

/* The descriptor as it stands in the image, of which size bytes may be read. */
static const struct plug_plugin *raw_entry(struct check_run *run, size_t *size)
{
  check_in("dlopen");
  void *handle = dlopen(check_order(run)->file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  CHECK(run, handle, "it cannot be loaded: %s", dlerror());
  check_in("the check");
  void *entry = dlsym(handle, ENTRY);
  Dl_info info;
  ElfW(Sym) *symbol = NULL;
  CHECK(run, entry && dladdr1(entry, &info, (void **)&symbol, RTLD_DL_SYMENT) && symbol,
        "it has no symbol " ENTRY);
  *size = symbol->st_size;
  return entry;
}

static const struct plug_plugin *whole_entry(struct check_run *run)
{
  size_t size;
  const struct plug_plugin *entry = raw_entry(run, &size);
  CHECK(run, size >= sizeof *entry && entry->size >= sizeof *entry,
        "its descriptor is too short to look at (D2)");
  return entry;
}

static void head_is_good(struct check_run *run)
{
  size_t size;
  const void *entry = raw_entry(run, &size);
  struct head head = {0};
  memcpy(&head, entry, size < sizeof head ? size : sizeof head);
  CHECK(run, size >= sizeof head, "the descriptor has %zu bytes, too few for its head", size);
  CHECK(run, head.magic == PLUG_MAGIC, "the magic number is 0x%08x, not 0x%08x", head.magic,
        PLUG_MAGIC);
  CHECK(run, head.major == PLUG_ABI_MAJOR, "built for major %u, this kit speaks %d", head.major,
        PLUG_ABI_MAJOR);
  CHECK(run, head.minor <= PLUG_ABI_MINOR, "needs a server of ABI %u.%u, this kit speaks %d.%d",
        head.major, head.minor, PLUG_ABI_MAJOR, PLUG_ABI_MINOR);
  CHECK(run, head.size >= sizeof(struct plug_plugin),
        "the descriptor says that it has %u bytes, %zu are the least", head.size,
        sizeof(struct plug_plugin));
  CHECK(run, head.size <= size, "the descriptor says that it has %u bytes, but there are %zu",
        head.size, size);
  CHECK(run, head.flags == 0, "unknown flags 0x%08x in the descriptor", head.flags);
  check_say(run, "ABI %u.%u, %u bytes", head.major, head.minor, head.size);
}

/* ---- D3 ---- */

static bool is_text(const char *text, size_t max)
{
  size_t len = text ? strnlen(text, max + 1) : 0;
  if (!len || len > max)
    return false;
  for (size_t i = 0; i < len; i++)
    if ((unsigned char)text[i] < ' ')
      return false;
  return true;
}

static void names_are_good(struct check_run *run)
{
  const struct plug_plugin *entry = whole_entry(run);
  const char *id = entry->id;
  CHECK(run,
        id && strnlen(id, PLUG_ID_MAX + 1) <= PLUG_ID_MAX && id[0] &&
            id[strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789.-")] == '\0',
        "the id must have 1 to %d characters of a-z, 0-9, '.' and '-'", PLUG_ID_MAX);
  CHECK(run, is_text(entry->version, 64), "the version must be one line of 1 to 64 bytes");
  CHECK(run, is_text(entry->summary, 200), "the summary must be one line of 1 to 200 bytes");
  CHECK(run, !entry->build || is_text(entry->build, 200), "the build is not one line");
  CHECK(run, !entry->n_options || entry->options, "it has %zu options, but no table of them",
        entry->n_options);
  CHECK(run, entry->n_options <= 256, "it has %zu options, at most 256 are possible",
        entry->n_options);
  struct option_table table = {entry->options, entry->n_options};
  struct plug_err err;
  CHECK(run, !entry->n_options || !option_table_check(&table, false, &err), "%s", err.text);
  for (size_t i = 0; i < entry->n_options; i++) {
    const struct plug_option *option = &entry->options[i];
    CHECK(run, is_text(option->help, 1000), "option '%s' has no help, or one of several lines",
          option->name);
    CHECK(run, !(option->flags & PLUG_OPT_REQUIRED) || !option->def,
          "option '%s' is required and has a default: one of the two is never used", option->name);
    for (size_t k = 0; k < i; k++)
      CHECK(run, strcmp(option->name, entry->options[k].name) != 0, "option '%s' is there twice",
            option->name);
  }
  check_say(run, "%s %s, %zu options", id, entry->version, entry->n_options);
}

static const struct check checks[] = {
    {"D1", "exports one symbol, and needs none that nobody has",
     "The file exports plug_plugin_entry and no other symbol, so that two plugins may bundle "
     "different versions of the same library; and every symbol that it needs is in libc or in a "
     "library that it names. Link with the SDK's plugin.map and -Wl,-z,defs.",
     0, one_symbol},
    {"D2", "the head of the descriptor is that of a plugin for this server",
     "Magic number, major, minor, size and flags of the descriptor, which the server judges before "
     "it runs any code of the plugin. PLUG_PLUGIN_HEAD fills them in.",
     0, head_is_good},
    {"D3", "id, version, summary and the table of options are well-formed",
     "The id has 1 to 64 characters of a-z, 0-9, '.' and '-'; version and summary are one line; "
     "each option has a name of its own, a known type, a default that lies in its range, and one "
     "line of help. A required option has no default.",
     0, names_are_good},
};

const struct check_group check_group_descriptor =
    CHECK_GROUP("D", "the file and its descriptor", checks);
