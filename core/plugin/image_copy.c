#include "plugin/image_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "config/fault.h"

static char copy_dir[PATH_MAX]; /* empty: not made yet */
static pid_t copy_owner;
static unsigned n_copies;

static void copy_name(char *out, size_t size, unsigned number)
{
  snprintf(out, size, "%s/%u.so", copy_dir, number);
}

static void remove_copies(void)
{
  if (getpid() != copy_owner)
    return; /* a child that leaves by exit() owns nothing here */
  char path[PATH_MAX + 16];
  for (unsigned i = 1; i <= n_copies; i++) {
    copy_name(path, sizeof path, i);
    unlink(path);
  }
  rmdir(copy_dir);
}

/* systemd's private directory of the service, or the place for temporary files. */
static bool make_dir(const char *base, struct plug_err *err)
{
  if (copy_dir[0])
    return true;
  const char *parent = getenv("RUNTIME_DIRECTORY");
  if (!parent || parent[0] != '/')
    parent = getenv("TMPDIR");
  if (!parent || parent[0] != '/')
    parent = "/tmp";
  char dir[PATH_MAX];
  int n = snprintf(dir, sizeof dir, "%s/plugboard-XXXXXX", parent);
  if (n < 0 || (size_t)n >= sizeof dir || !mkdtemp(dir)) {
    fault_at(err, base, 0, "cannot load: no directory for a copy in %s: %s", parent,
             strerror(errno));
    return false;
  }
  memcpy(copy_dir, dir, sizeof copy_dir);
  copy_owner = getpid();
  atexit(remove_copies);
  return true;
}

static bool copy_bytes(int from, int to)
{
  char bytes[65536];
  off_t at = 0;
  ssize_t n;
  while ((n = pread(from, bytes, sizeof bytes, at)) > 0) {
    for (ssize_t done = 0; done < n;) {
      ssize_t w = write(to, bytes + done, (size_t)(n - done));
      if (w < 0)
        return false;
      done += w;
    }
    at += n;
  }
  return n == 0;
}

char *image_copy(const char *base, int fd, struct plug_err *err)
{
  if (!make_dir(base, err))
    return NULL;
  char path[PATH_MAX + 16];
  copy_name(path, sizeof path, ++n_copies);
  int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0500);
  if (to < 0) {
    fault_at(err, base, 0, "cannot load: %s: %s", path, strerror(errno));
    return NULL;
  }
  bool copied = copy_bytes(fd, to);
  int why = errno;
  if (close(to) && copied) {
    copied = false;
    why = errno;
  }
  char *name = copied ? str_dup(str_of(path)) : NULL;
  if (!copied)
    fault_at(err, base, 0, "cannot load: copy to %s: %s", path, strerror(why));
  else if (!name)
    fault_no_memory(err);
  if (!name)
    unlink(path);
  return name;
}
