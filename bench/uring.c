/* Would io_uring send faster? One turn of the server's loop writes one frame to each of N sockets:
 * here with N calls of send(), and with N submissions and one io_uring_enter, alternating, over
 * loopback TCP to a thread that reads and discards on another core. Prints the CPU time per send of
 * the sending thread.
 *
 *   uring [SOCKETS] [BYTES] [TURNS] */
#include <arpa/inet.h>
#include <errno.h>
#include <liburing.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct bench {
  unsigned n;
  int *senders, *receivers;
  size_t bytes;
  _Atomic uint64_t received;
  _Atomic int stop;
};

static void die(const char *what)
{
  perror(what);
  exit(EXIT_FAILURE);
}

static void pin(int core)
{
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET((unsigned)core, &set);
  sched_setaffinity(0, sizeof set, &set);
}

static uint64_t thread_cpu_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void *receive(void *arg)
{
  struct bench *b = arg;
  static char sink[65536];
  pin(1);
  int epoll = epoll_create1(0);
  for (unsigned i = 0; i < b->n; i++) {
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = b->receivers[i]};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, b->receivers[i], &ev) != 0)
      die("epoll_ctl");
  }
  while (!atomic_load(&b->stop)) {
    struct epoll_event events[256];
    int n =
        epoll_wait(epoll, events, 256, 0); /* busy: waking it must not be charged to the sender */
    for (int i = 0; i < n; i++) {
      ssize_t got = recv(events[i].data.fd, sink, sizeof sink, MSG_DONTWAIT);
      if (got > 0)
        atomic_fetch_add(&b->received, (uint64_t)got);
    }
  }
  close(epoll);
  return NULL;
}

static void connect_all(struct bench *b)
{
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof at;
  int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, (struct sockaddr *)&at, len) != 0 || listen(listener, 1024) != 0 ||
      getsockname(listener, (struct sockaddr *)&at, &len) != 0)
    die("listen");
  for (unsigned i = 0; i < b->n; i++) {
    b->receivers[i] = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(b->receivers[i], (struct sockaddr *)&at, len) != 0)
      die("connect");
    b->senders[i] = accept(listener, NULL, NULL);
    if (b->senders[i] < 0)
      die("accept");
    setsockopt(b->senders[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  close(listener);
}

static void wait_for(struct bench *b, uint64_t total)
{
  while (atomic_load(&b->received) < total)
    ;
}

static void turn_send(struct bench *b, const char *frame)
{
  for (unsigned i = 0; i < b->n; i++)
    if (send(b->senders[i], frame, b->bytes, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)b->bytes)
      die("send");
}

static void turn_uring(struct bench *b, struct io_uring *ring, const char *frame)
{
  for (unsigned i = 0; i < b->n; i++) {
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
    if (!sqe) {
      io_uring_submit(ring);
      sqe = io_uring_get_sqe(ring);
    }
    io_uring_prep_send(sqe, (int)i, frame, b->bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    /* Registered files; only a failure makes a completion. */
    io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS);
  }
  if (io_uring_submit(ring) < 0)
    die("io_uring_submit");
}

int main(int argc, char **argv)
{
  struct bench b = {.n = argc > 1 ? (unsigned)atoi(argv[1]) : 1000,
                    .bytes = argc > 2 ? (size_t)atoi(argv[2]) : 226};
  unsigned turns = argc > 3 ? (unsigned)atoi(argv[3]) : 400;
  b.senders = calloc(b.n, sizeof *b.senders);
  b.receivers = calloc(b.n, sizeof *b.receivers);
  char *frame = calloc(1, b.bytes);
  if (!b.n || !b.bytes || !b.senders || !b.receivers || !frame)
    return EXIT_FAILURE;
  connect_all(&b);
  struct io_uring ring;
  int error =
      io_uring_queue_init(4096, &ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
  if (!error)
    error = io_uring_register_files(&ring, b.senders, b.n);
  if (error) {
    fprintf(stderr, "uring: this kernel has no io_uring for us: %s\n", strerror(-error));
    return EXIT_FAILURE;
  }
  pin(0);
  pthread_t thread;
  if (pthread_create(&thread, NULL, receive, &b) != 0)
    die("pthread_create");
  uint64_t cpu[2] = {0, 0}, expect = 0;
  for (unsigned turn = 0; turn < 2 * turns + 20; turn++) {
    uint64_t begin = thread_cpu_ns();
    if (turn & 1)
      turn_uring(&b, &ring, frame);
    else
      turn_send(&b, frame);
    if (turn >= 20) /* the first turns warm caches and buffers */
      cpu[turn & 1] += thread_cpu_ns() - begin;
    expect += (uint64_t)b.n * b.bytes;
    wait_for(&b, expect);
  }
  atomic_store(&b.stop, 1);
  pthread_join(thread, NULL);
  double sends = (double)turns * b.n;
  printf("%u sockets, %zu bytes: send() %.3f us, io_uring %.3f us, ratio %.3f\n", b.n, b.bytes,
         (double)cpu[0] / sends / 1000, (double)cpu[1] / sends / 1000,
         (double)cpu[1] / (double)cpu[0]);
  io_uring_queue_exit(&ring);
  return EXIT_SUCCESS;
}
