/* What one line of the log says, and how it is written: as text, as a JSON object, or as an entry
 * of the systemd journal. Owns nothing. Any thread. */
#ifndef BASE_LOG_RECORD_H
#define BASE_LOG_RECORD_H

#include <time.h>

#include "base/log.h"

/* Longer lines are cut; one fits a write to a pipe, which has a page, and stays whole. */
#define LOG_LINE_MAX  4096
/* An entry has its line, and the fields once more. */
#define LOG_ENTRY_MAX (2 * LOG_LINE_MAX + 512)

struct log_record {
  struct timespec at; /* real time */
  enum log_level level;
  const char *area;
  struct plug_str text;
  const struct log_field *fields;
  size_t n_fields;
};

struct log_bytes {
  char text[LOG_ENTRY_MAX];
  size_t len;
};

enum log_form { LOG_TEXT, LOG_JSON };

/* With the line feed at its end. */
void log_record_put_line(struct log_bytes *out, enum log_form form,
                         const struct log_record *record);
/* A datagram of journald's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL). Fields get the
 * prefix PLUGBOARD_ and capital letters. */
void log_record_put_entry(struct log_bytes *out, const struct log_record *record);

#endif
