/* What a SockJS client sends: messages as JSON strings, in a body or in a WebSocket message. No
 * I/O. Any thread. */
#ifndef SOCKJS_SOCKJS_MESSAGE_H
#define SOCKJS_SOCKJS_MESSAGE_H

#include "base/buf.h"

enum sockjs_messages {
  SOCKJS_MESSAGES,   /* there may be none in it */
  SOCKJS_NO_PAYLOAD, /* nothing at all, or something that is no list */
  SOCKJS_BAD_JSON,   /* not JSON, or not strings */
  SOCKJS_NO_MEMORY
};

/* Reads a JSON list of strings and hands over each message, in order, in memory that may be written
 * to until the call returns. With lone a single string will do, too. Nothing is handed over unless
 * the whole of json is in order. */
enum sockjs_messages sockjs_messages_read(struct plug_str json, bool lone,
                                          void (*take)(void *ctx, char *message, size_t len),
                                          void *ctx);

/* The payload of jsonp_send in a body: that of the field "d" of a form, or the body itself where it
 * is not a form. Decodes in place; *payload lies in the body. */
void sockjs_messages_unwrap(struct buf *body, bool form, struct plug_str *payload);

#endif
