#include "net/sender.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"

#ifdef PLUG_HAVE_URING
#include <liburing.h>
#endif

struct sender {
  bool has_ring;
#ifdef PLUG_HAVE_URING
  struct io_uring ring;
#endif
};

ssize_t sender_send(int fd, struct plug_str bytes)
{
  ssize_t sent;
  do
    sent = send(fd, bytes.ptr, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : sent;
}

#ifdef PLUG_HAVE_URING

static const char *open_ring(struct sender *sender)
{
  int error = io_uring_queue_init(SENDER_REQUESTS_MAX, &sender->ring,
                                  IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
  sender->has_ring = error == 0;
  return error ? strerror(-error) : NULL;
}

static void close_ring(struct sender *sender)
{
  if (sender->has_ring)
    io_uring_queue_exit(&sender->ring);
}

/* Takes n completions; each names its request. False if the kernel fails us. */
static bool reap(struct sender *sender, struct sender_request *requests, size_t n)
{
  while (n) {
    struct io_uring_cqe *cqe;
    unsigned head, taken = 0;
    int error = io_uring_wait_cqe(&sender->ring, &cqe);
    if (error == -EINTR)
      continue;
    if (error)
      return false;
    io_uring_for_each_cqe(&sender->ring, head, cqe)
    {
      requests[cqe->user_data].result = cqe->res;
      taken++;
    }
    io_uring_cq_advance(&sender->ring, taken);
    n -= taken;
  }
  return true;
}

static void run_ring(struct sender *sender, struct sender_request *requests, size_t n)
{
  size_t prepared = 0, submitted = 0;
  for (size_t i = 0; i < n; i++)
    requests[i].result = -EAGAIN; /* what is never submitted: the writable event tries again */
  for (; prepared < n; prepared++) {
    struct io_uring_sqe *sqe = io_uring_get_sqe(&sender->ring);
    if (!sqe)
      break;
    io_uring_prep_send(sqe, requests[prepared].fd, requests[prepared].bytes.ptr,
                       requests[prepared].bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    sqe->user_data = prepared;
  }
  int got = 0;
  while (submitted < prepared) {
    got = io_uring_submit(&sender->ring);
    if (got == -EINTR)
      continue;
    if (got <= 0)
      break;
    submitted += (size_t)got;
  }
  bool reaped = reap(sender, requests, submitted);
  if (reaped && submitted == n)
    return;
  /* Entries that were prepared and not submitted would go out with the next round, when their
   * memory is somebody else's: the ring is given up. Closing it waits for what is under way. */
  log_warn("net", "io_uring failed (%s); writing without it from now on",
           got < 0 ? strerror(-got) : "no completion");
  close_ring(sender);
  sender->has_ring = false;
}

#else

static const char *open_ring(struct sender *sender)
{
  (void)sender;
  return "built without liburing";
}

static void close_ring(struct sender *sender)
{
  (void)sender;
}

static void run_ring(struct sender *sender, struct sender_request *requests, size_t n)
{
  (void)sender;
  (void)requests;
  (void)n;
}

#endif

struct sender *sender_new(bool want_ring, const char **why)
{
  struct sender *sender = calloc(1, sizeof *sender);
  *why = NULL;
  if (sender && want_ring)
    *why = open_ring(sender);
  return sender;
}

void sender_free(struct sender *sender)
{
  if (!sender)
    return;
  close_ring(sender);
  free(sender);
}

void sender_run(struct sender *sender, struct sender_request *requests, size_t n)
{
  if (sender->has_ring && n >= SENDER_RING_WORTH) {
    run_ring(sender, requests, n);
    return;
  }
  for (size_t i = 0; i < n; i++)
    requests[i].result = sender_send(requests[i].fd, requests[i].bytes);
}
