/* One end of the stream between the server and an isolated plugin: what is to be written, gathered
 * so that a turn of a loop costs one system call, and what has come, frame by frame. Owns its
 * buffers, not the descriptor. One thread at a time. */
#ifndef ISOLATE_PIPE_H
#define ISOLATE_PIPE_H

#include "isolate/wire.h"

struct pipe {
  int fd;
  size_t max; /* of a frame */
  struct buf out;
  size_t sent; /* of out */
  char *in;
  size_t in_cap, in_len, in_used;
};

void pipe_init(struct pipe *pipe, int fd, size_t max);
void pipe_fini(struct pipe *pipe);

static inline size_t pipe_waiting(const struct pipe *pipe)
{
  return pipe->out.len - pipe->sent;
}

enum pipe_status {
  PIPE_OK,    /* as much as there was */
  PIPE_LATER, /* the other side does not read, or has written nothing */
  PIPE_OVER,  /* the other side is gone */
  PIPE_FULL,  /* out of memory */
};
/* Never waits. */
enum pipe_status pipe_flush(struct pipe *pipe);
/* As if bytes were put into out, and flushed, but what can be written at once is not copied. Never
 * waits. False: out of memory, and nothing is written. */
bool pipe_send(struct pipe *pipe, struct plug_str bytes);
/* Reads some. Never waits if the descriptor does not block. */
enum pipe_status pipe_fill(struct pipe *pipe);
/* What was read and is not used yet. */
static inline struct plug_str pipe_rest(const struct pipe *pipe)
{
  return (struct plug_str){pipe->in ? pipe->in + pipe->in_used : "", pipe->in_len - pipe->in_used};
}
/* The next whole frame of what was read; it stays until pipe_fill. */
enum wire_next pipe_next(struct pipe *pipe, struct wire_frame *frame);
/* For whoever has nothing else to do: waits for it until deadline_ms, and flushes meanwhile.
 * WIRE_MORE: it has not come in time; BROKEN also when the other side is gone, with *over set. */
enum wire_next pipe_wait(struct pipe *pipe, struct wire_frame *frame, uint64_t deadline_ms,
                         bool *over);

#endif
