#include "plugin/image.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "config/fault.h"
#include "plugin/crash.h"
#include "plugin/image_copy.h"

#define ENTRY_SYMBOL "plug_plugin_entry"

/* Every image that was ever loaded, good or refused by its name only. Nothing leaves it: images are
 * not unmapped, because a thread, a thread-local destructor or an exit handler of a plugin may
 * still run in them. */
static struct list registry = {&registry, &registry};

static const char *machine_name(unsigned machine, char *unknown, size_t size)
{
  switch (machine) {
  case EM_386:
    return "i386";
  case EM_X86_64:
    return "x86-64";
  case EM_ARM:
    return "arm";
  case EM_AARCH64:
    return "aarch64";
  case EM_RISCV:
    return "riscv";
  case EM_PPC64:
    return "ppc64";
  case EM_S390:
    return "s390";
  default:
    snprintf(unknown, size, "ELF machine %u", machine);
    return unknown;
  }
}

struct elf_head {
  unsigned char ident[EI_NIDENT];
  uint16_t type, machine;
};

static bool elf_read(int fd, struct elf_head *head)
{
  return pread(fd, head, sizeof *head, 0) == (ssize_t)sizeof *head &&
         !memcmp(head->ident, ELFMAG, SELFMAG);
}

/* Does the file hold all that would be mapped? If not, as with a copy that is not finished, the
 * dynamic linker dies of SIGBUS. */
static bool elf_is_whole(int fd)
{
  ElfW(Ehdr) head;
  struct stat file;
  if (pread(fd, &head, sizeof head, 0) != (ssize_t)sizeof head || fstat(fd, &file))
    return false;
  if (head.e_phentsize != sizeof(ElfW(Phdr)))
    return true; /* the dynamic linker says what is wrong with it */
  uint64_t size = (uint64_t)file.st_size;
  for (unsigned i = 0; i < head.e_phnum; i++) {
    ElfW(Phdr) part;
    off_t at = (off_t)(head.e_phoff + i * sizeof part);
    if (pread(fd, &part, sizeof part, at) != (ssize_t)sizeof part)
      return false;
    if (part.p_type == PT_LOAD && (part.p_offset > size || part.p_filesz > size - part.p_offset))
      return false;
  }
  return true;
}

/* The dynamic linker's own words for these cases lead nowhere ("no such file"). */
static plug_status check_elf(const char *base, int fd, struct plug_err *err)
{
  struct elf_head theirs, ours;
  if (!elf_read(fd, &theirs))
    return fault_at(err, base, 0, "cannot load: not an ELF shared object");
  int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  if (self < 0)
    return PLUG_OK; /* no /proc: the dynamic linker decides */
  bool known = elf_read(self, &ours);
  close(self);
  if (!known || (theirs.machine == ours.machine && theirs.ident[EI_CLASS] == ours.ident[EI_CLASS] &&
                 theirs.ident[EI_DATA] == ours.ident[EI_DATA])) {
    if (!known || elf_is_whole(fd))
      return PLUG_OK;
    return fault_at(err, base, 0, "cannot load: the file is cut off");
  }
  /* Of another byte order the number would be a wrong one. */
  uint16_t machine = theirs.machine;
  if (theirs.ident[EI_DATA] != ours.ident[EI_DATA])
    machine = (uint16_t)(machine << 8 | machine >> 8);
  char a[32], b[32];
  return fault_at(err, base, 0, "cannot load: built for %s, this server runs on %s",
                  machine_name(machine, a, sizeof a), machine_name(ours.machine, b, sizeof b));
}

/* A plugin is the server: nobody else may be able to change it. In a directory with the sticky bit
 * others can add files but not replace this one. */
static plug_status check_trust(const char *base, const char *path, const struct stat *file,
                               struct plug_err *err)
{
  if (!S_ISREG(file->st_mode))
    return fault_at(err, base, 0, "cannot load: not a regular file");
  if (file->st_uid != 0 && file->st_uid != geteuid())
    return fault_at(err, base, 0,
                    "owned by user %u, who is neither root nor the user of this server: chown it",
                    file->st_uid);
  if (file->st_mode & (S_IWGRP | S_IWOTH))
    return fault_at(err, base, 0, "may be changed by others than its owner (mode %04o): chmod go-w",
                    file->st_mode & 07777u);
  char dir[PATH_MAX];
  snprintf(dir, sizeof dir, "%s", path);
  struct stat in;
  if (stat(dirname(dir), &in))
    return fault_at(err, base, 0, "cannot load: its directory: %s", strerror(errno));
  if (in.st_uid != 0 && in.st_uid != geteuid())
    return fault_at(err, base, 0,
                    "its directory is owned by user %u, who is neither root nor the user of this "
                    "server: chown it",
                    in.st_uid);
  if ((in.st_mode & (S_IWGRP | S_IWOTH)) && !(in.st_mode & S_ISVTX))
    return fault_at(err, base, 0,
                    "its directory may be changed by others than its owner (mode %04o): chmod go-w",
                    in.st_mode & 07777u);
  return PLUG_OK;
}

static plug_status report_dlopen(const char *base, const char *path, const char *mapped,
                                 struct plug_err *err)
{
  const char *said = dlerror();
  if (!said)
    said = "no reason given";
  size_t len = strlen(mapped);
  if (!strncmp(said, mapped, len) && !strncmp(said + len, ": ", 2))
    said += len + 2;
  const char *advice = "";
  char missing[PATH_MAX + 64] = "";
  if (strstr(said, "undefined symbol")) {
    advice = "; link plugins with -Wl,-z,defs, so that the linker finds this";
  } else if (strstr(said, "cannot open shared object file")) {
    snprintf(missing, sizeof missing, "; see what is missing with: ldd %s", path);
    advice = missing;
  }
  return fault_at(err, base, 0, "cannot load: %s%s", said, advice);
}

static struct plugin_image *registry_find(const struct stat *file)
{
  for (struct list *node = registry.next; node != &registry; node = node->next) {
    struct plugin_image *image = container_of(node, struct plugin_image, link);
    if (image->device == (uint64_t)file->st_dev && image->inode == (uint64_t)file->st_ino)
      return image;
  }
  return NULL;
}

static void image_free(struct plugin_image *image)
{
  free(image->path);
  free(image->base);
  free(image->copy);
  if (image->held >= 0)
    close(image->held);
  free(image);
}

/* Maps the file, or a copy of it where the path is mapped already: the dynamic linker knows objects
 * by their path and would give the old one, whatever the file is now. */
static void *map(struct plugin_image *image, int fd, struct plug_err *err)
{
  const char *path = image->path;
  void *old = dlopen(path, RTLD_LAZY | RTLD_LOCAL | RTLD_NOLOAD);
  if (old) {
    dlclose(old);
    image->copy = image_copy(image->base, fd, err);
    if (!image->copy)
      return NULL;
    path = image->copy;
  } else {
    dlerror();
  }
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!handle)
    report_dlopen(image->base, image->path, path, err);
  return handle;
}

static struct plugin_image *load_file(const char *path, struct plug_err *err)
{
  struct plugin_image *image = NULL;
  char real[PATH_MAX];
  const char *slash = strrchr(path, '/');
  const char *base = slash ? slash + 1 : path;
  if (!realpath(path, real)) {
    fault_at(err, base, 0, "cannot load %s: %s", path, strerror(errno));
    return NULL;
  }
  int fd = open(real, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat file;
  if (fd < 0 || fstat(fd, &file)) {
    fault_at(err, base, 0, "cannot load %s: %s", real, strerror(errno));
    goto out;
  }
  if (check_trust(base, real, &file, err) || (image = registry_find(&file)) ||
      check_elf(base, fd, err))
    goto out;

  image = calloc(1, sizeof *image);
  if (!image)
    goto no_memory;
  image->held = -1;
  image->path = str_dup(str_of(real));
  image->base = str_dup(str_of(base));
  image->device = (uint64_t)file.st_dev;
  image->inode = (uint64_t)file.st_ino;
  if (!image->path || !image->base)
    goto no_memory;
  void *handle = map(image, fd, err);
  if (!handle)
    goto refuse;
  if (image->copy) {
    image->held = fd;
    fd = -1;
  }
  void *entry = dlsym(handle, ENTRY_SYMBOL);
  Dl_info info;
  ElfW(Sym) *symbol = NULL;
  if (!entry || !dladdr1(entry, &info, (void **)&symbol, RTLD_DL_SYMENT) || !symbol) {
    fault_at(err, base, 0, "not a plugin for this server: symbol '" ENTRY_SYMBOL "' is missing");
    goto refuse;
  }
  if (image_judge(image, entry, symbol->st_size, err))
    goto refuse;
  list_append(&registry, &image->link);
  crash_image_add(image->entry.id, entry);
  log_info("plugin", "loaded %s %s from %s%s%s", image->entry.id, image->entry.version, image->path,
           image->copy ? ", mapped as " : "", image->copy ? image->copy : "");
  goto out;

no_memory:
  fault_no_memory(err);
refuse:
  if (image)
    image_free(image);
  image = NULL;
out:
  if (fd >= 0)
    close(fd);
  return image;
}

static bool image_is(const struct plugin_image *image, const char *kind)
{
  if (!kind[0])
    return true;
  if (!strcmp(kind, "broker"))
    return image->entry.broker != NULL;
  if (!strcmp(kind, "app"))
    return image->entry.app != NULL;
  return !strcmp(kind, "auth") && image->entry.auth != NULL;
}

struct plugin_image *image_load(const char *dir, const char *kind, const char *name,
                                struct plug_err *err)
{
  char path[PATH_MAX];
  int n;
  if (name[0] == '/') {
    n = snprintf(path, sizeof path, "%s", name);
  } else if (!name[0] || strchr(name, '/')) {
    fault_at(err, NULL, 0, "'%s' is neither the name of a plugin nor an absolute path", name);
    return NULL;
  } else {
    n = snprintf(path, sizeof path, "%s/%s-%s.so", dir, kind, name);
  }
  if (n < 0 || (size_t)n >= sizeof path) {
    fault_at(err, NULL, 0, "the path of plugin '%.100s' is too long", name);
    return NULL;
  }
  struct plugin_image *image = load_file(path, err);
  if (!image)
    return NULL;
  if (!image_is(image, kind)) {
    fault_at(err, image->base, 0, "%s is %s plugin and cannot be used as %s", image->entry.id,
             image->entry.broker ? "a broker"
             : image->entry.auth ? "an auth"
                                 : "an app",
             kind);
    return NULL;
  }
  return image;
}
