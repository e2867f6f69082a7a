/* How a queued frame goes onto the wire of its connection. What a carrier needs beside the
 * WebSocket message that the frame is by itself is encoded when it is first asked for, once for all
 * connections of the worker that write the same. Owns nothing: encodings are the frame's. Worker's
 * thread only. */
#ifndef NET_WIRE_H
#define NET_WIRE_H

#include "hub/frame.h"

enum wire {
  WIRE_WEBSOCKET,
  WIRE_PLAIN, /* without the WebSocket header */
  /* The same with a line feed behind each NUL, for which some clients over TCP wait; STOMP allows
   * EOLs between frames. */
  WIRE_PLAIN_LF,
  WIRE_WEBSOCKET_DEFLATE,
  WIRE_SOCKJS_WEBSOCKET,
  /* Answers that stream, each frame a chunk. */
  WIRE_SOCKJS_XHR,
  WIRE_SOCKJS_EVENTSOURCE,
  WIRE_SOCKJS_HTMLFILE,
  /* The same to HTTP/1.0, which knows no chunks. */
  WIRE_SOCKJS_XHR_OLD,
  WIRE_SOCKJS_EVENTSOURCE_OLD,
  WIRE_SOCKJS_HTMLFILE_OLD,
  WIRES
};

/* The message as a JSON string, of which polls make one frame. Not a wire. */
#define WIRE_JSON WIRES

/* A frame's form: bytes that go out as they are, whatever the wire. */
#define WIRE_RAW 255

/* Empty: out of memory. */
struct plug_str wire_encoded(struct frame *frame, unsigned wire);

/* A frame of SockJS's own ("h") for this wire, ready to be queued; NULL when out of memory. */
struct frame *wire_sockjs_frame(enum wire wire, struct plug_str text);

static inline struct plug_str wire_bytes(struct frame *frame, unsigned wire)
{
  if (wire > WIRE_PLAIN_LF)
    return wire_encoded(frame, wire);
  size_t skip = wire == WIRE_WEBSOCKET ? 0 : frame->ws_header;
  /* A heart-beat has no NUL, and is a line feed already. */
  bool feed = wire == WIRE_PLAIN_LF && frame->len && frame->bytes[frame->len - 1] == '\0';
  return (struct plug_str){frame->bytes + skip, frame->len - skip + feed};
}

/* Frees what the thread keeps between calls. */
void wire_drop_scratch(void);

/* Those that wire_bytes gives without what HTTP adds: what counts towards the limit of an answer.
 */
size_t wire_payload_len(struct frame *frame, unsigned wire);

#endif
