/* An encoded STOMP frame as it goes onto the wire, shared by all sessions of one worker that get
 * the same bytes. The WebSocket header stands in front, so that one encoding serves WebSocket (all
 * of it) and TCP (all after the header). Counted with a plain integer. Worker's thread only.
 *
 * A burst of messages may be one frame, too: each with its WebSocket header, one behind the other.
 * It is written as it is while the socket takes everything, and split where messages count.
 *
 * Carriers that frame messages in another way (SockJS) hang their encodings onto the frame, so that
 * these are made once for all sessions, too. */
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

struct frame {
  uint32_t refs;
  uint32_t len;        /* bytes, WebSocket headers included */
  uint16_t n_messages; /* 1; of a burst: how many */
  uint8_t ws_header;   /* bytes of the first WebSocket header */
  bool droppable;      /* a MESSAGE that needs no ACK: queue policies may drop it */
  uint8_t form;        /* 0; other encodings: the carriers' number for it */
  union {
    struct frame **parts; /* of a burst that has been split, or NULL */
    struct frame *forms;  /* of a single message: its other encodings, linked by forms, or NULL */
  };
  char bytes[]; /* len of them, and a line feed for those who want one behind the frame */
};

/* Joins the parts into one frame with one reference; NULL when out of memory. */
struct frame *frame_new(uint8_t ws_opcode, bool droppable, const struct plug_str *parts,
                        size_t n_parts);

/* A frame for the caller to fill with n_messages messages, len bytes in all. NULL when out of
 * memory. */
struct frame *frame_alloc(size_t len, uint16_t n_messages, bool droppable);
/* How many bytes the WebSocket header of a message of len bytes takes; writing it to out (at least
 * that large) gives the same. */
static inline uint8_t frame_ws_header_len(size_t len)
{
  return len < 126 ? 2 : len < 65536 ? 4 : 10;
}
uint8_t frame_put_long_ws_header(char *out, uint8_t ws_opcode, size_t len); /* over 65535 */
static inline uint8_t frame_put_ws_header(char *out, uint8_t ws_opcode, size_t len)
{
  if (len >= 65536)
    return frame_put_long_ws_header(out, ws_opcode, len);
  out[0] = (char)ws_opcode;
  if (len < 126) {
    out[1] = (char)len;
    return 2;
  }
  out[1] = 126;
  out[2] = (char)(len >> 8);
  out[3] = (char)len;
  return 4;
}

/* The messages of a burst of more than one as frames of their own, n_messages of them; they are the
 * burst's and live as long as it. NULL when out of memory. */
struct frame *const *frame_split(struct frame *burst);

/* The encoding of this form that has been added, or NULL. frame is a single message. */
struct frame *frame_find_form(const struct frame *frame, uint8_t form);
/* Adds one, whose reference becomes frame's; it lives as long as frame. */
void frame_add_form(struct frame *frame, struct frame *encoded, uint8_t form);

static inline void frame_ref(struct frame *frame)
{
  frame->refs++;
}

void frame_unref(struct frame *frame);

#endif
