/* with_backend KIT ARGS...: runs the conformance kit beside a backend for the planted brokers, and
 * ends with its status. The backend greets connections with an empty frame and sends each frame, a
 * length of four bytes and that many bytes, to all of them. "@CONFIG" among the arguments becomes a
 * file that says where it listens. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_PEERS = 32, MAX_FRAME = 4 << 20 };

struct peer {
  int fd;
  size_t len;
  char *bytes; /* MAX_FRAME + 4 */
};

static struct peer peers[MAX_PEERS];
static size_t n_peers;

static void drop(size_t i)
{
  close(peers[i].fd);
  free(peers[i].bytes);
  peers[i] = peers[--n_peers];
}

static void broadcast(const char *frame, size_t len)
{
  for (size_t i = 0; i < n_peers; i++)
    for (size_t at = 0; at < len;) {
      ssize_t n = send(peers[i].fd, frame + at, len - at, MSG_NOSIGNAL);
      if (n <= 0)
        break; /* it is seen as gone when it is read from */
      at += (size_t)n;
    }
}

/* 0 when it has gone. */
static int hear(struct peer *peer)
{
  ssize_t n = recv(peer->fd, peer->bytes + peer->len, MAX_FRAME + 4 - peer->len, 0);
  if (n <= 0)
    return 0;
  peer->len += (size_t)n;
  size_t at = 0;
  while (peer->len - at >= 4) {
    uint32_t len;
    memcpy(&len, peer->bytes + at, 4);
    if (len > MAX_FRAME)
      return 0;
    if (peer->len - at < 4 + len)
      break;
    broadcast(peer->bytes + at, 4 + len);
    at += 4 + len;
  }
  memmove(peer->bytes, peer->bytes + at, peer->len - at);
  peer->len -= at;
  return 1;
}

static void serve(int listener)
{
  for (;;) {
    struct pollfd fds[MAX_PEERS + 1];
    size_t n = n_peers;
    fds[0] = (struct pollfd){listener, POLLIN, 0};
    for (size_t i = 0; i < n; i++)
      fds[i + 1] = (struct pollfd){peers[i].fd, POLLIN, 0};
    poll(fds, n + 1, -1);
    for (size_t i = n; i-- > 0;)
      if (fds[i + 1].revents && !hear(&peers[i]))
        drop(i);
    if (fds[0].revents && n_peers < MAX_PEERS) {
      struct peer *peer = &peers[n_peers];
      *peer = (struct peer){accept(listener, NULL, NULL), 0, malloc(MAX_FRAME + 4)};
      if (peer->fd >= 0 && peer->bytes && send(peer->fd, "\0\0\0", 4, MSG_NOSIGNAL) == 4)
        n_peers++;
    }
  }
}

int main(int argc, char **argv)
{
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  char file[] = "/tmp/planted-XXXXXX";
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), config = mkstemp(file), status;
  if (argc < 2 || listener < 0 || config < 0 || bind(listener, (struct sockaddr *)&address, len) ||
      listen(listener, 32) || getsockname(listener, (struct sockaddr *)&address, &len)) {
    fprintf(stderr, "with_backend: %s\n", strerror(errno));
    return 2;
  }
  dprintf(config, "[broker.planted]\nurl = planted://127.0.0.1:%u\n", ntohs(address.sin_port));
  close(config);
  for (int i = 1; i < argc; i++)
    if (strcmp(argv[i], "@CONFIG") == 0)
      argv[i] = file;
  pid_t backend = fork();
  if (backend == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(STDOUT_FILENO); /* whoever reads that is not to wait for us */
    close(STDERR_FILENO);
    serve(listener);
  }
  pid_t kit = fork();
  if (kit == 0) {
    execv(argv[1], argv + 1);
    _exit(127);
  }
  waitpid(kit, &status, 0);
  kill(backend, SIGKILL);
  waitpid(backend, NULL, 0);
  unlink(file);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}
