/* One HTTP request to a backend: what goes out, what comes back, and what became of it. Owns the
 * libcurl handle, the headers and the answer. [home]. */
#ifndef HOOK_CALL_H
#define HOOK_CALL_H

#include <curl/curl.h>

#include "hook_config.h"

enum hook_outcome {
  HOOK_ANSWERED, /* JSON with status 200 */
  HOOK_NOTHING,  /* 204: taken, and there is no more to it */
  HOOK_LOST,     /* not reached, or the connection was lost */
  HOOK_LATE,
  HOOK_FAILING, /* a status that says: not now */
  HOOK_REFUSED, /* a status that says: never */
  HOOK_BAD      /* no answer at all */
};

enum { HOOK_WHY = 400 };

struct hook_call {
  CURL *easy; /* NULL: none is under way */
  struct curl_slist *headers;
  struct plug_str body; /* borrowed */
  size_t sent;
  bool may_repeat;
  char *answer;
  size_t len, max;
  bool too_long;
  char error[CURL_ERROR_SIZE];
};

/* Makes what has to be given to hook_multi_add; false when out of memory. id and body are borrowed
 * until hook_call_end. may_repeat: libcurl may send it again by itself, when a connection that was
 * kept open breaks before anything has come back. */
bool hook_call_begin(struct hook_call *call, const struct hook_config *config, const char *id,
                     struct plug_str body, uint64_t timeout_ms, bool may_repeat,
                     const char *user_agent);
/* What became of it; a sentence in why unless it is HOOK_ANSWERED or HOOK_NOTHING. */
enum hook_outcome hook_call_judge(struct hook_call *call, CURLcode code, char why[HOOK_WHY]);
void hook_call_end(struct hook_call *call);

#endif
