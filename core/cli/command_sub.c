/* plugctl sub: subscribes and prints what comes, across reconnects if asked to.
 *
 * A server that stops says so before (docs/protocol.md, "When the server stops"): then a second
 * connection is made and subscribed while the first goes on, and what comes over both is printed
 * once. A connection is a leg; there are two at most. */
#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/dial.h"
#include "cli/say.h"
#include "cli/seen.h"
#include "cli/show_message.h"

/* The delay before a new attempt: doubled after each failure, half of it random, so that clients
 * that were cut off together do not come back together. */
enum {
  DELAY_MIN_MS = 1000,
  DELAY_MAX_MS = 30000,
  STABLE_US = 10000000,
  RECONNECT_IN_MAX_MS = 3600000
};

struct sub;

struct leg {
  struct sub *sub;
  struct link link;
  bool used;
  size_t receipts;          /* of SUBSCRIBE */
  bool subscribed;          /* all of them are here */
  uint64_t subscribe_by_us; /* when they are late; 0: no longer, or not yet */
};

struct sub {
  const struct arguments *arguments;
  struct dial dial;
  struct leg legs[2];
  struct leg *now, *next; /* next: NULL, or what will be now when that ends */
  uint64_t next_at_us;    /* when next is to be opened; 0: it is not */
  bool moving;            /* the server has said that it stops, and now has not ended */
  bool overlaps;          /* it has said so once: what comes may have come before */
  struct seen seen;       /* ... and since then */
  char why[400];          /* the last leg's end */
  uint64_t received;
  uint64_t until_us; /* the end of --timeout */
  uint64_t up_us;    /* since when there is a connection; 0: there is none */
  uint64_t delay_ms; /* before the next attempt */
  uint64_t hint_ms;  /* what the server said of it */
  bool retry;        /* the ERROR that came will not come again for ever */
  bool stop;         /* as asked: signal, count, time, or nobody reads */
  bool interrupted, late;
  int write_error; /* errno of the output that failed; 0: none has */
};

/* Half of it is random; twice as long the next time. */
static uint64_t next_delay(struct sub *sub)
{
  uint32_t random = 0;
  uint64_t half = sub->delay_ms / 2;
  RAND_bytes((unsigned char *)&random, sizeof random);
  sub->delay_ms = 2 * sub->delay_ms > DELAY_MAX_MS ? DELAY_MAX_MS : 2 * sub->delay_ms;
  return half + half * random / UINT32_MAX;
}

/* --- frames --- */

static void acknowledge(struct leg *leg, const struct stomp_frame *frame)
{
  struct link *link = &leg->link;
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

static void subscribe(struct leg *leg)
{
  struct link *link = &leg->link;
  const struct arguments *a = leg->sub->arguments;
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
  if (!leg->sub->up_us)
    leg->sub->up_us = clock_now_us();
  leg->subscribe_by_us = clock_now_us() + (uint64_t)a->connect_timeout_ms * 1000;
}

static uint64_t hint_of(const struct stomp_frame *frame)
{
  const struct plug_str *hint = stomp_frame_header(frame, STR("reconnect-in"));
  uint64_t ms = 0;
  if (!hint || !str_to_u64(*hint, &ms))
    return 0;
  return ms > RECONNECT_IN_MAX_MS ? RECONNECT_IN_MAX_MS : ms;
}

/* Is it worth coming again? docs/protocol.md has the codes. */
static bool is_passing(const struct stomp_frame *frame)
{
  static const struct plug_str codes[] = {{"authentication-unavailable", 26},
                                          {"authentication-timeout", 22},
                                          {"authentication-busy", 19},
                                          {"restarting", 10}};
  const struct plug_str *code = stomp_frame_header(frame, STR("error-code"));
  const struct plug_str *recoverable = stomp_frame_header(frame, STR("recoverable"));
  for (size_t i = 0; code && i < sizeof codes / sizeof *codes; i++)
    if (str_eq(*code, codes[i]))
      return true;
  return recoverable && str_eq(*recoverable, STR("true"));
}

static void on_receipt(struct leg *leg)
{
  if (leg->subscribed || ++leg->receipts < leg->sub->arguments->n_operands)
    return;
  leg->subscribed = true;
  leg->subscribe_by_us = 0;
  if (leg->sub->arguments->verbose)
    say_error("subscribed");
}

/* A word of the server's own, which nobody has subscribed to. */
static bool is_notice(const struct leg *leg, const struct stomp_frame *frame)
{
  const struct plug_str *subscription = stomp_frame_header(frame, STR("subscription"));
  return leg->link.terms->notices && subscription && str_eq(*subscription, STR("plugboard"));
}

static void on_notice(struct leg *leg, const struct stomp_frame *frame)
{
  struct sub *sub = leg->sub;
  const struct plug_str *event = stomp_frame_header(frame, STR("event"));
  if (leg != sub->now || sub->moving || !event || !str_eq(*event, STR("restart")))
    return;
  sub->moving = sub->overlaps = true;
  sub->next_at_us = clock_now_us() + hint_of(frame) * 1000;
  if (sub->arguments->verbose)
    say_error("the server will stop: another connection is made");
}

static void on_message(struct leg *leg, const struct stomp_frame *frame)
{
  struct sub *sub = leg->sub;
  const struct plug_str *subscription = stomp_frame_header(frame, STR("subscription"));
  const struct plug_str *id = stomp_frame_header(frame, STR("message-id"));
  if (sub->stop)
    return; /* more than was asked for */
  bool again = sub->overlaps && subscription && id && seen_add(&sub->seen, *subscription, *id);
  if (!again && !show_message(frame, sub->arguments->json, sub->arguments->verbose)) {
    sub->write_error = errno; /* who read it has gone, or the disk is full */
    sub->stop = true;
  }
  if (sub->arguments->ack && strcmp(sub->arguments->ack, "auto") != 0)
    acknowledge(leg, frame);
  if (again)
    return;
  sub->received++;
  if (sub->arguments->count && sub->received >= (uint64_t)sub->arguments->count)
    sub->stop = true;
}

/* How now ends says how to come back; next is opened again in any case. */
static void on_error(struct leg *leg, const struct stomp_frame *frame)
{
  struct sub *sub = leg->sub;
  if (leg != sub->now)
    return;
  sub->hint_ms = hint_of(frame);
  sub->retry = sub->hint_ms || is_passing(frame);
}

static void on_frame(void *ctx, const struct stomp_frame *frame)
{
  struct leg *leg = ctx;
  switch (frame->command) {
  case STOMP_CONNECTED:
    subscribe(leg);
    break;
  case STOMP_MESSAGE:
    if (is_notice(leg, frame))
      on_notice(leg, frame);
    else
      on_message(leg, frame);
    break;
  case STOMP_RECEIPT:
    on_receipt(leg);
    break;
  default:
    on_error(leg, frame);
  }
}

/* --- legs --- */

/* NULL: the name cannot be resolved, and why says it. */
static struct leg *open_leg(struct sub *sub)
{
  struct leg *leg = sub->legs[0].used ? &sub->legs[1] : &sub->legs[0];
  char why[240];
  if (dial_resolve(&sub->dial, why) != EXIT_DONE) {
    snprintf(sub->why, sizeof sub->why, "%s", why);
    return NULL;
  }
  *leg = (struct leg){.sub = sub, .used = true};
  link_open(&leg->link, &sub->dial.terms, on_frame, leg);
  return leg;
}

static enum exit_code close_leg(struct leg *leg)
{
  enum exit_code code = leg->link.exit;
  snprintf(leg->sub->why, sizeof leg->sub->why, "%s", leg->link.why);
  link_fini(&leg->link);
  leg->used = false;
  return code;
}

static void turn_leg(struct sub *sub, struct leg *leg)
{
  link_turn(&leg->link);
  if (leg->subscribe_by_us && clock_now_us() >= leg->subscribe_by_us)
    link_end(&leg->link, EXIT_TIMED_OUT,
             "%s: no answer in time: the receipt of SUBSCRIBE did not come",
             sub->dial.target.shown);
  if (sub->stop && leg->link.state < LINK_LEAVING) {
    leg->subscribe_by_us = 0;
    link_leave(&leg->link);
  }
  link_flush(&leg->link);
}

/* The second connection: opened in time, and again when that fails, as long as the first stands. */
static void look_after_next(struct sub *sub)
{
  if (sub->next_at_us && clock_now_us() >= sub->next_at_us && !sub->stop) {
    sub->next_at_us = 0;
    sub->next = open_leg(sub);
    if (!sub->next)
      sub->next_at_us = clock_now_us() + next_delay(sub) * 1000;
  }
  if (sub->next && sub->next->link.state == LINK_ENDED) {
    close_leg(sub->next);
    sub->next = NULL;
    if (!sub->stop)
      sub->next_at_us = clock_now_us() + next_delay(sub) * 1000;
  }
}

/* False: no leg is left; *code is how the last ended. */
static bool look_after_now(struct sub *sub, enum exit_code *code)
{
  if (sub->now->link.state != LINK_ENDED)
    return true;
  *code = close_leg(sub->now);
  sub->now = sub->next;
  sub->next = NULL;
  sub->next_at_us = 0;
  sub->delay_ms = DELAY_MIN_MS;
  sub->moving = false; /* what the next has still to bring may have come: seen is kept */
  if (sub->now) {      /* what the last was told of its end says nothing of this one's */
    sub->hint_ms = 0;
    sub->retry = false;
  }
  return sub->now;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
  return b && b < a ? b : a;
}

static unsigned wait_for_news(struct sub *sub)
{
  struct link *links[2] = {&sub->now->link, sub->next ? &sub->next->link : NULL};
  uint64_t until = UINT64_MAX;
  if (!sub->stop) {
    until = sooner(sub->until_us, sub->now->subscribe_by_us);
    until = sooner(until, sub->next_at_us);
    if (sub->next)
      until = sooner(until, sub->next->subscribe_by_us);
  }
  return dial_wait(&sub->dial, links, sub->next ? 2 : 1, -1, until);
}

static void take_signal(struct sub *sub)
{
  if (sub->interrupted)
    for (size_t i = 0; i < 2; i++)
      if (sub->legs[i].used)
        link_end(&sub->legs[i].link, EXIT_DONE, "interrupted twice");
  sub->interrupted = sub->stop = true;
}

/* From the first connection to the end of the last that came of it. */
static enum exit_code run_legs(struct sub *sub)
{
  enum exit_code code = EXIT_UNREACHABLE;
  sub->up_us = 0;
  sub->retry = false;
  sub->now = open_leg(sub);
  while (sub->now) {
    if (wait_for_news(sub) & DIAL_SIGNAL)
      take_signal(sub);
    if (!sub->stop && clock_now_us() >= sub->until_us)
      sub->late = sub->stop = true;
    turn_leg(sub, sub->now);
    if (sub->next)
      turn_leg(sub, sub->next);
    if (sub->stop) /* what has come just now was the last */
      for (size_t i = 0; i < 2; i++)
        if (sub->legs[i].used)
          turn_leg(sub, &sub->legs[i]);
    look_after_next(sub);
    if (!look_after_now(sub, &code))
      break;
  }
  if (sub->up_us && clock_now_us() - sub->up_us > STABLE_US)
    sub->delay_ms = DELAY_MIN_MS;
  return code;
}

/* --- the run --- */

/* False: it is over. */
static bool wait_to_reconnect(struct sub *sub)
{
  uint64_t delay = sub->hint_ms ? sub->hint_ms : next_delay(sub);
  sub->hint_ms = 0;
  say_error("%s; again in %llu ms", sub->why, (unsigned long long)delay);
  uint64_t until = sooner(sub->until_us, clock_now_us() + delay * 1000);
  while (clock_now_us() < until)
    if (dial_wait(&sub->dial, NULL, 0, -1, until) & DIAL_SIGNAL) {
      take_signal(sub);
      return false;
    }
  sub->late = sub->stop = clock_now_us() >= sub->until_us;
  return !sub->stop;
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
    code = run_legs(sub);
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
  say_error("%s%s", code == EXIT_REFUSED ? "refused: " : "", sub->why);
  return code;
}

static int run_sub(const struct arguments *arguments)
{
  struct sub *sub = calloc(1, sizeof *sub);
  if (!sub) {
    say_error("out of memory");
    return EXIT_FAILED;
  }
  sub->arguments = arguments;
  sub->delay_ms = DELAY_MIN_MS;
  sub->until_us = UINT64_MAX;
  enum exit_code code = dial_init(&sub->dial, arguments);
  sub->dial.terms.notices = arguments->reconnect;
  if (arguments->timeout_ms)
    sub->until_us = clock_now_us() + (uint64_t)arguments->timeout_ms * 1000;
  if (code == EXIT_DONE)
    code = run(sub);
  seen_forget(&sub->seen);
  dial_fini(&sub->dial);
  free(sub);
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
             "each time up to 30 s, half of it random, or when the server says (reconnect-in), and "
             "before it stops when it says so in time; not after a refusal that would come again"},
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
