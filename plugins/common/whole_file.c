#include "whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void whole_file_look(const char *path, struct whole_file_stamp *stamp)
{
  struct stat st;
  memset(stamp, 0, sizeof *stamp);
  if (stat(path, &st) != 0)
    return;
  stamp->inode = (uint64_t)st.st_ino;
  stamp->size = (uint64_t)st.st_size;
  stamp->mtime_s = (uint64_t)st.st_mtim.tv_sec;
  stamp->mtime_ns = (uint64_t)st.st_mtim.tv_nsec;
  stamp->ctime_ns = (uint64_t)st.st_ctim.tv_nsec + 1;
}

static char *refuse(char *text, char why[240], const char *what)
{
  snprintf(why, 240, "%s", what);
  free(text);
  return NULL;
}

/* Reads up to size bytes; what has grown meanwhile is read when it has changed again. */
static ssize_t read_all(int fd, char *text, size_t size)
{
  size_t len = 0;
  while (len < size) {
    ssize_t n = read(fd, text + len, size - len);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return -1;
    if (n == 0)
      break;
    len += (size_t)n;
  }
  return (ssize_t)len;
}

char *whole_file_read(const char *path, size_t max, size_t *len, bool *others_read, char why[240])
{
  struct stat st;
  /* Not to be held up by a FIFO, which is refused then. */
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 || fstat(fd, &st) != 0) {
    char *text = refuse(NULL, why, strerror(errno));
    if (fd >= 0)
      close(fd);
    return text;
  }
  char *text = NULL;
  if (!S_ISREG(st.st_mode)) {
    snprintf(why, 240, "it is not a regular file");
  } else if ((uint64_t)st.st_size > max) {
    snprintf(why, 240, "it is longer than %zu KB", max >> 10);
  } else if ((text = malloc((size_t)st.st_size + 1)) == NULL) {
    snprintf(why, 240, "out of memory");
  } else {
    ssize_t n = read_all(fd, text, (size_t)st.st_size);
    if (n < 0)
      text = refuse(text, why, strerror(errno));
    else
      text[ *len = (size_t)n] = '\0';
  }
  close(fd);
  if (others_read != NULL)
    *others_read = (st.st_mode & S_IROTH) != 0;
  return text;
}
