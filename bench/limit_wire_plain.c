#include <sys/socket.h>
#include <unistd.h>

#include "limit_wire.h"

#ifdef LIMIT_RING
#include <liburing.h>

/* As the server has it: one submission for up to so many writes. */
#define RING_ENTRIES 512

static struct io_uring ring;
static struct {
  int fd;
  const char *data;
  size_t len;
} posts[RING_ENTRIES];
static unsigned n_posts;
#endif

bool wire_start(size_t n_descriptors, char *const files[2])
{
  (void)n_descriptors;
  (void)files;
#ifdef LIMIT_RING
  return io_uring_queue_init(RING_ENTRIES, &ring,
                             IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN) == 0;
#else
  return true;
#endif
}

void wire_stop(void)
{
#ifdef LIMIT_RING
  io_uring_queue_exit(&ring);
#endif
}

void wire_accepted(int fd)
{
  (void)fd;
}

ssize_t wire_recv(int fd, void *data, size_t cap)
{
  return recv(fd, data, cap, MSG_DONTWAIT);
}

ssize_t wire_send(int fd, const void *data, size_t len)
{
  return send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void wire_close(int fd)
{
  close(fd);
}

#ifdef LIMIT_RING

bool wire_post(int fd, const char *data, size_t len, wire_done *done)
{
  if (n_posts == RING_ENTRIES)
    wire_post_end(done);
  struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
  if (!sqe)
    return false;
  io_uring_prep_send(sqe, fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
  sqe->user_data = n_posts;
  posts[n_posts].fd = fd;
  posts[n_posts].data = data;
  posts[n_posts].len = len;
  n_posts++;
  return true;
}

void wire_post_end(wire_done *done)
{
  for (unsigned submitted = 0; submitted < n_posts;) {
    int got = io_uring_submit(&ring);
    submitted += got > 0 ? (unsigned)got : 0;
  }
  for (unsigned left = n_posts; left;) {
    struct io_uring_cqe *cqe;
    if (io_uring_wait_cqe(&ring, &cqe) != 0)
      continue;
    unsigned i = (unsigned)cqe->user_data;
    if (cqe->res != (int)posts[i].len)
      done(posts[i].fd, posts[i].data, posts[i].len, cqe->res);
    io_uring_cqe_seen(&ring, cqe);
    left--;
  }
  n_posts = 0;
}

#else

bool wire_post(int fd, const char *data, size_t len, wire_done *done)
{
  (void)fd;
  (void)done;
  (void)data;
  (void)len;
  return false;
}

void wire_post_end(wire_done *done)
{
  (void)done;
}

#endif
