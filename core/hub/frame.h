/* An encoded STOMP frame as it goes onto the wire, shared by all sessions of one worker that get
 * the same bytes. The WebSocket header stands in front, so that one encoding serves WebSocket (all
 * of it) and TCP (all after the header). Counted with a plain integer. Worker's thread only.
 *
 * A burst of messages may be one frame, too: each with its WebSocket header, one behind the other.
 * It is written as it is while the socket takes everything, and split where messages count. */
#ifndef HUB_FRAME_H
#define HUB_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <plugboard/abi.h>

/* RFC 6455 5.2; server frames are final and not masked. */
#define FRAME_WS_TEXT       0x81u
#define FRAME_WS_BINARY     0x82u
#define FRAME_WS_HEADER_MAX 10

/* How a frame goes out: with its WebSocket headers, without, or without and with a line feed behind
 * the NUL, on which some clients over TCP wait (STOMP allows EOLs between frames). */
enum frame_form { FRAME_WITH_HEADER, FRAME_PLAIN, FRAME_PLAIN_LF };

struct frame {
  uint32_t refs;
  uint32_t len;         /* bytes, WebSocket headers included */
  uint16_t n_messages;  /* 1; of a burst: how many */
  uint8_t ws_header;    /* bytes of the first WebSocket header */
  bool droppable;       /* a MESSAGE that needs no ACK: queue policies may drop it */
  struct frame **parts; /* of a burst that has been split, or NULL */
  char bytes[];         /* len of them, and a line feed for FRAME_PLAIN_LF */
};

/* Joins the parts into one frame with one reference; NULL when out of memory. */
struct frame *frame_new(uint8_t ws_opcode, bool droppable, const struct plug_str *parts,
                        size_t n_parts);

/* A frame for the caller to fill with n_messages messages, len bytes in all. NULL when out of
 * memory. */
struct frame *frame_alloc(size_t len, uint16_t n_messages, bool droppable);
/* How many bytes the WebSocket header of a message of len bytes takes; writing it to out (at least
 * that large) gives the same. */
uint8_t frame_ws_header_len(size_t len);
uint8_t frame_put_ws_header(char *out, uint8_t ws_opcode, size_t len);

/* The messages of a burst as frames of their own, n_messages of them; they are the burst's and live
 * as long as it. NULL when out of memory. */
struct frame *const *frame_split(struct frame *burst);

/* What goes out of a frame that is no burst. A heart-beat has no NUL, and gets no line feed. */
static inline struct plug_str frame_wire(const struct frame *frame, enum frame_form form)
{
  size_t skip = form ? frame->ws_header : 0;
  bool feed = form == FRAME_PLAIN_LF && frame->len && frame->bytes[frame->len - 1] == '\0';
  return (struct plug_str){frame->bytes + skip, frame->len - skip + feed};
}

static inline void frame_ref(struct frame *frame)
{
  frame->refs++;
}

void frame_unref(struct frame *frame);

#endif
