#include "redis_reader.h"

enum {
  MAX_ELEMENTS = 1 << 18, /* of one array; the longest that we ask for are lists of users */
  MAX_DEPTH = 7,          /* of arrays in arrays; what we ask for has three */
};

/* hiredis believes any length and clears that much memory at once, on the control thread. Since 1.0
 * it believes any depth, too, and frees what is nested by recursion. */
static void *create_array(const redisReadTask *task, redis_elements n)
{
  struct redis_reader *reader = task->privdata;
  int depth = 1;
  for (const redisReadTask *outer = task->parent; outer != NULL; outer = outer->parent)
    depth++;
  if (n > MAX_ELEMENTS)
    reader->absurd = "an array of absurd length";
  else if (depth > MAX_DEPTH)
    reader->absurd = "arrays nested absurdly deep";
  return reader->absurd != NULL ? NULL : reader->create_array(task, n);
}

bool redis_reader_init(struct redis_reader *reader)
{
  *reader = (struct redis_reader){.parser = redisReaderCreate()};
  if (reader->parser == NULL)
    return false;
  reader->own = *reader->parser->fn;
  reader->create_array = reader->own.createArray;
  reader->own.createArray = create_array;
  reader->parser->fn = &reader->own;
  reader->parser->privdata = reader;
  return true;
}

void redis_reader_fini(struct redis_reader *reader)
{
  if (reader->parser != NULL)
    redisReaderFree(reader->parser);
  reader->parser = NULL;
}

bool redis_reader_feed(struct redis_reader *reader, const char *bytes, size_t n)
{
  return redisReaderFeed(reader->parser, bytes, n) == REDIS_OK;
}

enum redis_reading redis_reader_next(struct redis_reader *reader, redisReply **reply)
{
  void *next = NULL;
  if (redisReaderGetReply(reader->parser, &next) != REDIS_OK)
    return REDIS_READ_BROKEN;
  *reply = next;
  return next != NULL ? REDIS_READ_REPLY : REDIS_READ_NONE;
}

const char *redis_reader_why(const struct redis_reader *reader)
{
  return reader->absurd != NULL ? reader->absurd : reader->parser->errstr;
}
