/* STOMP 1.0, 1.1 and 1.2: commands, versions, and one frame as slices. Owns nothing. Any thread.
 * Source: https://stomp.github.io/stomp-specification-1.2.html and its predecessors. */
#ifndef STOMP_STOMP_H
#define STOMP_STOMP_H

#include <stdbool.h>

#include "base/str.h"

/* Ordered, so that versions compare with <. NONE: before CONNECT. */
enum stomp_version { STOMP_NONE, STOMP_1_0, STOMP_1_1, STOMP_1_2 };

const char *stomp_version_text(enum stomp_version version); /* "1.2" */

enum stomp_command {
  STOMP_CONNECT,
  STOMP_STOMP,
  STOMP_SEND,
  STOMP_SUBSCRIBE,
  STOMP_UNSUBSCRIBE,
  STOMP_ACK,
  STOMP_NACK,
  STOMP_BEGIN,
  STOMP_COMMIT,
  STOMP_ABORT,
  STOMP_DISCONNECT,
  /* Sent by servers only; parsed so that the error can name them. */
  STOMP_CONNECTED,
  STOMP_MESSAGE,
  STOMP_RECEIPT,
  STOMP_ERROR,
};

const char *stomp_command_text(enum stomp_command command);
bool stomp_command_is_server(enum stomp_command command);

/* False: there is none of that name. */
bool stomp_command_find_any(struct plug_str text, enum stomp_command *command);

static inline bool stomp_command_find(struct plug_str text, enum stomp_command *command)
{
  if (str_eq(text, STR("SEND"))) { /* by far the most frequent */
    *command = STOMP_SEND;
    return true;
  }
  return stomp_command_find_any(text, command);
}

struct stomp_head;

struct stomp_header {
  struct plug_str name, value; /* unescaped */
};

/* Slices of the parser's input or buffer: valid until the next call of the parser. */
struct stomp_frame {
  enum stomp_command command;
  struct stomp_header *headers;
  size_t n_headers;
  struct plug_str body;
  struct stomp_head *head; /* a SEND's, if it is known from before (stomp_head.h); or NULL */
};

/* The first header of that name (repeated headers: the first wins, STOMP 1.2 "Repeated Header
 * Entries"); NULL when there is none. Names are case-sensitive. */
static inline const struct plug_str *stomp_frame_header(const struct stomp_frame *frame,
                                                        struct plug_str name)
{
  for (size_t i = 0; i < frame->n_headers; i++)
    if (str_eq(frame->headers[i].name, name))
      return &frame->headers[i].value;
  return NULL;
}

#endif
