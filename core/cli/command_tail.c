/* plugctl tail: what a node publishes on a topic, as its admin door tells it. */
#include <stdio.h>

#include "base/text.h"
#include "cli/admin.h"
#include "cli/say.h"
#include "cli/sse.h"

struct tail {
  const struct arguments *arguments;
  struct sse sse;
  uint64_t n;
  bool garbage;
};

static bool print_text(const json_t *object)
{
  struct buf out = {0};
  bool colours = say_colours(stdout);
  const json_t *body = json_object_get(object, "body"),
               *binary = json_object_get(object, "body_base64");
  const json_t *shown = body ? body : binary;
  buf_put_str(&out, colours ? STR("\033[2m") : STR(""));
  text_put_shown(&out, str_of(json_string_value(json_object_get(object, "destination"))),
                 TEXT_LINE);
  buf_put_str(&out, colours ? STR("\033[0m ") : STR(" "));
  if (!body && binary)
    buf_put_str(&out, STR("base64:"));
  text_put_shown(&out, str_from(json_string_value(shown), json_string_length(shown)), TEXT_LINE);
  buf_put_str(&out, json_is_true(json_object_get(object, "cut")) ? STR("…\n") : STR("\n"));
  return say_buf(&out);
}

static bool on_event(void *ctx, const char *event, struct plug_str data)
{
  struct tail *tail = ctx;
  json_t *object = json_loadb(data.ptr, data.len, JSON_REJECT_DUPLICATES, NULL);
  if (!json_is_object(object)) {
    json_decref(object);
    tail->garbage = true;
    return false;
  }
  bool good = true;
  if (strcmp(event, "dropped") == 0) {
    say_error("the server left messages out, for they were not read as fast as they came");
  } else if (strcmp(event, "message") == 0) {
    good = tail->arguments->json ? say_json(json_incref(object)) : print_text(object);
    tail->n++;
  }
  json_decref(object);
  return good && (!tail->arguments->count || tail->n < (uint64_t)tail->arguments->count);
}

static bool on_piece(void *ctx, const char *bytes, size_t len)
{
  struct tail *tail = ctx;
  bool too_long;
  bool goes_on = sse_feed(&tail->sse, bytes, len, on_event, tail, &too_long);
  tail->garbage = tail->garbage || too_long;
  return goes_on;
}

static int run_tail(const struct arguments *arguments)
{
  struct tail tail = {.arguments = arguments};
  struct admin_request request = {.method = "GET",
                                  .path = "tail",
                                  .query = {{"destination", arguments->operands[0]}},
                                  .on_piece = on_piece,
                                  .ctx = &tail};
  enum exit_code code = admin_ask(arguments, &request, NULL);
  sse_fini(&tail.sse);
  if (tail.garbage) {
    say_error("what came is no event of a Plugboard server");
    return EXIT_GARBAGE;
  }
  if (code == EXIT_DONE && arguments->count && tail.n < (uint64_t)arguments->count) {
    say_error("the stream ended after %llu messages", (unsigned long long)tail.n);
    return EXIT_UNREACHABLE;
  }
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
};
static const struct option_group group = {"Tail", specs, sizeof specs / sizeof *specs};

const struct command command_tail = {
    .name = "tail",
    .operands = "DESTINATION",
    .summary = "show what is published on a topic",
    .text = "Prints each message that comes by on the node, without being a subscriber: the "
            "destination and the body, of which the server sends the first 4 KiB. Ends with "
            "SIGINT or SIGTERM.",
    .examples = "plugctl tail /topic/news\n"
                "plugctl tail --json --count 10 /topic/news | jq .headers",
    .min_operands = 1,
    .max_operands = 1,
    .groups = {&group, &options_admin},
    .run = run_tail,
};
