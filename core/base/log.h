/* Log lines, one line each, as text or JSON on standard error, or as entries of the systemd
 * journal; and the access log, there or in a file of its own. Owns the level, the format, and where
 * lines go, which is set once before threads start. Writing is one system call per line, which
 * never waits: lines for a pipe that nobody reads are dropped and counted. Any thread. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include <plugboard/abi.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_VIOLATION };

/* At any time; a line that is being written may still be as before. */
void log_setup(enum log_level lowest, bool json);
bool log_on(enum log_level level);
/* From here on lines go to journald's socket at this path. 0, or an errno: they do not. */
int log_open_journal(const char *socket);

/* From here on lines go to fn, without their fields: in a process whose lines are written by
 * another. NULL: no longer. While there is one thread. */
typedef void (*log_taker_fn)(void *ctx, enum log_level level, const char *area,
                             struct plug_str line);
void log_give_to(log_taker_fn fn, void *ctx);

/* What a line says beside its text, by names of lower_snake: after the text as name=value, as
 * members of the JSON object, as fields of the journal. */
struct log_field {
  const char *name;
  struct plug_str text;
  uint64_t number;
  bool is_number;
};
#define LOG_FIELD_TEXT(its_name, its_text) {.name = (its_name), .text = (its_text)}
#define LOG_FIELD_NUMBER(its_name, its_number) \
  {.name = (its_name), .number = (its_number), .is_number = true}
void log_fields(enum log_level level, const char *area, struct plug_str line,
                const struct log_field *fields, size_t n);

/* The access log is on: in the file at path, or with NULL in the log. 0, or an errno. */
int log_open_access(const char *path);
/* Opens its file anew, which may have been renamed. 0, or an errno: the former one stays. One
 * thread at a time. */
int log_reopen(void);
bool log_access_on(void);
/* A line of it, whatever the level of the log. */
void log_access(struct plug_str line, const struct log_field *fields, size_t n);

/* area: the part of the server that speaks ("net", "broker.redis"). Control characters in the line
 * are written as \xNN, so that a client cannot forge a line. */
void log_line(enum log_level level, const char *area, struct plug_str line);
void log_write(enum log_level level, const char *area, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(area, ...) (log_on(LOG_DEBUG) ? log_write(LOG_DEBUG, area, __VA_ARGS__) : (void)0)
#define log_info(area, ...)  log_write(LOG_INFO, area, __VA_ARGS__)
#define log_warn(area, ...)  log_write(LOG_WARN, area, __VA_ARGS__)
#define log_error(area, ...) log_write(LOG_ERROR, area, __VA_ARGS__)

/* Lets through at most one line per period and counts what it held back. Zero-initialised, one per
 * place, used from any thread. */
struct log_limit {
  _Atomic uint64_t next_ms;
  _Atomic uint64_t held;
  _Atomic uint32_t passed; /* in this period */
};
/* True if the caller may write now; *held is then the number of lines suppressed since the last. */
bool log_limit_pass(struct log_limit *limit, uint64_t period_ms, uint64_t *held);
/* The same for up to so many lines in a period. */
bool log_limit_pass_some(struct log_limit *limit, uint32_t lines, uint64_t period_ms,
                         uint64_t *held);

#define LOG_HELD_MAX 64
/* " (7 more before, not reported)" for the end of such a line, or nothing for 0. Returns out. */
const char *log_held(uint64_t held, char out[LOG_HELD_MAX]);

#endif
