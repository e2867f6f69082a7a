/* Where lines of the log go: a descriptor that takes bytes (standard error, a file), or the socket
 * of journald. Writing never waits: what finds no room is dropped and counted. Owns its descriptor,
 * unless that is standard error. Any thread, but for opening and closing. */
#ifndef BASE_LOG_SINK_H
#define BASE_LOG_SINK_H

#include <pthread.h>
#include <sys/un.h>

#include "base/log_record.h"

struct log_sink {
  int fd; /* -1: there is none */
  bool journal;
  struct sockaddr_un address; /* of the journal: it is told anew each time, and may be restarted */
  pthread_mutex_t lock; /* of fd and n_dropped; held for no longer than calls that do not wait */
  uint64_t n_dropped;   /* since the last line that was written */
};

/* 0, or an errno; then it is as it was. A file is made for its owner and group, and appended to. */
int log_sink_open_file(struct log_sink *sink, const char *path);
/* The same for journald's socket at path. */
int log_sink_open_journal(struct log_sink *sink, const char *path);
void log_sink_close(struct log_sink *sink);

/* Writes the line, or the entry if it is the journal's. After lines that were dropped another one
 * says how many. */
void log_sink_write(struct log_sink *sink, enum log_form form, const struct log_record *record);

#endif
