/* plugctl status, nodes, clients, topics, kick, drain and reload: what the admin door answers, as
 * text that fits a terminal, or as it is. */
#include <curl/curl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "cli/admin.h"
#include "cli/say.h"
#include "cli/table.h"

#define N(array) (sizeof(array) / sizeof *(array))

/* --- members --- */

static const char *text_of(const json_t *object, const char *name)
{
  const char *text = json_string_value(json_object_get(object, name));
  return text ? text : "-";
}

static double number_of(const json_t *object, const char *name)
{
  return json_number_value(json_object_get(object, name));
}

/* "5 s", "3 min", "2 h 5 min", "4 d 3 h" */
static const char *duration(double ms, char out[32])
{
  uint64_t s = ms > 0 ? (uint64_t)(ms / 1000) : 0;
  if (s < 60)
    snprintf(out, 32, "%" PRIu64 " s", s);
  else if (s < 3600)
    snprintf(out, 32, "%" PRIu64 " min", s / 60);
  else if (s < 86400)
    snprintf(out, 32, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s / 60 % 60);
  else
    snprintf(out, 32, "%" PRIu64 " d %" PRIu64 " h", s / 86400, s / 3600 % 24);
  return out;
}

static const char *bytes_text(double n, char out[32])
{
  static const char *const units[] = {"B", "KiB", "MiB", "GiB"};
  size_t unit = 0;
  while (n >= 1024 && unit + 1 < N(units)) {
    n /= 1024;
    unit++;
  }
  snprintf(out, 32, unit && n < 10 ? "%.1f %s" : "%.0f %s", n, units[unit]);
  return out;
}

/* --- asking --- */

/* Prints the answer: as it is with --json, else by print. */
static int ask(const struct arguments *arguments, const struct admin_request *request,
               void (*print)(const struct arguments *arguments, const json_t *answer,
                             struct buf *out))
{
  json_t *answer;
  enum exit_code code = admin_ask(arguments, request, &answer);
  if (answer && arguments->json) {
    if (!say_json(json_incref(answer)) && code == EXIT_DONE)
      code = EXIT_FAILED;
  } else if (answer && (code == EXIT_DONE || json_object_get(answer, "faults"))) {
    struct buf out = {0};
    print(arguments, answer, &out);
    if (!say_buf(&out) && code == EXIT_DONE)
      code = EXIT_FAILED;
  }
  json_decref(answer);
  return (int)code;
}

static void put_line(struct buf *out, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void put_line(struct buf *out, const char *name, const char *format, ...)
{
  char *text = NULL;
  va_list args;
  va_start(args, format);
  int n = vasprintf(&text, format, args);
  va_end(args);
  buf_putf(out, "%-16s", name);
  if (n >= 0)
    text_put_shown(out, str_of(text), TEXT_LINE);
  buf_put_char(out, '\n');
  out->failed = out->failed || n < 0;
  if (n >= 0)
    free(text);
}

/* --- status --- */

static void print_status(const struct arguments *arguments, const json_t *answer, struct buf *out)
{
  char time[32];
  const json_t *broker = json_object_get(answer, "broker"), *swap = json_object_get(answer, "swap"),
               *rates = json_object_get(answer, "rates"), *item, *counters;
  const char *state = text_of(answer, "state");
  const char *reason = json_string_value(json_object_get(answer, "reason"));
  bool colours = say_colours(stdout);
  put_line(out, "node", "%s", text_of(answer, "node"));
  put_line(out, "version", "%s (plugin ABI %s)", text_of(answer, "version"),
           text_of(answer, "abi"));
  put_line(out, "up", "%s (pid %.0f)", duration(number_of(answer, "uptime_ms"), time),
           number_of(answer, "pid"));
  if (colours)
    buf_put_str(out, strcmp(state, "ready") == 0 ? STR("\033[32m") : STR("\033[33m"));
  put_line(out, "state", "%s%s%s", state, reason ? ": " : "", reason ? reason : "");
  if (colours)
    buf_put_str(out, STR("\033[0m"));
  const char *detail = json_string_value(json_object_get(broker, "text"));
  put_line(out, "broker", "%s: %s%s%s", text_of(broker, "plugin"), text_of(broker, "state"),
           detail && *detail ? ", " : "", detail ? detail : "");
  if (swap) {
    const char *from = json_string_value(json_object_get(swap, "from"));
    put_line(out, "swap", "%s%s%s: %s", from && *from ? from : text_of(swap, "kind"),
             from && *from ? " to " : " ", text_of(swap, "to"), text_of(swap, "phase"));
  }
  put_line(out, "workers", "%.0f", number_of(answer, "workers"));
  put_line(out, "connections", "%.0f", number_of(answer, "connections"));
  put_line(out, "sessions", "%.0f", number_of(answer, "sessions"));
  put_line(out, "subscriptions", "%.0f", number_of(answer, "subscriptions"));
  put_line(out, "rates", "%.1f in/s, %.1f out/s, %.1f connects/s", number_of(rates, "in_per_s"),
           number_of(rates, "out_per_s"), number_of(rates, "connects_per_s"));
  size_t i;
  json_array_foreach(json_object_get(answer, "warnings"), i, item)
      put_line(out, "warning", "%s (since %s)", text_of(item, "text"), text_of(item, "since"));
  counters = json_object_get(answer, "counters");
  if (!arguments->verbose || !json_object_size(counters))
    return;
  static const struct table_column columns[] = {{.title = "COUNTER", .shrinks = true},
                                                {.title = "VALUE", .right = true}};
  struct table table;
  table_init(&table, columns, N(columns));
  const char *name;
  json_object_foreach((json_t *)counters, name, item)
  {
    table_put(&table, 0, str_of(name));
    table_putf(&table, 1, "%.0f", json_number_value(item));
  }
  buf_put_char(out, '\n');
  table_print(&table, out, colours);
}

static int run_status(const struct arguments *arguments)
{
  return ask(arguments, &(struct admin_request){.method = "GET", .path = "status"}, print_status);
}

static const struct option_spec status_specs[] = {
    {.name = "verbose",
     .letter = 'v',
     .kind = OPTION_FLAG,
     .at = AT(verbose),
     .help = "all counters, too"},
};
static const struct option_group status_group = {"Status", status_specs, N(status_specs)};

const struct command command_status = {
    .name = "status",
    .operands = "",
    .summary = "how a node is: state, broker, rates, warnings",
    .text = "Prints what the node says of itself. The exit status is 0 whatever its state is; ask "
            "/ready for a probe.",
    .examples = "plugctl status\n"
                "plugctl status --json | jq -r .state\n"
                "plugctl status -a https://node1:9443 --admin-token-file /etc/plugboard/admin",
    .groups = {&status_group, &options_admin},
    .run = run_status,
};

/* --- nodes --- */

static void print_nodes(const struct arguments *arguments, const json_t *answer, struct buf *out)
{
  static const struct table_column columns[] = {
      {.title = "NODE", .shrinks = true},   {.title = "VERSION", .shrinks = true},
      {.title = "UP", .right = true},       {.title = "STATE", .shrinks = true},
      {.title = "BROKER", .shrinks = true}, {.title = "SESS", .right = true},
      {.title = "IN/S", .right = true},     {.title = "OUT/S", .right = true},
      {.title = "SEEN", .right = true},
  };
  struct table table;
  const json_t *node;
  char text[32];
  size_t i;
  (void)arguments;
  table_init(&table, columns, N(columns));
  json_array_foreach(json_object_get(answer, "nodes"), i, node)
  {
    bool self = json_is_true(json_object_get(node, "self"));
    table_putf(&table, 0, "%s%s", text_of(node, "node"), self ? " *" : "");
    table_put(&table, 1, str_of(text_of(node, "version")));
    table_put(&table, 2, str_of(duration(number_of(node, "uptime_ms"), text)));
    table_put(&table, 3, str_of(text_of(node, "state")));
    table_put(&table, 4, str_of(text_of(node, "broker")));
    table_putf(&table, 5, "%.0f", number_of(node, "sessions"));
    table_putf(&table, 6, "%.0f", number_of(node, "in_per_s"));
    table_putf(&table, 7, "%.0f", number_of(node, "out_per_s"));
    table_put(&table, 8,
              self ? STR("now") : str_of(duration(number_of(node, "seen_ms_ago"), text)));
  }
  table_print(&table, out, say_colours(stdout));
}

static int run_nodes(const struct arguments *arguments)
{
  return ask(arguments, &(struct admin_request){.method = "GET", .path = "nodes"}, print_nodes);
}

const struct command command_nodes = {
    .name = "nodes",
    .operands = "",
    .summary = "the nodes of the cluster",
    .text = "Lists the nodes that this one has heard of through the broker; * marks the one that "
            "answers, SEEN says how long ago another was heard.",
    .examples = "plugctl nodes\n"
                "plugctl nodes --json | jq -r '.nodes[].version' | sort | uniq -c",
    .groups = {&options_admin},
    .run = run_nodes,
};

/* --- clients and topics --- */

static void put_more(struct buf *out, const json_t *answer, const char *list)
{
  const char *next = json_string_value(json_object_get(answer, "next"));
  size_t shown = json_array_size(json_object_get(answer, list));
  if (!next)
    return;
  buf_putf(out, "%zu of %.0f; the next with --after ", shown, number_of(answer, "total"));
  text_put_shown(out, str_of(next), TEXT_LINE);
  buf_put_char(out, '\n');
}

static void print_client(const json_t *client, struct buf *out)
{
  static const char *const names[] = {"session",   "user",  "address",     "endpoint",
                                      "transport", "stomp", "connected_at"};
  static const char *const numbers[] = {"in", "out", "queue_messages", "queue_bytes",
                                        "subscriptions"};
  const json_t *item;
  size_t i;
  for (i = 0; i < N(names); i++)
    put_line(out, names[i], "%s", text_of(client, names[i]));
  for (i = 0; i < N(numbers); i++)
    put_line(out, numbers[i], "%.0f", number_of(client, numbers[i]));
  static const struct table_column columns[] = {{.title = "SUBSCRIPTION", .shrinks = true},
                                                {.title = "DESTINATION", .shrinks = true},
                                                {.title = "ACK", .shrinks = true}};
  struct table table;
  table_init(&table, columns, N(columns));
  json_array_foreach(json_object_get(client, "subscription_list"), i, item)
  {
    table_put(&table, 0, str_of(text_of(item, "id")));
    table_put(&table, 1, str_of(text_of(item, "destination")));
    table_put(&table, 2, str_of(text_of(item, "ack")));
  }
  buf_put_char(out, '\n');
  table_print(&table, out, say_colours(stdout));
}

static void print_clients(const struct arguments *arguments, const json_t *answer, struct buf *out)
{
  static const struct table_column columns[] = {
      {.title = "SESSION", .shrinks = false}, {.title = "USER", .shrinks = true},
      {.title = "ADDRESS", .shrinks = true},  {.title = "TRANSPORT", .shrinks = true},
      {.title = "QUEUE", .right = true},
  };
  struct table table;
  const json_t *client;
  char text[32];
  size_t i;
  if (arguments->n_operands) {
    print_client(answer, out);
    return;
  }
  table_init(&table, columns, N(columns));
  json_array_foreach(json_object_get(answer, "clients"), i, client)
  {
    table_put(&table, 0, str_of(text_of(client, "session")));
    table_put(&table, 1, str_of(text_of(client, "user")));
    table_put(&table, 2, str_of(text_of(client, "address")));
    table_put(&table, 3, str_of(text_of(client, "transport")));
    table_put(&table, 4, str_of(bytes_text(number_of(client, "queue_bytes"), text)));
  }
  table_print(&table, out, say_colours(stdout));
  put_more(out, answer, "clients");
}

static void print_topics(const struct arguments *arguments, const json_t *answer, struct buf *out)
{
  static const struct table_column columns[] = {{.title = "TOPIC", .shrinks = true},
                                                {.title = "SUBSCRIBERS", .right = true},
                                                {.title = "PER SECOND", .right = true}};
  struct table table;
  const json_t *topic;
  size_t i;
  (void)arguments;
  table_init(&table, columns, N(columns));
  json_array_foreach(json_object_get(answer, "topics"), i, topic)
  {
    table_put(&table, 0, str_of(text_of(topic, "topic")));
    table_putf(&table, 1, "%.0f", number_of(topic, "subscribers"));
    table_putf(&table, 2, "%.1f", number_of(topic, "per_s"));
  }
  table_print(&table, out, say_colours(stdout));
  put_more(out, answer, "topics");
}

static int list(const struct arguments *arguments, const char *path,
                void (*print)(const struct arguments *arguments, const json_t *answer,
                              struct buf *out))
{
  char limit[24];
  snprintf(limit, sizeof limit, "%lld", (long long)arguments->limit);
  struct admin_request request = {
      .method = "GET",
      .path = path,
      .query = {{"search", arguments->search}, {"limit", limit}, {"after", arguments->after}}};
  return ask(arguments, &request, print);
}

static int run_clients(const struct arguments *arguments)
{
  if (!arguments->n_operands)
    return list(arguments, "clients", print_clients);
  char *session = curl_easy_escape(NULL, arguments->operands[0], 0), *path = NULL;
  int code = EXIT_FAILED;
  if (session && asprintf(&path, "clients/%s", session) >= 0) {
    code = ask(arguments, &(struct admin_request){.method = "GET", .path = path}, print_clients);
    free(path);
  }
  curl_free(session);
  return code;
}

static int run_topics(const struct arguments *arguments)
{
  return list(arguments, "topics", print_topics);
}

static const struct option_spec list_specs[] = {
    {.name = "search",
     .letter = 's',
     .value = "TEXT",
     .kind = OPTION_TEXT,
     .at = AT(search),
     .help = "only those with this text: clients by session, user or address, topics by name"},
    {.name = "limit",
     .letter = 'n',
     .value = "N",
     .kind = OPTION_NUMBER,
     .at = AT(limit),
     .min = 1,
     .max = 10000,
     .usual = 100,
     .help = "at most so many"},
    {.name = "after",
     .value = "TEXT",
     .kind = OPTION_TEXT,
     .at = AT(after),
     .help = "go on behind this one, as the last line of the list before says"},
};
static const struct option_group list_group = {"List", list_specs, N(list_specs)};

const struct command command_clients = {
    .name = "clients",
    .operands = "[SESSION]",
    .summary = "who is connected to a node, or all about one session",
    .text = "Lists the node's sessions: user, address, transport, and what waits to be sent. "
            "With SESSION: all that is known of it, with its "
            "subscriptions.",
    .examples = "plugctl clients\n"
                "plugctl clients --search alice\n"
                "plugctl clients --json --limit 1000 | jq -r '.clients[].user'",
    .max_operands = 1,
    .groups = {&list_group, &options_admin},
    .run = run_clients,
};

const struct command command_topics = {
    .name = "topics",
    .operands = "",
    .summary = "the topics of a node, with subscribers and rates",
    .text = "Lists the topics that somebody on this node has subscribed to.",
    .examples = "plugctl topics\n"
                "plugctl topics --search /topic/room --limit 20",
    .groups = {&list_group, &options_admin},
    .run = run_topics,
};

/* --- orders --- */

static void print_accepted(const struct arguments *arguments, const json_t *answer, struct buf *out)
{
  (void)arguments, (void)answer;
  buf_put_str(out, STR("accepted\n"));
}

static int run_kick(const struct arguments *arguments)
{
  const char *session = arguments->n_operands ? arguments->operands[0] : NULL;
  if (!session == !arguments->user) {
    say_error("kick wants SESSION, or --user NAME");
    return EXIT_BAD_USAGE;
  }
  if (session && arguments->for_ms) {
    say_error("--for is for --user: a session does not come back");
    return EXIT_BAD_USAGE;
  }
  json_t *body = json_pack("{s:s*, s:s*, s:s*}", "session", session, "user", arguments->user,
                           "message", arguments->message);
  if (!body) {
    say_error("an option is not UTF-8");
    return EXIT_BAD_USAGE;
  }
  if (arguments->for_ms)
    json_object_set_new(body, "for_s", json_integer((arguments->for_ms + 999) / 1000));
  struct admin_request request = {.method = "POST", .path = "kick", .body = body};
  int code = ask(arguments, &request, print_accepted);
  json_decref(body);
  return code;
}

static int run_drain(const struct arguments *arguments)
{
  return ask(arguments, &(struct admin_request){.method = "POST", .path = "drain"}, print_accepted);
}

static void print_reload(const struct arguments *arguments, const json_t *answer, struct buf *out)
{
  const json_t *item;
  size_t i;
  (void)arguments;
  json_array_foreach(json_object_get(answer, "faults"), i, item)
      put_line(out, "fault", "%s", json_string_value(item) ? json_string_value(item) : "-");
  json_array_foreach(json_object_get(answer, "applied"), i, item)
      put_line(out, "applied", "%s", json_string_value(item) ? json_string_value(item) : "-");
  json_array_foreach(json_object_get(answer, "kept"), i, item)
      put_line(out, "kept", "%s: %s", text_of(item, "key"), text_of(item, "why"));
  if (!out->len)
    buf_put_str(out, STR("nothing has changed\n"));
}

static int run_reload(const struct arguments *arguments)
{
  return ask(arguments, &(struct admin_request){.method = "POST", .path = "reload"}, print_reload);
}

static void print_swap(const struct arguments *arguments, const json_t *answer, struct buf *out)
{
  (void)arguments;
  const json_t *item;
  size_t i;
  json_array_foreach(json_object_get(answer, "faults"), i, item)
      put_line(out, "fault", "%s", json_string_value(item) ? json_string_value(item) : "-");
  if (json_object_get(answer, "to"))
    put_line(out, "swapped", "%s to %s in %.0f ms", text_of(answer, "from"), text_of(answer, "to"),
             number_of(answer, "took_ms"));
}

/* How long an answer may take beyond the overlap: the new broker may be slow to start, and the old
 * one to stop. */
#define SWAP_LIMIT_MS 45000

static int run_swap(const struct arguments *arguments)
{
  struct arguments patient = *arguments;
  patient.timeout_ms += arguments->overlap_ms + SWAP_LIMIT_MS;
  json_t *body = json_pack("{s:s, s:s, s:s*}", "kind", arguments->operands[0], "plugin",
                           arguments->operands[1], "for", arguments->former);
  if (body && arguments->overlap_ms)
    (void)json_object_set_new(body, "overlap_ms", json_integer((json_int_t)arguments->overlap_ms));
  if (!body) {
    say_error("an operand is not UTF-8");
    return EXIT_BAD_USAGE;
  }
  struct admin_request request = {.method = "POST", .path = "swap", .body = body};
  int code = ask(&patient, &request, print_swap);
  json_decref(body);
  return code;
}

static const struct option_spec kick_specs[] = {
    {.name = "user",
     .letter = 'u',
     .value = "NAME",
     .kind = OPTION_TEXT,
     .at = AT(user),
     .help = "all sessions of this user, on all nodes"},
    {.name = "for",
     .value = "TIME",
     .kind = OPTION_DURATION,
     .at = AT(for_ms),
     .max = INT64_C(31536000000),
     .help = "the user may not come back so long"},
    {.name = "message",
     .letter = 'm',
     .value = "TEXT",
     .kind = OPTION_TEXT,
     .at = AT(message),
     .help = "what the client is told"},
};
static const struct option_group kick_group = {"Kick", kick_specs, N(kick_specs)};

const struct command command_kick = {
    .name = "kick",
    .operands = "[SESSION]",
    .summary = "disconnect a session, or a user",
    .text = "Disconnects SESSION of the node, or all sessions of a user on all nodes.",
    .examples = "plugctl kick 3f2a-17\n"
                "plugctl kick --user mallory --for 10m --message 'Take a break'",
    .max_operands = 1,
    .groups = {&kick_group, &options_admin},
    .run = run_kick,
};

const struct command command_drain = {
    .name = "drain",
    .operands = "",
    .summary = "end a node gently, as SIGTERM does",
    .text = "The node says that it is not ready, closes its sessions one after the other, and "
            "ends; [server] says how fast. The command does not wait for the end.",
    .examples = "plugctl drain",
    .groups = {&options_admin},
    .run = run_drain,
};

const struct command command_reload = {
    .name = "reload",
    .operands = "",
    .summary = "read the configuration again, as SIGHUP does",
    .text = "Prints which keys were applied, and which keep their value until a restart, and why. "
            "A configuration with a mistake changes nothing: its mistakes are printed, and the "
            "exit status is 77.",
    .examples = "plugctl reload",
    .groups = {&options_admin},
    .run = run_reload,
};

static const struct option_spec swap_specs[] = {
    {.name = "overlap",
     .value = "TIME",
     .kind = OPTION_DURATION,
     .at = AT(overlap_ms),
     .max = INT64_C(86400000),
     .help = "both brokers carry all messages so long: until the other nodes have swapped, too"},
    {.name = "for",
     .value = "NAME",
     .kind = OPTION_TEXT,
     .at = AT(former),
     .help = "the auth plugin whose place is taken, where [auth] plugins names several"},
};
static const struct option_group swap_group = {"Swap", swap_specs, N(swap_specs)};

const struct command command_swap = {
    .name = "swap",
    .operands = "broker|auth|app NAME",
    .summary = "put another plugin in the place of one that runs",
    .text = "Starts the plugin NAME with its section of the configuration file as it is now, "
            "beside the one that runs, and hands over to it; clients stay. A broker is given all "
            "that the node's clients are subscribed to before. An auth plugin is asked from then "
            "on, and the old one stays for those whom it has let in. An application is one that "
            "[app] plugins names, made anew: with other options, or from a new version of its "
            "file. The command waits until it is done. A plugin that cannot take over leaves the "
            "old one as it was: the command says why, and the exit status is 77. Write the name "
            "into [broker] plugin or [auth] plugins, too: the next start goes by that, and for "
            "auth plugins each reload.",
    .examples = "plugctl swap broker redis\n"
                "plugctl swap broker nats --overlap 5m\n"
                "plugctl swap auth jwt\n"
                "plugctl swap auth jwt --for file\n"
                "plugctl swap app webhook",
    .min_operands = 2,
    .max_operands = 2,
    .groups = {&swap_group, &options_admin},
    .run = run_swap,
};
