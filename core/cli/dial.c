#include "cli/dial.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/say.h"
#include "whole_file.h"

enum { SECRET_MAX = 65536 };

bool dial_secret(const char *option, const char *file, const char *variable, char **read,
                 const char **out)
{
  char why[240];
  size_t len;
  *read = NULL;
  *out = option;
  if (option)
    return true;
  if (!file) {
    const char *value = variable ? getenv(variable) : NULL;
    *out = value && *value ? value : NULL;
    return true;
  }
  *read = whole_file_read(file, SECRET_MAX, &len, NULL, why);
  if (!*read) {
    say_error("%s: %s", file, why);
    return false;
  }
  (*read)[strcspn(*read, "\r\n")] = '\0';
  *out = *read;
  return true;
}

/* Headers are NAME:VALUE; for HTTP a line break in one would be another header. */
static bool headers_are_good(const struct text_list *list, const char *option)
{
  for (size_t i = 0; i < list->n; i++) {
    const char *colon = strchr(list->items[i], ':');
    if (!colon || colon == list->items[i] || strpbrk(list->items[i], "\r\n")) {
      say_error("--%s wants NAME:VALUE, not '%s'", option, list->items[i]);
      return false;
    }
  }
  return true;
}

static enum exit_code take_identity(struct dial *dial, const struct arguments *arguments)
{
  struct link_terms *terms = &dial->terms;
  terms->login = arguments->login ? arguments->login : dial->target.user;
  if (!dial_secret(arguments->passcode, arguments->passcode_file, "PLUGCTL_PASSCODE",
                   &dial->passcode, &terms->passcode) ||
      !dial_secret(arguments->token, arguments->token_file, "PLUGCTL_TOKEN", &dial->token,
                   &terms->token))
    return EXIT_FAILED;
  if (!arguments->passcode && !arguments->passcode_file && dial->target.password)
    terms->passcode = dial->target.password;
  if (!terms->login && !arguments->passcode && !arguments->passcode_file)
    terms->passcode = NULL; /* that of the environment means nothing without a login */
  return EXIT_DONE;
}

static bool catch_signals(struct dial *dial)
{
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  signal(SIGPIPE, SIG_IGN); /* writes say it */
  dial->signal_fd = -1;
  if (sigprocmask(SIG_BLOCK, &set, NULL) == 0)
    dial->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  return dial->signal_fd >= 0;
}

enum exit_code dial_init(struct dial *dial, const struct arguments *arguments)
{
  char why[240];
  const char *url = arguments->url ? arguments->url : getenv("PLUGCTL_URL");
  *dial = (struct dial){.signal_fd = -1};
  if (!url || !*url)
    url = "ws://127.0.0.1:8080/ws";
  if (!headers_are_good(&arguments->headers, "header") ||
      !headers_are_good(&arguments->connect_headers, "connect-header") ||
      !headers_are_good(&arguments->http_headers, "http-header"))
    return EXIT_BAD_USAGE;
  if (!target_parse(&dial->target, url, why)) {
    bool secret = strchr(url, '@'); /* a password is not for a log */
    say_error("the URL%s%s%s is none: %s", secret ? "" : " '", secret ? "" : url, secret ? "" : "'",
              why);
    return EXIT_BAD_USAGE;
  }
  struct link_terms *terms = &dial->terms;
  terms->target = &dial->target;
  terms->host = arguments->host;
  terms->connect_headers = arguments->connect_headers;
  terms->http_headers = arguments->http_headers;
  terms->open_ms = (uint64_t)arguments->connect_timeout_ms;
  terms->heartbeat_ms = (uint64_t)arguments->heartbeat_ms;
  enum exit_code code = take_identity(dial, arguments);
  if (code != EXIT_DONE)
    return code;
  if (dial->target.tls) {
    struct stream_tls tls = {arguments->cafile, arguments->cert, arguments->key,
                             arguments->insecure};
    terms->tls = stream_tls_new(&tls, why);
    if (!terms->tls) {
      say_error("%s", why);
      return EXIT_FAILED;
    }
  }
  if (!catch_signals(dial)) {
    say_error("signals cannot be caught");
    return EXIT_FAILED;
  }
  return EXIT_DONE;
}

enum exit_code dial_resolve(struct dial *dial, char why[240])
{
  if (dial->addresses)
    freeaddrinfo(dial->addresses);
  dial->addresses = stream_resolve(&dial->target, why);
  dial->terms.addresses = dial->addresses;
  return dial->addresses ? EXIT_DONE : EXIT_UNREACHABLE;
}

void dial_fini(struct dial *dial)
{
  if (dial->addresses)
    freeaddrinfo(dial->addresses);
  SSL_CTX_free(dial->terms.tls);
  target_fini(&dial->target);
  free(dial->passcode);
  free(dial->token);
  if (dial->signal_fd >= 0)
    close(dial->signal_fd);
}

unsigned dial_wait(const struct dial *dial, struct link *const *links, size_t n, int input,
                   uint64_t until_us)
{
  struct pollfd fds[2 + DIAL_LINKS_MAX] = {
      {.fd = dial->signal_fd, .events = POLLIN},
      {.fd = input, .events = POLLIN},
  };
  uint64_t now = clock_now_us();
  int timeout = -1;
  for (size_t i = 0; i < n; i++) {
    fds[2 + i] = (struct pollfd){.fd = link_fd(links[i]), .events = link_wants(links[i])};
    int own = link_timeout_ms(links[i]);
    timeout = own >= 0 && (timeout < 0 || own < timeout) ? own : timeout;
  }
  if (until_us != UINT64_MAX) {
    uint64_t ms = until_us > now ? (until_us - now) / 1000 + 1 : 0;
    if (timeout < 0 || ms < (uint64_t)timeout)
      timeout = ms > INT32_MAX ? INT32_MAX : (int)ms;
  }
  unsigned news = DIAL_NOTHING;
  if (poll(fds, 2 + n, timeout) > 0) {
    struct signalfd_siginfo info;
    if (fds[0].revents && read(dial->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
      news |= DIAL_SIGNAL;
    if (fds[1].revents)
      news |= DIAL_INPUT;
  }
  return news;
}
