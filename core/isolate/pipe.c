#include "isolate/pipe.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"

/* Stays in the cache of a core while its frames are gone through. */
#define READ_SIZE (64u << 10)

void pipe_init(struct pipe *pipe, int fd, size_t max)
{
  *pipe = (struct pipe){.fd = fd, .max = max};
}

void pipe_fini(struct pipe *pipe)
{
  buf_free(&pipe->out);
  free(pipe->in);
  *pipe = (struct pipe){.fd = -1};
}

/* Takes what was written off the front of rest. */
static enum pipe_status write_some(int fd, struct plug_str *rest)
{
  while (rest->len) {
    ssize_t n = send(fd, rest->ptr, rest->len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return errno == EAGAIN || errno == ENOBUFS ? PIPE_LATER : PIPE_OVER;
    rest->ptr += n;
    rest->len -= (size_t)n;
  }
  return PIPE_OK;
}

enum pipe_status pipe_flush(struct pipe *pipe)
{
  if (!pipe_waiting(pipe))
    return PIPE_OK;
  struct plug_str rest = {pipe->out.data + pipe->sent, pipe_waiting(pipe)};
  enum pipe_status status = write_some(pipe->fd, &rest);
  pipe->sent = pipe->out.len - rest.len;
  if (status == PIPE_OK)
    pipe->sent = pipe->out.len = 0;
  return status;
}

bool pipe_send(struct pipe *pipe, struct plug_str bytes)
{
  /* All of it may have to stay, and what is written half cannot be taken back. */
  if (!buf_reserve(&pipe->out, bytes.len)) {
    pipe->out.failed = false;
    return false;
  }
  /* What has gone wrong is seen at the end of the turn, and by reading. */
  if (pipe_flush(pipe) == PIPE_OK)
    (void)write_some(pipe->fd, &bytes);
  buf_put_str(&pipe->out, bytes);
  return true;
}

/* What is behind what was used moves to the front; a frame longer than the buffer makes it grow. */
static bool make_room(struct pipe *pipe)
{
  size_t left = pipe->in_len - pipe->in_used;
  size_t want = left + READ_SIZE;
  if (pipe->in_used && left)
    memmove(pipe->in, pipe->in + pipe->in_used, left);
  pipe->in_len = left;
  pipe->in_used = 0;
  if (pipe->in_cap >= want)
    return true;
  size_t cap = pipe->in_cap * 2 > want ? pipe->in_cap * 2 : want;
  char *in = realloc(pipe->in, cap);
  if (!in)
    return false;
  pipe->in = in;
  pipe->in_cap = cap;
  return true;
}

enum pipe_status pipe_fill(struct pipe *pipe)
{
  if (!make_room(pipe))
    return PIPE_FULL;
  ssize_t n;
  do
    n = recv(pipe->fd, pipe->in + pipe->in_len, READ_SIZE, MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  if (n > 0)
    pipe->in_len += (size_t)n;
  return n > 0 ? PIPE_OK : n < 0 && errno == EAGAIN ? PIPE_LATER : PIPE_OVER;
}

enum wire_next pipe_next(struct pipe *pipe, struct wire_frame *frame)
{
  struct plug_str rest = pipe_rest(pipe);
  enum wire_next next = wire_next(&rest, frame, pipe->max);
  pipe->in_used = pipe->in_len - rest.len;
  return next;
}

enum wire_next pipe_wait(struct pipe *pipe, struct wire_frame *frame, uint64_t deadline_ms,
                         bool *over)
{
  *over = false;
  for (;;) {
    enum wire_next next = pipe_next(pipe, frame);
    if (next != WIRE_MORE)
      return next;
    enum pipe_status status = pipe_flush(pipe);
    uint64_t now = clock_now_ms();
    if (status != PIPE_OVER && now < deadline_ms) {
      struct pollfd ready = {.fd = pipe->fd, .events = POLLIN};
      if (status == PIPE_LATER)
        ready.events |= POLLOUT;
      uint64_t wait_ms = deadline_ms - now;
      if (poll(&ready, 1, wait_ms > 10000 ? 10000 : (int)wait_ms) < 0 && errno != EINTR)
        status = PIPE_OVER;
    } else if (status != PIPE_OVER) {
      return WIRE_MORE;
    }
    enum pipe_status filled = pipe_fill(pipe);
    if (filled == PIPE_OVER || filled == PIPE_FULL) {
      *over = true;
      return WIRE_BROKEN;
    }
  }
}
