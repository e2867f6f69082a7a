/* An encoded STOMP frame as it goes onto the wire, shared by all sessions of one worker that get
 * the same bytes. The WebSocket header stands in front, so that one encoding serves WebSocket (all
 * of it) and TCP (all after the header). Counted with a plain integer. Worker's thread only. */
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
  uint32_t len;      /* bytes, WebSocket header included */
  uint8_t ws_header; /* bytes of it */
  bool droppable;    /* a MESSAGE that needs no ACK: queue policies may drop it */
  char bytes[];
};

/* Joins the parts into one frame with one reference; NULL when out of memory. */
struct frame *frame_new(uint8_t ws_opcode, bool droppable, const struct plug_str *parts,
                        size_t n_parts);

static inline void frame_ref(struct frame *frame)
{
  frame->refs++;
}

void frame_unref(struct frame *frame);

#endif
