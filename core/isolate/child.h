/* The process of an isolated plugin, seen from the server: started, killed, and looked after until
 * the kernel has said how it has ended. What it writes on its standard error becomes lines of the
 * log. Owns the process and its two descriptors. One thread at a time. */
#ifndef ISOLATE_CHILD_H
#define ISOLATE_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <plugboard/abi.h>

struct child {
  pid_t pid;      /* 0: there is none */
  int fd;         /* the channel, or -1 */
  int words;      /* what it writes on standard error, or -1 */
  char line[512]; /* of that, until its end comes */
  size_t line_len;
  char crash[256]; /* the line of plugin/crash.h, or empty */
  int status;      /* of waitpid, once it was reaped */
};

void child_init(struct child *child);
/* Runs program with the channel as its standard input. name: what ps and the log call it. */
plug_status child_start(struct child *child, const char *program, const char *name,
                        struct plug_err *err);
/* Reads what it has written on standard error. area: of the lines. False: there will be no more. */
bool child_hear(struct child *child, const char *area);
/* Closes the channel, upon which it ends. */
void child_let_go(struct child *child);
/* Closes the channel and kills it, if it is there; then it is only to be reaped. */
void child_kill(struct child *child);
/* False: it has not ended yet. True also when there is none. */
bool child_reap(struct child *child, const char *area);
/* The same, but waits for that; false: not in that time. */
bool child_reap_within(struct child *child, const char *area, uint64_t ms);
/* How it has ended, after child_reap: "crashed with SIGSEGV in its call of publish". */
void child_put_end(const struct child *child, char *out, size_t size);

#endif
