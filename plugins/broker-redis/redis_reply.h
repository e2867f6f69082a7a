/* What is in a reply of Redis, without trust in its form. Owns nothing, any thread. */
#ifndef REDIS_REPLY_H
#define REDIS_REPLY_H

#include <hiredis/hiredis.h>
#include <plugboard/abi.h>

/* Element i of an array that has so many; empty if it is no string. Borrowed. */
static inline struct plug_str redis_reply_str(const redisReply *reply, size_t i)
{
  const redisReply *e = reply->element[i];
  return e->type == REDIS_REPLY_STRING ? (struct plug_str){e->str, e->len}
                                       : (struct plug_str){"", 0};
}

#endif
