#include "base/log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/counter.h"
#include "base/str.h"

static void take(struct log_sink *sink, int fd)
{
  pthread_mutex_lock(&sink->lock);
  int former = sink->fd;
  sink->fd = fd;
  pthread_mutex_unlock(&sink->lock);
  if (former > STDERR_FILENO)
    close(former);
}

int log_sink_open_file(struct log_sink *sink, const char *path)
{
  int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
  if (fd < 0)
    return errno;
  take(sink, fd);
  return 0;
}

/* sd_journal_sendv would do, but its socket waits for journald when that is busy. */
int log_sink_open_journal(struct log_sink *sink, const char *path)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path)
    return ENAMETOOLONG;
  memcpy(address.sun_path, path, strlen(path) + 1);
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return errno;
  /* Is it there? What is sent names the address itself. */
  if (connect(fd, (const struct sockaddr *)(const void *)&address, sizeof address) != 0) {
    int failed = errno;
    close(fd);
    return failed;
  }
  sink->journal = true;
  sink->address = address;
  take(sink, fd);
  return 0;
}

void log_sink_close(struct log_sink *sink)
{
  take(sink, -1);
  sink->journal = false;
}

static bool send_entry(const struct log_sink *sink, const struct log_bytes *entry)
{
  const struct sockaddr *address = (const struct sockaddr *)(const void *)&sink->address;
  return sendto(sink->fd, entry->text, entry->len, MSG_DONTWAIT | MSG_NOSIGNAL, address,
                sizeof sink->address) == (ssize_t)entry->len;
}

/* A pipe or a terminal that nobody reads: the line is dropped, never waited for. A pipe that has
 * room at all has room for a page, and a line is no longer; the lock keeps that true between the
 * look and the write. */
static bool write_line(const struct log_sink *sink, const struct log_bytes *line)
{
  struct pollfd room = {.fd = sink->fd, .events = POLLOUT};
  if (poll(&room, 1, 0) == 0)
    return false;
  /* A standard error that is broken for good is nothing that could be reported anywhere. */
  return write(sink->fd, line->text, line->len) >= 0 || sink->fd == STDERR_FILENO;
}

/* Under the lock. */
static bool put(struct log_sink *sink, const struct log_bytes *bytes)
{
  if (sink->fd < 0)
    return true;
  return sink->journal ? send_entry(sink, bytes) : write_line(sink, bytes);
}

static void compose(const struct log_sink *sink, struct log_bytes *out, enum log_form form,
                    const struct log_record *record)
{
  if (sink->journal)
    log_record_put_entry(out, record);
  else
    log_record_put_line(out, form, record);
}

static void tell_dropped(struct log_sink *sink, enum log_form form, uint64_t n)
{
  struct log_bytes bytes;
  char text[96];
  int len =
      snprintf(text, sizeof text, "%" PRIu64 " lines of the log were dropped: nobody read it", n);
  struct log_record note = {.level = LOG_WARN, .area = "log", .text = str_from(text, (size_t)len)};
  clock_gettime(CLOCK_REALTIME, &note.at);
  compose(sink, &bytes, form, &note);
  pthread_mutex_lock(&sink->lock);
  (void)put(sink, &bytes);
  pthread_mutex_unlock(&sink->lock);
}

void log_sink_write(struct log_sink *sink, enum log_form form, const struct log_record *record)
{
  struct log_bytes bytes;
  compose(sink, &bytes, form, record);
  pthread_mutex_lock(&sink->lock);
  uint64_t before = sink->n_dropped;
  if (put(sink, &bytes)) {
    sink->n_dropped = 0;
  } else {
    sink->n_dropped++;
    COUNT(log_dropped);
  }
  bool resumed = before && !sink->n_dropped;
  pthread_mutex_unlock(&sink->lock);
  if (resumed)
    tell_dropped(sink, form, before);
}
