/* hiredis' parser of replies, within bounds. Owns what it has been fed and not given out. No I/O.
 * Any thread, one at a time. */
#ifndef REDIS_READER_H
#define REDIS_READER_H

#include <hiredis/hiredis.h>
#include <stdbool.h>

#if HIREDIS_MAJOR >= 1
typedef size_t redis_elements;
#else
typedef int redis_elements;
#endif

/* It must not move once made: hiredis knows it by its address. */
struct redis_reader {
  redisReader *parser;           /* NULL: not made */
  redisReplyObjectFunctions own; /* hiredis' functions, but for create_array */
  void *(*create_array)(const redisReadTask *, redis_elements); /* hiredis' own */
  const char *absurd; /* what an array had that none has that we ask for; or NULL */
};

enum redis_reading { REDIS_READ_REPLY, REDIS_READ_NONE, REDIS_READ_BROKEN };

bool redis_reader_init(struct redis_reader *reader); /* false: out of memory */
void redis_reader_fini(struct redis_reader *reader); /* one of zeros, too */
bool redis_reader_feed(struct redis_reader *reader, const char *bytes, size_t n); /* likewise */
/* The next whole reply, to be freed with freeReplyObject; or none yet; or what was fed is no reply,
 * and redis_reader_why says so. */
enum redis_reading redis_reader_next(struct redis_reader *reader, redisReply **reply);
const char *redis_reader_why(const struct redis_reader *reader); /* until fini */

#endif
