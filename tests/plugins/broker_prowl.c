/* SPDX-License-Identifier: MIT
 *
 * A broker plugin for tests that tries what is none of its business, and logs how that went: reads
 * the file that its option of type path names, one beside it, and another; makes a file; runs a
 * program; signals its parent; looks into it. A publish of "garble" writes what is no frame to
 * descriptor 0, one of "flood" more than a frame may be long, one of "ahead" the answer to a
 * message that is not the next one. */
#include <plugboard/plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct prowl {
  const struct plug_host *host;
  char named[200], other[200];
};

static void take(const struct plug_host *host, const char *key, char out[200])
{
  struct plug_str text;
  if (host->cfg_str(host, key, &text) == PLUG_OK && text.len < 200) {
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
  }
}

static plug_status prowl_create(const struct plug_host *host, void **self, struct plug_err *err)
{
  struct prowl *prowl = calloc(1, sizeof *prowl);
  (void)err;
  if (!prowl)
    return PLUG_ENOMEM;
  prowl->host = host;
  take(host, "file", prowl->named);
  take(host, "other", prowl->other);
  *self = prowl;
  return PLUG_OK;
}

static void tell(const struct prowl *prowl, const char *what, int failed)
{
  char line[300];
  int n = snprintf(line, sizeof line, "prowl: %s: %s", what, failed ? strerror(errno) : "done");
  struct plug_str text = {line, (size_t)n};
  prowl->host->log(prowl->host, PLUG_LOG_INFO, text);
}

static void open_it(const struct prowl *prowl, const char *what, const char *path, int flags)
{
  int fd = open(path, flags | O_CLOEXEC, 0600);
  tell(prowl, what, fd < 0);
  if (fd >= 0)
    close(fd);
}

static plug_status prowl_start(void *self, struct plug_op *op)
{
  struct prowl *prowl = self;
  char path[300];
  (void)op;
  open_it(prowl, "read what is named", prowl->named, O_RDONLY);
  open_it(prowl, "write what is named", prowl->named, O_WRONLY);
  open_it(prowl, "read another file", prowl->other, O_RDONLY);
  snprintf(path, sizeof path, "%.200s.made", prowl->named);
  open_it(prowl, "make a file", path, O_WRONLY | O_CREAT);
  snprintf(path, sizeof path, "/proc/%ld/mem", (long)getppid());
  open_it(prowl, "open the server's memory", path, O_RDWR);
  open_it(prowl, "read the names of hosts", "/etc/hosts", O_RDONLY);
  tell(prowl, "signal the server", kill(getppid(), SIGUSR1));
  tell(prowl, "attach to the server", ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) != 0);
  int packets = socket(AF_PACKET, SOCK_RAW, 0);
  tell(prowl, "open a packet socket", packets < 0);
  int stream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  tell(prowl, "open a socket", stream < 0);
  close(stream);
  pid_t child = fork();
  tell(prowl, "make a process", child < 0);
  if (child == 0)
    _exit(0);
  if (child > 0)
    waitpid(child, NULL, 0);
  char *const argv[] = {(char *)(uintptr_t)"true", NULL};
  tell(prowl, "run a program", execv("/bin/true", argv));
  return PLUG_OK;
}

static void prowl_destroy(void *self)
{
  free(self);
}

static plug_status prowl_interest(void *self, const struct plug_interest *v, size_t n,
                                  struct plug_op *op)
{
  (void)self, (void)v, (void)n, (void)op;
  return PLUG_OK;
}

static int is(const struct plug_msg *msg, const char *text)
{
  return msg->payload.len == strlen(text) && memcmp(msg->payload.ptr, text, msg->payload.len) == 0;
}

static plug_status prowl_publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  const struct prowl *prowl = self;
  static const unsigned char garble[] = {4, 0, 0, 0, 67, 0, 0, 0, 1, 2, 3, 4};
  static const unsigned char flood[] = {255, 255, 255, 255, 67, 0, 0, 0};
  static const struct {
    uint32_t len, kind;
    uint64_t id; /* of the lane, of the 4711th message */
    uint32_t status, text_len;
  } ahead = {16, 67, UINT64_C(1) << 63 | 4711, 0, 0};
  ssize_t n = 0;
  (void)op;
  if (is(msg, "garble"))
    n = write(0, garble, sizeof garble);
  if (is(msg, "flood"))
    n = write(0, flood, sizeof flood);
  if (is(msg, "ahead"))
    n = write(0, &ahead, sizeof ahead);
  (void)n;
  prowl->host->broker->deliver(prowl->host, 0, msg);
  return PLUG_OK;
}

static void prowl_health(void *self, struct plug_health *out)
{
  (void)self;
  out->state = PLUG_STATE_UP;
}

static const struct plug_broker prowl_broker = {
    .size = sizeof prowl_broker,
    .caps = PLUG_CAP_ECHO | PLUG_CAP_ORDERED | PLUG_CAP_PUBLISH_ANY | PLUG_CAP_DIRECT,
    .subscribe = prowl_interest,
    .unsubscribe = prowl_interest,
    .publish = prowl_publish,
    .health = prowl_health,
};

static const struct plug_option options[] = {
    {"file", PLUG_OPT_PATH, PLUG_OPT_REQUIRED, NULL, NULL, "What it may read."},
    {"other", PLUG_OPT_STRING, 0, "", NULL, "What it may not."},
};

const struct plug_plugin PLUG_ENTRY = {
    PLUG_PLUGIN_HEAD,        .id = "org.example.broker-prowl",
    .version = "1",          .summary = "tries what it must not",
    .options = options,      .n_options = sizeof options / sizeof *options,
    .broker = &prowl_broker, .create = prowl_create,
    .start = prowl_start,    .destroy = prowl_destroy,
};
