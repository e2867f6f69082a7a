/* What does a write to each of many sockets cost, by each means that the kernel has? One turn of
 * the server's loop writes one frame to each of N sockets: here by send(), by io_uring in several
 * forms, and without copying, in turns that alternate, over loopback TCP to a process that reads
 * and discards on another core. Prints the CPU time per write of the sending thread and of the
 * kernel's thread that helps it, medians over the turns, and what that is beside send().
 *
 *   uring [SOCKETS] [BYTES] [TURNS]   one row of figures
 *   uring --table                     the rows of docs/performance.md
 *   uring --few                       1 to 512 writes in a turn, after 200 us of sleep: from how
 * many on is a submission worth it? (SENDER_RING_WORTH) */
#include <arpa/inet.h>
#include <errno.h>
#include <liburing.h>
#include <linux/errqueue.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* As many as the server submits at once (net/sender.h). */
#define ROUND      512u
/* What may be under way: the sockets' buffers are to take every write whole. */
#define UNDER_WAY  ((uint64_t)32 << 20)
#define WARM_TURNS 4u

struct bench {
  unsigned n, pause_us;
  int *senders;
  size_t bytes;
  char *frame;
  int file; /* the frame in a memfd */
  uint64_t sent;
  _Atomic uint64_t *received; /* shared with the receiver */
  pid_t receiver, helper;
  struct io_uring ring;
};

/* Writes to senders[from, to). False: the kernel does not have this. */
typedef bool way_run(struct bench *b, unsigned from, unsigned to);

struct way {
  const char *name;
  way_run *run;
  void (*after)(struct bench *b); /* of a turn; not measured */
};

__attribute__((noreturn)) static void die(const char *what)
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

/* The kernel's thread that does what a sender leaves to it when the core is busy: on loopback the
 * whole way into the receiver. It would be missing from the sender's time. 0: there is none. */
static pid_t find_helper(void)
{
  for (pid_t pid = 2; pid < 2000; pid++) {
    char path[64], name[64] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
      continue;
    bool found = fgets(name, sizeof name, file) && strcmp(name, "ksoftirqd/0\n") == 0;
    fclose(file);
    if (found)
      return pid;
  }
  return 0;
}

static uint64_t helper_cpu_ns(pid_t helper)
{
  char path[64];
  unsigned long long ns = 0;
  snprintf(path, sizeof path, "/proc/%d/schedstat", (int)helper);
  FILE *file = helper ? fopen(path, "re") : NULL;
  if (file && fscanf(file, "%llu", &ns) != 1)
    ns = 0;
  if (file)
    fclose(file);
  return ns;
}

/* --- the other end ------------------------------------------------------------------------ */

__attribute__((noreturn)) static void receive(const struct bench *b, struct sockaddr_in at)
{
  static char sink[262144];
  int epoll = epoll_create1(0);
  pin(1);
  for (unsigned i = 0; i < b->n; i++) {
    struct epoll_event event = {.events = EPOLLIN};
    event.data.fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(event.data.fd, (struct sockaddr *)&at, sizeof at) != 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event) != 0)
      die("connect");
  }
  for (;;) {
    struct epoll_event events[256];
    /* Busy, or waking it would be charged to the sender; in quiet rooms that is what happens. */
    int n = epoll_wait(epoll, events, 256, b->pause_us ? -1 : 0);
    for (int i = 0; i < n; i++) {
      ssize_t got = recv(events[i].data.fd, sink, sizeof sink, MSG_DONTWAIT);
      if (got == 0)
        _exit(EXIT_SUCCESS);
      if (got > 0)
        atomic_fetch_add(b->received, (uint64_t)got);
    }
  }
}

static void connect_all(struct bench *b)
{
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof at;
  int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, (struct sockaddr *)&at, len) != 0 || listen(listener, 4096) != 0 ||
      getsockname(listener, (struct sockaddr *)&at, &len) != 0)
    die("listen");
  b->receiver = fork(); /* a process, so that both ends need not share one limit of descriptors */
  if (b->receiver < 0)
    die("fork");
  if (b->receiver == 0) {
    close(listener);
    receive(b, at);
  }
  for (unsigned i = 0; i < b->n; i++) {
    b->senders[i] = accept(listener, NULL, NULL);
    if (b->senders[i] < 0)
      die("accept");
    setsockopt(b->senders[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(b->senders[i], SOL_SOCKET, SO_ZEROCOPY, &on, sizeof on);
  }
  close(listener);
}

/* Until no more than this is under way. */
static void wait_for(const struct bench *b, uint64_t under_way)
{
  while (b->sent - atomic_load(b->received) > under_way)
    sched_yield();
}

/* --- the ways ----------------------------------------------------------------------------- */

static bool by_send(struct bench *b, unsigned from, unsigned to)
{
  for (unsigned i = from; i < to; i++)
    if (send(b->senders[i], b->frame, b->bytes, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)b->bytes)
      die("send");
  return true;
}

static bool by_zerocopy(struct bench *b, unsigned from, unsigned to)
{
  for (unsigned i = from; i < to; i++) {
    ssize_t sent =
        send(b->senders[i], b->frame, b->bytes, MSG_DONTWAIT | MSG_NOSIGNAL | MSG_ZEROCOPY);
    if (sent != (ssize_t)b->bytes)
      die("send with MSG_ZEROCOPY");
  }
  return true;
}

/* The kernel says when it is done with the memory. Not counted: a server would have to. */
static void read_notices(struct bench *b)
{
  for (unsigned i = 0; i < b->n; i++) {
    char control[128];
    struct msghdr message = {.msg_control = control, .msg_controllen = sizeof control};
    while (recvmsg(b->senders[i], &message, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0)
      message.msg_controllen = sizeof control;
  }
}

static bool by_sendfile(struct bench *b, unsigned from, unsigned to)
{
  for (unsigned i = from; i < to; i++) {
    off_t at = 0;
    if (sendfile(b->senders[i], b->file, &at, b->bytes) != (ssize_t)b->bytes)
      die("sendfile");
  }
  return true;
}

static void submit(struct bench *b, unsigned n)
{
  for (unsigned submitted = 0; submitted < n;) {
    int got = io_uring_submit(&b->ring);
    if (got < 0 && got != -EINTR)
      die("io_uring_submit");
    submitted += got > 0 ? (unsigned)got : 0;
  }
}

/* Takes completions until n writes are done; false when the kernel refuses their form. */
static bool reap(struct bench *b, unsigned n)
{
  bool refused = false;
  for (unsigned done = 0; done < n;) {
    struct io_uring_cqe *cqe;
    unsigned head, taken = 0;
    if (io_uring_wait_cqe(&b->ring, &cqe) != 0)
      die("io_uring_wait_cqe");
    io_uring_for_each_cqe(&b->ring, head, cqe)
    {
      taken++;
      if (cqe->flags & IORING_CQE_F_MORE)
        n++; /* of a write without a copy: its memory is free with the second one */
      if (!(cqe->flags & IORING_CQE_F_NOTIF) && cqe->res == -EINVAL)
        refused = true;
      else if (!(cqe->flags & IORING_CQE_F_NOTIF) && cqe->res != (int)b->bytes)
        die("a write in the ring");
    }
    io_uring_cq_advance(&b->ring, taken);
    done += taken;
  }
  return !refused;
}

static struct io_uring_sqe *prepare(struct bench *b, int fd)
{
  struct io_uring_sqe *sqe = io_uring_get_sqe(&b->ring);
  if (!sqe)
    die("io_uring_get_sqe");
  io_uring_prep_send(sqe, fd, b->frame, b->bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
  return sqe;
}

/* As the server does it. */
static bool by_ring(struct bench *b, unsigned from, unsigned to)
{
  for (unsigned i = from; i < to; i++)
    prepare(b, b->senders[i]);
  submit(b, to - from);
  return reap(b, to - from);
}

/* Only a write that fails, or falls short (that is what MSG_WAITALL is for: together with
 * MSG_DONTWAIT it does not wait), makes a completion. */
static bool skipping(struct bench *b, unsigned from, unsigned to, bool files)
{
  struct io_uring_cqe *cqe;
  for (unsigned i = from; i < to; i++) {
    struct io_uring_sqe *sqe = prepare(b, files ? (int)i : b->senders[i]);
    io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS | (files ? IOSQE_FIXED_FILE : 0u));
    sqe->msg_flags |= MSG_WAITALL;
  }
  submit(b, to - from);
  if (io_uring_peek_cqe(&b->ring, &cqe) == 0)
    die("a write in the ring");
  return true;
}

static bool by_ring_skip(struct bench *b, unsigned from, unsigned to)
{
  return skipping(b, from, to, false);
}

static bool by_ring_files(struct bench *b, unsigned from, unsigned to)
{
  for (unsigned i = from; i < to; i++)
    io_uring_sqe_set_flags(prepare(b, (int)i), IOSQE_FIXED_FILE);
  submit(b, to - from);
  return reap(b, to - from);
}

static bool by_ring_both(struct bench *b, unsigned from, unsigned to)
{
  return skipping(b, from, to, true);
}

static bool by_ring_buffer(struct bench *b, unsigned from, unsigned to)
{
  for (unsigned i = from; i < to; i++) {
    struct io_uring_sqe *sqe = prepare(b, (int)i);
    io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
    sqe->ioprio = IORING_RECVSEND_FIXED_BUF;
    sqe->buf_index = 0;
  }
  submit(b, to - from);
  return reap(b, to - from);
}

static bool by_ring_zerocopy(struct bench *b, unsigned from, unsigned to)
{
  for (unsigned i = from; i < to; i++) {
    struct io_uring_sqe *sqe = prepare(b, (int)i);
    io_uring_prep_send_zc_fixed(sqe, (int)i, b->frame, b->bytes, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);
    io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
  }
  submit(b, to - from);
  return reap(b, to - from);
}

static const struct way ways[] = {
    {"send", by_send, NULL},
    {"ring", by_ring, NULL},
    {"skip", by_ring_skip, NULL},
    {"files", by_ring_files, NULL},
    {"skip, files", by_ring_both, NULL},
    {"files, buffer", by_ring_buffer, NULL},
    {"send_zc", by_ring_zerocopy, NULL},
    {"ZEROCOPY", by_zerocopy, read_notices},
    {"sendfile", by_sendfile, NULL},
};
#define WAYS (sizeof ways / sizeof *ways)

/* --- measuring ---------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void open_bench(struct bench *b)
{
  b->received =
      mmap(NULL, sizeof *b->received, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  b->senders = calloc(b->n, sizeof *b->senders);
  b->file = memfd_create("frame", 0);
  if (b->received == MAP_FAILED || !b->senders || ftruncate(b->file, (off_t)b->bytes) != 0)
    die("memory");
  b->frame = mmap(NULL, b->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, b->file, 0);
  if (b->frame == MAP_FAILED)
    die("memory");
  memset(b->frame, 'x', b->bytes);
  connect_all(b);
  struct iovec buffer = {b->frame, b->bytes};
  int error =
      io_uring_queue_init(ROUND, &b->ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
  if (!error)
    error = io_uring_register_files(&b->ring, b->senders, b->n);
  if (!error)
    error = io_uring_register_buffers(&b->ring, &buffer, 1);
  if (error) {
    fprintf(stderr, "uring: this kernel has no io_uring for us: %s\n", strerror(-error));
    kill(b->receiver, SIGTERM);
    exit(EXIT_FAILURE);
  }
}

static void close_bench(struct bench *b)
{
  io_uring_queue_exit(&b->ring);
  for (unsigned i = 0; i < b->n; i++)
    close(b->senders[i]);
  kill(b->receiver, SIGTERM);
  waitpid(b->receiver, NULL, 0);
  munmap(b->frame, b->bytes);
  munmap((void *)b->received, sizeof *b->received);
  close(b->file);
  free(b->senders);
}

/* One turn; its CPU time per write in us, negative when the kernel does not have this way. */
static double turn(struct bench *b, const struct way *way)
{
  uint64_t cpu = 0, helper_from = helper_cpu_ns(b->helper);
  bool can = true;
  if (b->pause_us)
    usleep(b->pause_us);
  for (unsigned from = 0; from < b->n && can; from += ROUND) {
    unsigned to = from + ROUND < b->n ? from + ROUND : b->n;
    wait_for(b, UNDER_WAY);
    uint64_t begin = thread_cpu_ns();
    can = way->run(b, from, to);
    cpu += thread_cpu_ns() - begin;
    b->sent += can ? (uint64_t)(to - from) * b->bytes : 0;
  }
  wait_for(b, 0);
  cpu += helper_cpu_ns(b->helper) - helper_from;
  if (way->after)
    way->after(b);
  return can ? (double)cpu / b->n / 1000 : -1;
}

static void measure(unsigned n, size_t bytes, unsigned turns, unsigned pause_us)
{
  struct bench b = {.n = n, .bytes = bytes, .pause_us = pause_us};
  double *took[WAYS], median[WAYS];
  open_bench(&b);
  b.helper = find_helper();
  for (size_t w = 0; w < WAYS; w++)
    if (!(took[w] = calloc(turns, sizeof **took)))
      die("memory");
  for (unsigned i = 0; i < turns + WARM_TURNS; i++)
    for (size_t k = 0; k < WAYS; k++) {
      size_t w = (k + i) % WAYS; /* none is always the first */
      double us = turn(&b, &ways[w]);
      if (i >= WARM_TURNS) /* the first turns warm caches and buffers */
        took[w][i - WARM_TURNS] = us;
    }
  printf("| %6u | %6zu |", n, bytes);
  for (size_t w = 0; w < WAYS; w++) {
    qsort(took[w], turns, sizeof **took, compare);
    median[w] = took[w][turns / 2];
    if (median[w] < 0)
      printf("      – |");
    else if (w == 0)
      printf(" %6.2f |", median[0]);
    else
      printf(" %6.2f (%.2f) |", median[w], median[w] / median[0]);
    free(took[w]);
  }
  printf("\n");
  fflush(stdout);
  close_bench(&b);
}

static void print_head(void)
{
  printf("| sockets | bytes |");
  for (size_t w = 0; w < WAYS; w++)
    printf(" %s |", ways[w].name);
  printf("\n| ---: | ---: |");
  for (size_t w = 0; w < WAYS; w++)
    printf(" ---: |");
  printf("\n");
}

int main(int argc, char **argv)
{
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  signal(SIGPIPE, SIG_IGN);
  pin(0);
  print_head();
  if (argc > 1 && strcmp(argv[1], "--table") == 0) {
    measure(1000, 200, 60, 0);
    measure(10000, 200, 12, 0);
    measure(1000, 4096, 60, 0);
    measure(10000, 4096, 12, 0);
    measure(1000, 65536, 24, 0);
    measure(10000, 65536, 5, 0);
  } else if (argc > 1 && strcmp(argv[1], "--few") == 0) {
    static const unsigned few[] = {1, 2, 3, 4, 6, 8, 10, 12, 16, 24, 32, 48, 64, 128, 256, 512};
    for (size_t i = 0; i < sizeof few / sizeof *few; i++)
      measure(few[i], 200, few[i] < 64 ? 400 : 150, 200);
  } else {
    int n = argc > 1 ? atoi(argv[1]) : 1000, bytes = argc > 2 ? atoi(argv[2]) : 200,
        turns = argc > 3 ? atoi(argv[3]) : 60;
    if (n < 1 || bytes < 1 || turns < 1) {
      fputs("uring [SOCKETS] [BYTES] [TURNS] | --table | --few\n", stderr);
      return 2;
    }
    measure((unsigned)n, (size_t)bytes, (unsigned)turns, 0);
  }
  return EXIT_SUCCESS;
}
