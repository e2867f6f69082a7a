/* What was answered to requests that carried an Idempotency-Key: the same request gets the same
 * answer, and is not done twice, whichever worker it comes to. Owns its entries, of which there are
 * so many at most, each for so long. Any thread, behind one mutex. */
#ifndef API_API_MEMORY_H
#define API_API_MEMORY_H

#include <stdbool.h>

#include <plugboard/abi.h>

struct api_memory;
struct api_memory_entry;

/* max 0: nothing is remembered. NULL when out of memory. */
struct api_memory *api_memory_new(size_t max, uint64_t keep_ms);
void api_memory_free(struct api_memory *memory); /* NULL is nothing */

enum api_memory_verdict {
  API_MEMORY_NEW,       /* do it, then api_memory_end with *entry (NULL: not remembered) */
  API_MEMORY_DONE,      /* *answer is what was answered */
  API_MEMORY_UNDER_WAY, /* somebody else is doing it */
  API_MEMORY_OTHER,     /* the key was used for another request */
};

/* owner: whose key of the API it is, so that keys of two do not meet. request: what was asked for,
 * all of it. */
enum api_memory_verdict api_memory_begin(struct api_memory *memory, struct plug_str owner,
                                         struct plug_str key, struct plug_str request,
                                         uint64_t now_ms, struct api_memory_entry **entry,
                                         uint64_t *answer);
/* done: answer is kept; else the request may be tried again. entry NULL is nothing. */
void api_memory_end(struct api_memory *memory, struct api_memory_entry *entry, bool done,
                    uint64_t answer);

#endif
