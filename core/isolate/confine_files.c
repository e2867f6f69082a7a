#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config/fault.h"
#include "isolate/confine.h"

/* Later ones than the headers that this is built with may know. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif

#define ACCESS_FILE (LANDLOCK_ACCESS_FS_READ_FILE)
#define ACCESS_DIR  (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define ACCESS_V1   ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

/* Libraries, names of hosts, certificates of authorities, the time zone. What is not there on a
 * system is left out. */
static const char *const everybodys[] = {
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/libexec",
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/etc/nsswitch.conf",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/usr/share/zoneinfo",
    "/etc/localtime",
    "/dev/null",
    "/dev/urandom",
    "/dev/random",
    "/proc/sys/net/core/somaxconn",
    "/sys/devices/system/cpu",
#if PLUG_SANITIZED
    "/proc", /* their runtimes look at the mappings of the process */
#endif
};

static int create_ruleset(const struct landlock_ruleset_attr *attr, size_t size, uint32_t flags)
{
  return (int)syscall(SYS_landlock_create_ruleset, attr, size, flags);
}

static bool allow(int rules, const char *path)
{
  int fd = open(path, O_PATH | O_CLOEXEC);
  struct stat file;
  if (fd < 0)
    return true;
  bool well = fstat(fd, &file) == 0;
  struct landlock_path_beneath_attr rule = {
      .allowed_access = S_ISDIR(file.st_mode) ? ACCESS_DIR : ACCESS_FILE, .parent_fd = fd};
  well = well && syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
  close(fd);
  return well;
}

/* A directory that holds more than what belongs together. */
static bool is_wide(const char *dir)
{
  static const char *const wide[] = {"/home", "/var",     "/tmp",     "/run",    "/etc", "/usr",
                                     "/opt",  "/srv",     "/root",    "/mnt",    "/dev", "/proc",
                                     "/sys",  "/var/lib", "/var/tmp", "/var/run"};
  if (!strcmp(dir, "/") || !strcmp(dir, "."))
    return true;
  for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
    if (!strcmp(dir, wide[i]))
      return true;
  return false;
}

/* A file that is renewed is another one by the same name, which only its directory can allow. */
static bool allow_around(int rules, const char *path)
{
  char dir[PATH_MAX];
  struct stat file;
  if (!allow(rules, path))
    return false;
  if (stat(path, &file) == 0 && S_ISDIR(file.st_mode))
    return true;
  snprintf(dir, sizeof dir, "%s", path);
  const char *parent = dirname(dir);
  return is_wide(parent) || allow(rules, parent);
}

static bool allow_named(int rules, struct plug_str named)
{
  char path[PATH_MAX], real[PATH_MAX];
  if (!named.len || named.len >= sizeof path || memchr(named.ptr, '\0', named.len))
    return true; /* the plugin says what is wrong with it */
  memcpy(path, named.ptr, named.len);
  path[named.len] = '\0';
  return allow_around(rules, path) && (!realpath(path, real) || allow_around(rules, real));
}

plug_status confine_files(const struct confine_paths *paths, struct plug_err *err)
{
  int version = create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) {
    fault_at(err, NULL, 0, "this kernel has no Landlock (%s)", strerror(errno));
    return PLUG_ENOTSUP;
  }
  struct landlock_ruleset_attr attr = {.handled_access_fs = ACCESS_V1};
  if (version >= 2)
    attr.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
  if (version >= 3)
    attr.handled_access_fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
  if (version >= 5)
    attr.handled_access_fs |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
  int rules = create_ruleset(&attr, sizeof attr.handled_access_fs, 0);
  bool well = rules >= 0;
  for (size_t i = 0; well && i < sizeof everybodys / sizeof *everybodys; i++)
    well = allow(rules, everybodys[i]);
  char plugin[PATH_MAX];
  snprintf(plugin, sizeof plugin, "%s", paths->plugin);
  well = well && allow(rules, "/proc/self/exe") && allow(rules, dirname(plugin));
  for (size_t i = 0; well && i < paths->n_named; i++)
    well = allow_named(rules, paths->named[i]);
  well = well && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         syscall(SYS_landlock_restrict_self, rules, 0) == 0;
  if (!well)
    fault_at(err, NULL, 0, "Landlock: %s", strerror(errno));
  if (rules >= 0)
    close(rules);
  return well ? PLUG_OK : PLUG_EUNAVAIL;
}
