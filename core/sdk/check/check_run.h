/* Runs checks, each in a child process with a time limit, and tells how they ended. Owns the
 * process and the page that it shares with its parent. The main thread. */
#ifndef SDK_CHECK_RUN_H
#define SDK_CHECK_RUN_H

#include "check.h"

enum check_result { CHECK_OK, CHECK_FAILED, CHECK_DOES_NOT_APPLY };

struct check_outcome {
  enum check_result result;
  char reason[1024];
};

void check_run(const struct check *check, const struct check_order *order,
               struct check_outcome *out);

/* In the child: describes the address that a signal of memory is about, or leaves out as it is. */
extern void (*check_run_name_address)(const void *address, char *out, size_t size);

#endif
