/* The layout "single": every message of a cluster as {"destination":...,"content":...} on one
 * channel, as Spring nodes write and read it with Jackson. Owns nothing, no I/O, any thread.
 *
 *   content      arrives as
 *   string       text/plain;charset=UTF-8, the text without its quotes
 *   null, none   nothing: there is no such message
 *   other        application/json, the JSON text as it was received
 *
 * The other way round, a payload that says it is JSON (or says nothing) and is, goes in as it is;
 * everything else goes in as a string. */
#ifndef REDIS_SINGLE_H
#define REDIS_SINGLE_H

#include "redis_buf.h"

/* Appends the JSON of a message. PLUG_EINVAL with *why, a static sentence: it cannot be said in
 * JSON. PLUG_ENOMEM. */
plug_status redis_single_encode(struct redis_buf *out, struct plug_str topic,
                                struct plug_str content_type, struct plug_str payload,
                                const char **why);

struct redis_single {
  struct plug_str topic, content_type, payload;
};

/* Parts of the result point into wire or scratch, which is cleared first. PLUG_ESTATE: a message
 * without content, to be dropped. PLUG_EINVAL with *why: not such an object. PLUG_ENOMEM. */
plug_status redis_single_decode(struct redis_buf *scratch, struct plug_str wire,
                                struct redis_single *out, const char **why);

#endif
