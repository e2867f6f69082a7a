/* plugctl pub: sends messages and waits until the server has confirmed each. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/dial.h"
#include "cli/say.h"

enum {
  WINDOW = 64,            /* messages that wait for their receipts */
  BACKLOG_MAX = 1 << 20,  /* bytes that wait for the socket before more are read */
  MESSAGE_MAX = 64 << 20, /* what is read into memory */
  READ_BYTES = 65536,
};

struct pub {
  const struct arguments *arguments;
  struct dial dial;
  struct link link;
  int input; /* -1: none, or at its end */
  struct buf in;
  size_t scanned; /* of its first line: where no newline is */
  bool input_done, left;
  uint64_t sent, confirmed;
  uint64_t patience_us; /* when the next receipt is late */
};

static bool receipts_wanted(const struct pub *pub)
{
  return !pub->arguments->no_receipt;
}

static void be_patient(struct pub *pub)
{
  pub->patience_us = clock_now_us() + (uint64_t)pub->arguments->timeout_ms * 1000;
}

static void send_one(struct pub *pub, struct plug_str body)
{
  struct link *link = &pub->link;
  const struct arguments *a = pub->arguments;
  char number[24];
  link_begin(link, STOMP_SEND);
  link_put(link, STOMP_SEND, STR("destination"), str_of(a->operands[0]));
  if (a->content_type)
    link_put(link, STOMP_SEND, STR("content-type"), str_of(a->content_type));
  if (receipts_wanted(pub)) {
    snprintf(number, sizeof number, "m%llu", (unsigned long long)pub->sent);
    link_put(link, STOMP_SEND, STR("receipt"), str_of(number));
  }
  snprintf(number, sizeof number, "%zu", body.len);
  link_put(link, STOMP_SEND, STR("content-length"), str_of(number));
  for (size_t i = 0; i < a->headers.n; i++) {
    const char *item = a->headers.items[i], *colon = strchr(item, ':');
    link_put(link, STOMP_SEND, str_from(item, (size_t)(colon - item)), str_of(colon + 1));
  }
  link_send(link, body);
  if (pub->sent == pub->confirmed)
    be_patient(pub);
  pub->sent++;
}

static void on_frame(void *ctx, const struct stomp_frame *frame)
{
  struct pub *pub = ctx;
  if (frame->command == STOMP_RECEIPT && pub->confirmed < pub->sent) {
    pub->confirmed++;
    be_patient(pub);
  }
}

/* Room for another message, on the server's side and on the socket's? */
static bool may_send(const struct pub *pub)
{
  return pub->link.state == LINK_UP && link_backlog(&pub->link) < BACKLOG_MAX &&
         (!receipts_wanted(pub) || pub->sent - pub->confirmed < WINDOW);
}

static void read_input(struct pub *pub)
{
  char bytes[READ_BYTES];
  ssize_t n = read(pub->input, bytes, sizeof bytes);
  if (n > 0) {
    buf_put(&pub->in, bytes, (size_t)n);
  } else if (n == 0) {
    pub->input_done = true;
  } else if (errno != EINTR && errno != EAGAIN) {
    link_end(&pub->link, EXIT_FAILED, "the input cannot be read: %s", strerror(errno));
  }
  if (pub->in.failed)
    link_end(&pub->link, EXIT_FAILED, "out of memory");
  else if (pub->in.len > MESSAGE_MAX)
    link_end(&pub->link, EXIT_FAILED, "a message is longer than %d MiB", MESSAGE_MAX >> 20);
}

/* Sends whole lines as far as there is room; the last may have no newline. What is left of the
 * input begins a line. */
static void send_lines(struct pub *pub)
{
  size_t at = 0;
  while (may_send(pub) && at < pub->in.len) {
    char *line = pub->in.data + at;
    size_t have = pub->in.len - at, from = at ? 0 : pub->scanned;
    const char *eol = memchr(line + from, '\n', have - from);
    if (!eol && !pub->input_done) {
      pub->scanned = have;
      break;
    }
    size_t len = eol ? (size_t)(eol - line) : have;
    send_one(pub, str_from(line, len - (len && line[len - 1] == '\r')));
    at += len + (eol != NULL);
    pub->scanned = 0;
  }
  buf_consume(&pub->in, at);
}

static bool has_all_sent(const struct pub *pub)
{
  return pub->input_done && (pub->arguments->lines ? pub->in.len == 0 : pub->sent == 1);
}

static void go_on(struct pub *pub)
{
  if (pub->arguments->lines)
    send_lines(pub);
  else if (pub->input_done && !pub->sent && may_send(pub))
    send_one(pub, str_from(pub->in.data, pub->in.len));
  if (pub->link.state == LINK_UP && has_all_sent(pub) &&
      (!receipts_wanted(pub) || pub->confirmed == pub->sent))
    link_leave(&pub->link);
  link_flush(&pub->link);
}

/* More input only where it can be sent on; a whole message is read before. */
static bool wants_input(const struct pub *pub)
{
  if (pub->input < 0 || pub->input_done)
    return false;
  return !pub->arguments->lines || may_send(pub);
}

static void run(struct pub *pub)
{
  while (pub->link.state != LINK_ENDED) {
    bool waits = pub->link.state == LINK_UP && receipts_wanted(pub) && pub->sent > pub->confirmed;
    struct link *link = &pub->link;
    unsigned news = dial_wait(&pub->dial, &link, 1, wants_input(pub) ? pub->input : -1,
                              waits ? pub->patience_us : UINT64_MAX);
    if (news & DIAL_SIGNAL)
      link_end(&pub->link, EXIT_FAILED, "interrupted");
    if (news & DIAL_INPUT)
      read_input(pub);
    link_turn(&pub->link);
    go_on(pub);
    if (waits && pub->link.state == LINK_UP && pub->sent > pub->confirmed &&
        clock_now_us() >= pub->patience_us)
      link_end(&pub->link, EXIT_TIMED_OUT,
               "%s: no answer in time: the receipt of message %llu did not come",
               pub->dial.target.shown, (unsigned long long)pub->confirmed + 1);
  }
}

/* Where the messages come from: the operand, a file, or standard input. */
static bool open_input(struct pub *pub)
{
  const struct arguments *a = pub->arguments;
  pub->input = -1;
  if (a->n_operands > 1) {
    if (a->file || a->lines) {
      say_error("a message on the command line comes without --file and --lines");
      return false;
    }
    buf_put_str(&pub->in, str_of(a->operands[1]));
    pub->input_done = true;
    return true;
  }
  if (!a->file || strcmp(a->file, "-") == 0) {
    pub->input = STDIN_FILENO;
    return true;
  }
  pub->input = open(a->file, O_RDONLY | O_CLOEXEC);
  if (pub->input < 0)
    say_error("%s: %s", a->file, strerror(errno));
  return pub->input >= 0;
}

static int tell(const struct pub *pub)
{
  const struct link *link = &pub->link;
  if (link->exit != EXIT_DONE)
    say_error("%s%s", link->exit == EXIT_REFUSED ? "refused: " : "", link->why);
  if (link->exit != EXIT_DONE && pub->arguments->lines && receipts_wanted(pub))
    say_error("the server has confirmed %llu messages", (unsigned long long)pub->confirmed);
  if (pub->arguments->json) {
    json_t *object =
        json_pack("{s:s, s:I, s:I}", "destination", pub->arguments->operands[0], "sent",
                  (json_int_t)pub->sent, "confirmed", (json_int_t)pub->confirmed);
    if (!say_json(object))
      return EXIT_FAILED;
  }
  return (int)link->exit;
}

static int run_pub(const struct arguments *arguments)
{
  struct pub pub = {.arguments = arguments, .input = -1};
  char why[240];
  enum exit_code code = dial_init(&pub.dial, arguments);
  if (code == EXIT_DONE && !open_input(&pub))
    code = arguments->n_operands > 1 ? EXIT_BAD_USAGE : EXIT_FAILED;
  if (code == EXIT_DONE && (code = dial_resolve(&pub.dial, why)) != EXIT_DONE)
    say_error("%s", why);
  if (code == EXIT_DONE) {
    link_open(&pub.link, &pub.dial.terms, on_frame, &pub);
    run(&pub);
    code = (enum exit_code)tell(&pub);
    link_fini(&pub.link);
  }
  if (pub.input > STDIN_FILENO)
    close(pub.input);
  buf_free(&pub.in);
  dial_fini(&pub.dial);
  return (int)code;
}

static const struct option_spec specs[] = {
    {.name = "file",
     .letter = 'f',
     .value = "FILE",
     .kind = OPTION_TEXT,
     .at = AT(file),
     .help = "the message is this file's content; -: standard input, as without a message"},
    {.name = "lines",
     .letter = 'L',
     .kind = OPTION_FLAG,
     .at = AT(lines),
     .help = "each line of the input is a message; sent as they come, up to 64 unconfirmed"},
    {.name = "header",
     .letter = 'H',
     .value = "NAME:VALUE",
     .kind = OPTION_LIST,
     .at = AT(headers),
     .help = "a header of the message; may be repeated"},
    {.name = "content-type",
     .letter = 'T',
     .value = "TYPE",
     .kind = OPTION_TEXT,
     .at = AT(content_type),
     .help = "its content-type"},
    {.name = "no-receipt",
     .kind = OPTION_FLAG,
     .at = AT(no_receipt),
     .help = "do not wait for a receipt of each message, only for that of DISCONNECT"},
    {.name = "timeout",
     .value = "TIME",
     .kind = OPTION_DURATION,
     .at = AT(timeout_ms),
     .min = 1,
     .max = 3600000,
     .usual = 10000,
     .help = "how long the next receipt may take"},
    {.name = "json",
     .letter = 'j',
     .kind = OPTION_FLAG,
     .at = AT(json),
     .help = "say in JSON how many messages were sent and confirmed"},
};
static const struct option_group group = {"Publishing", specs, sizeof specs / sizeof *specs};

const struct command command_pub = {
    .name = "pub",
    .operands = "DESTINATION [MESSAGE]",
    .summary = "send a message, or many",
    .text = "Sends MESSAGE, or what --file or standard input has, to DESTINATION, and ends with 0 "
            "when the server has confirmed by a receipt that it took it. When the server refuses, "
            "the message of its ERROR is printed.",
    .examples = "plugctl pub /topic/news 'It works'\n"
                "plugctl pub -u stomp://mq.example --host / -l guest -p guest /queue/a hello\n"
                "plugctl pub -T application/json -f order.json /topic/orders\n"
                "tail -f app.log | plugctl pub --lines -u wss://chat.example/ws /topic/log",
    .min_operands = 1,
    .max_operands = 2,
    .groups = {&group, &options_connection},
    .run = run_pub,
};
