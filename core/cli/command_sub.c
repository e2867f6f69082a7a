/* plugctl sub: subscribes and prints what comes, across reconnects if asked to. */
#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/dial.h"
#include "cli/say.h"

/* The delay before a new attempt: doubled after each failure, half of it random, so that clients
 * that were cut off together do not come back together. */
enum {
  DELAY_MIN_MS = 1000,
  DELAY_MAX_MS = 30000,
  STABLE_US = 10000000,
  RECONNECT_IN_MAX_MS = 3600000
};

struct sub {
  const struct arguments *arguments;
  struct dial dial;
  struct link link;
  uint64_t received, receipts;
  uint64_t until_us;        /* the end of --timeout */
  uint64_t subscribe_by_us; /* receipts of SUBSCRIBE are late after it; 0: all are here */
  uint64_t up_us;           /* since when the connection stands; 0: it does not */
  uint64_t delay_ms;        /* before the next attempt */
  uint64_t hint_ms;         /* what the server said of it */
  bool retry;               /* the ERROR that came will not come again for ever */
  bool stop;                /* as asked: signal, count, time, or nobody reads */
  bool interrupted, late;
  int write_error; /* errno of the output that failed; 0: none has */
};

/* --- printing --- */

static json_t *message_json(const struct stomp_frame *frame)
{
  const struct plug_str *destination = stomp_frame_header(frame, STR("destination"));
  struct timespec now;
  struct tm parts;
  char time[40];
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &parts);
  size_t n = strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", &parts);
  snprintf(time + n, sizeof time - n, ".%03ldZ", now.tv_nsec / 1000000);
  json_t *object = json_object(), *headers = json_object();
  for (size_t i = 0; headers && i < frame->n_headers; i++) {
    const struct stomp_header *header = &frame->headers[i];
    json_t *value = json_stringn(header->value.ptr ? header->value.ptr : "", header->value.len);
    if (json_object_getn(headers, header->name.ptr, header->name.len))
      json_decref(value); /* the first counts */
    else
      json_object_setn_new(headers, header->name.ptr, header->name.len, value);
  }
  json_object_set_new(object, "received_at", json_string(time));
  if (destination)
    json_object_set_new(object, "destination", json_stringn(destination->ptr, destination->len));
  bool good = json_object_set_new(object, "headers", headers) == 0;
  good = say_put_body(object, frame->body) && good;
  if (good)
    return object;
  json_decref(object);
  return NULL;
}

/* What a terminal shows is escaped; a pipe gets the bytes. */
static void put_text(struct buf *out, const struct arguments *arguments,
                     const struct stomp_frame *frame)
{
  bool colours = say_colours(stdout);
  if (arguments->verbose) {
    for (size_t i = 0; i < frame->n_headers; i++) {
      buf_put_str(out, colours ? STR("\033[2m") : STR(""));
      text_put_shown(out, frame->headers[i].name, TEXT_LINE);
      buf_put_str(out, STR(": "));
      text_put_shown(out, frame->headers[i].value, TEXT_LINE);
      buf_put_str(out, colours ? STR("\033[0m\n") : STR("\n"));
    }
    buf_put_char(out, '\n');
  }
  if (say_is_terminal(stdout))
    text_put_shown(out, frame->body, TEXT_LINES);
  else
    buf_put_str(out, frame->body);
  buf_put_str(out, arguments->verbose ? STR("\n\n") : STR("\n"));
}

static void print_message(struct sub *sub, const struct stomp_frame *frame)
{
  bool good;
  if (sub->arguments->json) {
    good = say_json(message_json(frame));
  } else {
    struct buf out = {0};
    put_text(&out, sub->arguments, frame);
    good = say_buf(&out);
  }
  if (!good) { /* who read it has gone, or the disk is full */
    sub->write_error = errno;
    sub->stop = true;
  }
}

/* --- frames --- */

static void acknowledge(struct sub *sub, const struct stomp_frame *frame)
{
  struct link *link = &sub->link;
  const struct plug_str *id = stomp_frame_header(frame, STR("ack"));
  const struct plug_str *message = stomp_frame_header(frame, STR("message-id"));
  const struct plug_str *subscription = stomp_frame_header(frame, STR("subscription"));
  link_begin(link, STOMP_ACK);
  if (id)
    link_put(link, STOMP_ACK, STR("id"), *id);
  if (!id && message)
    link_put(link, STOMP_ACK, STR("message-id"), *message);
  if (!id && subscription)
    link_put(link, STOMP_ACK, STR("subscription"), *subscription);
  link_send(link, (struct plug_str){0});
}

static void subscribe(struct sub *sub)
{
  struct link *link = &sub->link;
  const struct arguments *a = sub->arguments;
  char text[32];
  for (size_t i = 0; i < a->n_operands; i++) {
    link_begin(link, STOMP_SUBSCRIBE);
    snprintf(text, sizeof text, "sub-%zu", i);
    link_put(link, STOMP_SUBSCRIBE, STR("id"), str_of(text));
    link_put(link, STOMP_SUBSCRIBE, STR("destination"), str_of(a->operands[i]));
    link_put(link, STOMP_SUBSCRIBE, STR("ack"), str_of(a->ack ? a->ack : "auto"));
    snprintf(text, sizeof text, "s%zu", i);
    link_put(link, STOMP_SUBSCRIBE, STR("receipt"), str_of(text));
    for (size_t h = 0; h < a->headers.n; h++) {
      const char *item = a->headers.items[h], *colon = strchr(item, ':');
      link_put(link, STOMP_SUBSCRIBE, str_from(item, (size_t)(colon - item)), str_of(colon + 1));
    }
    link_send(link, (struct plug_str){0});
  }
  sub->up_us = clock_now_us();
  sub->receipts = 0;
  sub->subscribe_by_us = sub->up_us + (uint64_t)a->connect_timeout_ms * 1000;
}

/* Is it worth coming again? docs/protocol.md has the codes. */
static bool is_passing(const struct stomp_frame *frame)
{
  static const struct plug_str codes[] = {{"authentication-unavailable", 26},
                                          {"authentication-timeout", 22},
                                          {"authentication-busy", 19}};
  const struct plug_str *code = stomp_frame_header(frame, STR("error-code"));
  const struct plug_str *recoverable = stomp_frame_header(frame, STR("recoverable"));
  for (size_t i = 0; code && i < sizeof codes / sizeof *codes; i++)
    if (str_eq(*code, codes[i]))
      return true;
  return recoverable && str_eq(*recoverable, STR("true"));
}

static void on_error(struct sub *sub, const struct stomp_frame *frame)
{
  const struct plug_str *hint = stomp_frame_header(frame, STR("reconnect-in"));
  sub->retry = is_passing(frame);
  if (hint && str_to_u64(*hint, &sub->hint_ms)) {
    sub->retry = true;
    if (sub->hint_ms > RECONNECT_IN_MAX_MS)
      sub->hint_ms = RECONNECT_IN_MAX_MS;
  }
}

static void on_receipt(struct sub *sub)
{
  if (++sub->receipts < sub->arguments->n_operands)
    return;
  sub->subscribe_by_us = 0;
  if (sub->arguments->verbose)
    say_error("subscribed");
}

static void on_frame(void *ctx, const struct stomp_frame *frame)
{
  struct sub *sub = ctx;
  switch (frame->command) {
  case STOMP_CONNECTED:
    subscribe(sub);
    break;
  case STOMP_MESSAGE:
    if (sub->stop)
      break; /* more than was asked for */
    print_message(sub, frame);
    if (sub->arguments->ack && strcmp(sub->arguments->ack, "auto") != 0)
      acknowledge(sub, frame);
    sub->received++;
    if (sub->arguments->count && sub->received >= (uint64_t)sub->arguments->count)
      sub->stop = true;
    break;
  case STOMP_RECEIPT:
    on_receipt(sub);
    break;
  default:
    on_error(sub, frame);
    if (sub->link.state != LINK_ENDED)
      link_end(&sub->link, EXIT_REFUSED, "%s", "");
  }
}

/* --- the run --- */

static bool is_time(const struct sub *sub)
{
  return clock_now_us() >= sub->until_us;
}

static uint64_t next_us(const struct sub *sub)
{
  return sub->subscribe_by_us && sub->subscribe_by_us < sub->until_us ? sub->subscribe_by_us
                                                                      : sub->until_us;
}

static void run_link(struct sub *sub)
{
  struct link *link = &sub->link;
  while (link->state != LINK_ENDED) {
    unsigned news = dial_wait(&sub->dial, link, -1, sub->stop ? UINT64_MAX : next_us(sub));
    if (news & DIAL_SIGNAL) {
      if (sub->interrupted)
        link_end(link, EXIT_DONE, "interrupted twice");
      sub->interrupted = sub->stop = true;
    }
    link_turn(link);
    if (!sub->stop && is_time(sub))
      sub->late = sub->stop = true;
    if (sub->subscribe_by_us && clock_now_us() >= sub->subscribe_by_us)
      link_end(link, EXIT_TIMED_OUT, "%s: no answer in time: the receipt of SUBSCRIBE did not come",
               sub->dial.target.shown);
    if (sub->stop && link->state < LINK_LEAVING) {
      sub->subscribe_by_us = 0;
      link_leave(link);
    }
    link_flush(link);
  }
}

/* Half of it is random. */
static uint64_t jittered(uint64_t ms)
{
  uint32_t random = 0;
  RAND_bytes((unsigned char *)&random, sizeof random);
  return ms / 2 + (ms / 2) * random / UINT32_MAX;
}

/* False: it is over. */
static bool wait_to_reconnect(struct sub *sub)
{
  uint64_t delay = sub->hint_ms ? sub->hint_ms : jittered(sub->delay_ms);
  sub->hint_ms = 0;
  sub->delay_ms = 2 * sub->delay_ms > DELAY_MAX_MS ? DELAY_MAX_MS : 2 * sub->delay_ms;
  say_error("%s; again in %llu ms", sub->link.why, (unsigned long long)delay);
  uint64_t at = clock_now_us() + delay * 1000;
  uint64_t until = at < sub->until_us ? at : sub->until_us;
  while (clock_now_us() < until)
    if (dial_wait(&sub->dial, NULL, -1, until) & DIAL_SIGNAL) {
      sub->interrupted = sub->stop = true;
      return false;
    }
  sub->late = sub->stop = is_time(sub);
  return !sub->stop;
}

/* One connection, from the name's look-up to its end. */
static enum exit_code run_once(struct sub *sub)
{
  sub->up_us = sub->subscribe_by_us = 0;
  sub->retry = false;
  char why[240];
  enum exit_code code = dial_resolve(&sub->dial, why);
  sub->link = (struct link){0};
  if (code == EXIT_DONE) {
    link_open(&sub->link, &sub->dial.terms, on_frame, sub);
    run_link(sub);
    code = sub->link.exit;
    link_fini(&sub->link);
  } else {
    snprintf(sub->link.why, sizeof sub->link.why, "%s", why);
  }
  if (sub->up_us && clock_now_us() - sub->up_us > STABLE_US)
    sub->delay_ms = DELAY_MIN_MS;
  return code;
}

static bool may_reconnect(const struct sub *sub, enum exit_code code)
{
  if (!sub->arguments->reconnect || sub->stop)
    return false;
  return code == EXIT_UNREACHABLE || code == EXIT_TIMED_OUT || (code == EXIT_REFUSED && sub->retry);
}

static enum exit_code run(struct sub *sub)
{
  enum exit_code code;
  do
    code = run_once(sub);
  while (may_reconnect(sub, code) && wait_to_reconnect(sub));
  if (sub->late && sub->arguments->count) {
    say_error("%llu of %lld messages came in time", (unsigned long long)sub->received,
              (long long)sub->arguments->count);
    return EXIT_TIMED_OUT;
  }
  if (sub->write_error && sub->write_error != EPIPE) {
    say_error("the output cannot be written: %s", strerror(sub->write_error));
    return EXIT_FAILED;
  }
  if (sub->stop)
    return EXIT_DONE;
  say_error("%s%s", code == EXIT_REFUSED ? "refused: " : "", sub->link.why);
  return code;
}

static int run_sub(const struct arguments *arguments)
{
  struct sub sub = {.arguments = arguments, .delay_ms = DELAY_MIN_MS, .until_us = UINT64_MAX};
  enum exit_code code = dial_init(&sub.dial, arguments);
  if (arguments->timeout_ms)
    sub.until_us = clock_now_us() + (uint64_t)arguments->timeout_ms * 1000;
  if (code == EXIT_DONE)
    code = run(&sub);
  dial_fini(&sub.dial);
  return (int)code;
}

static const struct option_spec specs[] = {
    {.name = "count",
     .letter = 'n',
     .value = "N",
     .kind = OPTION_NUMBER,
     .at = AT(count),
     .max = INT64_MAX,
     .help = "end with 0 after N messages"},
    {.name = "timeout",
     .value = "TIME",
     .kind = OPTION_DURATION,
     .at = AT(timeout_ms),
     .help = "end after this time: with 75 if --count messages did not come, else with 0"},
    {.name = "json",
     .letter = 'j',
     .kind = OPTION_FLAG,
     .at = AT(json),
     .help = "one line of JSON for each message: received_at, destination, headers, body, or "
             "body_base64 where it is not UTF-8"},
    {.name = "verbose",
     .letter = 'v',
     .kind = OPTION_FLAG,
     .at = AT(verbose),
     .help = "print each message's headers; say on standard error when all is subscribed"},
    {.name = "header",
     .letter = 'H',
     .value = "NAME:VALUE",
     .kind = OPTION_LIST,
     .at = AT(headers),
     .help = "a header of SUBSCRIBE; may be repeated"},
    {.name = "ack",
     .value = "MODE",
     .kind = OPTION_TEXT,
     .at = AT(ack),
     .words = "auto client client-individual",
     .help = "how messages are acknowledged; with another than auto each is when it has been "
             "printed"},
    {.name = "reconnect",
     .letter = 'r',
     .kind = OPTION_FLAG,
     .at = AT(reconnect),
     .help = "come back when the connection cannot be made or is lost: after 1 s, twice as long "
             "each time up to 30 s, half of it random, or when the server says "
             "(reconnect-in); not after a refusal that would come again"},
};
static const struct option_group group = {"Subscribing", specs, sizeof specs / sizeof *specs};

const struct command command_sub = {
    .name = "sub",
    .operands = "DESTINATION...",
    .summary = "subscribe, and print what comes",
    .text = "Prints the body of each message that comes, and a newline. SIGINT and SIGTERM end it "
            "with DISCONNECT and exit status 0; a second one does not wait for the answer.",
    .examples = "plugctl sub /topic/news\n"
                "plugctl sub --json --count 1 --timeout 5s /topic/news | jq .body\n"
                "plugctl sub -u wss://chat.example/ws --token-file token --reconnect /topic/a\n"
                "plugctl sub -u stomp://mq.example --host / -l guest -p guest /queue/a",
    .min_operands = 1,
    .max_operands = 1024,
    .groups = {&group, &options_connection},
    .run = run_sub,
};
