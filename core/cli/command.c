#include "cli/command.h"

#include <getopt.h>
#include <plugboard/plugin.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exits.h"
#include "cli/manual.h"
#include "cli/say.h"
#include "config/option.h"

enum {
  LONG_OPTIONS_MAX = 64,
  FIRST_OPTION = 256, /* indices of options count from here, above all letters */
  OPT_HELP = 1000,
};

extern const struct command command_pub, command_sub, command_token, command_status, command_nodes,
    command_clients, command_topics, command_tail, command_kick, command_drain, command_reload,
    command_swap, command_bench;

const struct command *const commands[] = {
    &command_pub,     &command_sub,    &command_bench, &command_status, &command_nodes,
    &command_clients, &command_topics, &command_tail,  &command_kick,   &command_drain,
    &command_reload,  &command_swap,   &command_token,
};
const size_t n_commands = sizeof commands / sizeof *commands;

/* How a server is trusted, and how one is known to it. */
#define OPTIONS_OF_TLS                                                                 \
  {.name = "cafile",                                                                   \
   .value = "FILE",                                                                    \
   .kind = OPTION_TEXT,                                                                \
   .at = AT(cafile),                                                                   \
   .help = "certificates (PEM) that vouch for the server's, instead of the system's"}, \
      {.name = "cert",                                                                 \
       .value = "FILE",                                                                \
       .kind = OPTION_TEXT,                                                            \
       .at = AT(cert),                                                                 \
       .help = "a client's certificate (PEM), with its chain"},                        \
      {.name = "key",                                                                  \
       .value = "FILE",                                                                \
       .kind = OPTION_TEXT,                                                            \
       .at = AT(key),                                                                  \
       .help = "its private key; default: in the file of --cert"},                     \
      {.name = "insecure",                                                             \
       .letter = 'k',                                                                  \
       .kind = OPTION_FLAG,                                                            \
       .at = AT(insecure),                                                             \
       .help = "do not check the server's certificate"}

static const struct option_spec connection_specs[] = {
    {.name = "url",
     .letter = 'u',
     .value = "URL",
     .kind = OPTION_TEXT,
     .at = AT(url),
     .help = "ws://, wss://, stomp:// or stomp+ssl://HOST[:PORT], of a WebSocket with the path, "
             "else /ws; USER:PASSWORD@ in front of the host are login and passcode; default: "
             "$PLUGCTL_URL, else ws://127.0.0.1:8080/ws"},
    {.name = "login",
     .letter = 'l',
     .value = "NAME",
     .kind = OPTION_TEXT,
     .at = AT(login),
     .help = "the login header of CONNECT"},
    {.name = "passcode",
     .letter = 'p',
     .value = "TEXT",
     .kind = OPTION_TEXT,
     .at = AT(passcode),
     .help = "the passcode header; others on this machine can see it, so rather "
             "$PLUGCTL_PASSCODE or --passcode-file"},
    {.name = "passcode-file",
     .value = "FILE",
     .kind = OPTION_TEXT,
     .at = AT(passcode_file),
     .help = "the passcode is this file's first line"},
    {.name = "token",
     .letter = 't',
     .value = "TEXT",
     .kind = OPTION_TEXT,
     .at = AT(token),
     .help = "a token, sent as Authorization: Bearer in CONNECT; rather $PLUGCTL_TOKEN or "
             "--token-file"},
    {.name = "token-file",
     .value = "FILE",
     .kind = OPTION_TEXT,
     .at = AT(token_file),
     .help = "the token is this file's first line"},
    {.name = "host",
     .value = "NAME",
     .kind = OPTION_TEXT,
     .at = AT(host),
     .help = "the host header of CONNECT, which is the virtual host of RabbitMQ (/); default: the "
             "URL's host"},
    {.name = "connect-header",
     .value = "NAME:VALUE",
     .kind = OPTION_LIST,
     .at = AT(connect_headers),
     .help = "a further header of CONNECT; may be repeated"},
    {.name = "http-header",
     .value = "NAME:VALUE",
     .kind = OPTION_LIST,
     .at = AT(http_headers),
     .help = "a further header of the WebSocket handshake, as Origin or Cookie; may be repeated"},
    OPTIONS_OF_TLS,
    {.name = "connect-timeout",
     .value = "TIME",
     .kind = OPTION_DURATION,
     .at = AT(connect_timeout_ms),
     .min = 1,
     .max = 3600000,
     .usual = 10000,
     .help = "how long opening, CONNECT and DISCONNECT may take"},
    {.name = "heart-beat",
     .value = "TIME",
     .kind = OPTION_DURATION,
     .at = AT(heartbeat_ms),
     .max = 3600000,
     .usual = 10000,
     .help = "heart-beats in both directions; 0: none"},
};
const struct option_group options_connection = {"Connection", connection_specs,
                                                sizeof connection_specs / sizeof *connection_specs};

static const struct option_spec admin_specs[] = {
    {.name = "admin",
     .letter = 'a',
     .value = "WHERE",
     .kind = OPTION_TEXT,
     .at = AT(admin),
     .help = "the server's admin door: the path of [admin] socket, or http://HOST:PORT or "
             "https://HOST:PORT of [admin] listen; default: $PLUGCTL_ADMIN, else "
             "/run/plugboard/admin.sock"},
    {.name = "admin-token",
     .value = "TEXT",
     .kind = OPTION_TEXT,
     .at = AT(admin_token),
     .help = "the token of [admin]; others on this machine can see it, so rather "
             "$PLUGCTL_ADMIN_TOKEN or --admin-token-file"},
    {.name = "admin-token-file",
     .value = "FILE",
     .kind = OPTION_TEXT,
     .at = AT(admin_token_file),
     .help = "the token is this file's first line"},
    OPTIONS_OF_TLS,
    {.name = "timeout",
     .value = "TIME",
     .kind = OPTION_DURATION,
     .at = AT(timeout_ms),
     .min = 1,
     .max = 3600000,
     .usual = 10000,
     .help = "how long the answer may take"},
    {.name = "json",
     .letter = 'j',
     .kind = OPTION_FLAG,
     .at = AT(json),
     .help = "print the server's JSON in one line"},
};
const struct option_group options_admin = {"Server", admin_specs,
                                           sizeof admin_specs / sizeof *admin_specs};

const struct command *command_find(const char *name)
{
  for (size_t i = 0; i < n_commands; i++)
    if (strcmp(commands[i]->name, name) == 0)
      return commands[i];
  return NULL;
}

static const char *command_name(const void *ctx, size_t i)
{
  (void)ctx;
  return commands[i]->name;
}

/* The tables flattened: options[i] belongs to specs[i]. */
struct flat {
  const struct option_spec *specs[LONG_OPTIONS_MAX];
  struct option options[LONG_OPTIONS_MAX + 2];
  char letters[3 * LONG_OPTIONS_MAX];
  size_t n;
};

static void flatten(const struct command *command, struct flat *flat)
{
  size_t n_letters = 0;
  for (size_t g = 0; g < COMMAND_GROUPS_MAX && command->groups[g]; g++) {
    for (size_t i = 0; i < command->groups[g]->n && flat->n < LONG_OPTIONS_MAX; i++) {
      const struct option_spec *spec = &command->groups[g]->options[i];
      bool has_value = spec->kind != OPTION_FLAG;
      flat->specs[flat->n] = spec;
      flat->options[flat->n] =
          (struct option){spec->name, has_value ? required_argument : no_argument, NULL,
                          FIRST_OPTION + (int)flat->n};
      flat->n++;
      if (spec->letter) {
        flat->letters[n_letters++] = spec->letter;
        if (has_value)
          flat->letters[n_letters++] = ':';
      }
    }
  }
  flat->letters[n_letters++] = 'h';
  flat->options[flat->n] = (struct option){"help", no_argument, NULL, OPT_HELP};
}

static void *field(struct arguments *arguments, const struct option_spec *spec)
{
  return (char *)arguments + spec->at;
}

static bool is_one_of(const char *words, const char *value)
{
  struct plug_str rest = str_of(words), word;
  while (str_split(&rest, ' ', &word))
    if (str_eq(word, str_of(value)))
      return true;
  return false;
}

static bool put_number(struct arguments *arguments, const struct option_spec *spec,
                       const char *value)
{
  static const uint32_t types[] = {[OPTION_NUMBER] = PLUG_OPT_INTEGER,
                                   [OPTION_DURATION] = PLUG_OPT_DURATION,
                                   [OPTION_BYTES] = PLUG_OPT_BYTES};
  static const char *const forms[] = {[OPTION_NUMBER] = "a number",
                                      [OPTION_DURATION] = "a time, such as 500ms, 5s or 2m",
                                      [OPTION_BYTES] = "a size, such as 512, 1K or 4M"};
  int64_t number;
  if (option_parse_i64(types[spec->kind], str_of(value), &number) != PLUG_OK) {
    say_error("--%s wants %s, not '%s'", spec->name, forms[spec->kind], value);
    return false;
  }
  if (number < spec->min || (spec->max && number > spec->max)) {
    say_error("--%s: '%s' is not from %lld to %lld%s", spec->name, value, (long long)spec->min,
              (long long)spec->max, spec->kind == OPTION_DURATION ? " ms" : "");
    return false;
  }
  memcpy(field(arguments, spec), &number, sizeof number);
  return true;
}

static bool put_value(struct arguments *arguments, const struct option_spec *spec,
                      const char *value)
{
  switch (spec->kind) {
  case OPTION_FLAG:
    *(bool *)field(arguments, spec) = true;
    return true;
  case OPTION_TEXT:
    if (spec->words && !is_one_of(spec->words, value)) {
      say_error("--%s: '%s' is none of: %s", spec->name, value, spec->words);
      return false;
    }
    *(const char **)field(arguments, spec) = value;
    return true;
  case OPTION_LIST: {
    struct text_list *list = field(arguments, spec);
    list->items[list->n++] = value; /* there is room for all of argv */
    return true;
  }
  default:
    return put_number(arguments, spec, value);
  }
}

/* All that has a value without an option gets it, and lists their room: argc texts each. */
static bool prepare(struct arguments *arguments, const struct flat *flat, int argc)
{
  for (size_t i = 0; i < flat->n; i++) {
    const struct option_spec *spec = flat->specs[i];
    if (spec->kind == OPTION_LIST) {
      struct text_list *list = field(arguments, spec);
      list->items = calloc((size_t)argc, sizeof *list->items);
      if (!list->items)
        return false;
    } else if (spec->kind >= OPTION_NUMBER) {
      memcpy(field(arguments, spec), &spec->usual, sizeof spec->usual);
    }
  }
  return true;
}

static void forget(struct arguments *arguments, const struct flat *flat)
{
  for (size_t i = 0; i < flat->n; i++)
    if (flat->specs[i]->kind == OPTION_LIST)
      free(((struct text_list *)field(arguments, flat->specs[i]))->items);
}

/* What getopt gives: an index, or a letter. */
static const struct option_spec *spec_of(const struct flat *flat, int option)
{
  if (option >= FIRST_OPTION && (size_t)(option - FIRST_OPTION) < flat->n)
    return flat->specs[option - FIRST_OPTION];
  for (size_t i = 0; i < flat->n; i++)
    if (flat->specs[i]->letter && flat->specs[i]->letter == option)
      return flat->specs[i];
  return NULL;
}

static int misused(const struct command *command)
{
  fprintf(stderr, "Try 'plugctl %s --help'.\n", command->name);
  return EXIT_BAD_USAGE;
}

/* -1: the command is to run. */
static int parse(const struct command *command, const struct flat *flat,
                 struct arguments *arguments, int argc, char **argv)
{
  int option;
  optind = 1;
  while ((option = getopt_long(argc, argv, flat->letters, flat->options, NULL)) != -1) {
    const struct option_spec *spec = spec_of(flat, option);
    if (option == OPT_HELP || option == 'h')
      return manual_print_help(command);
    if (!spec || !put_value(arguments, spec, optarg))
      return misused(command);
  }
  arguments->operands = (const char *const *)argv + optind;
  arguments->n_operands = (size_t)(argc - optind);
  if (arguments->n_operands < command->min_operands) {
    say_error("%s wants %s", command->name, command->operands);
    return misused(command);
  }
  if (arguments->n_operands > command->max_operands) {
    say_error("unexpected argument '%s'", arguments->operands[command->max_operands]);
    return misused(command);
  }
  return -1;
}

static int run_command(const struct command *command, int argc, char **argv)
{
  static char name[64]; /* getopt's messages begin with it */
  struct arguments arguments = {0};
  struct flat flat = {0};
  flatten(command, &flat);
  snprintf(name, sizeof name, "plugctl %s", command->name);
  argv[0] = name;
  int status = EXIT_FAILED;
  if (!prepare(&arguments, &flat, argc))
    say_error("out of memory");
  else if ((status = parse(command, &flat, &arguments, argc, argv)) < 0)
    status = command->run(&arguments);
  forget(&arguments, &flat);
  return status;
}

int command_line(int argc, char **argv)
{
  const char *first = argc > 1 ? argv[1] : "--help";
  if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0 || strcmp(first, "help") == 0) {
    if (argc <= 2)
      return argc < 2 ? (manual_print_overview(stderr), EXIT_BAD_USAGE)
                      : manual_print_overview(stdout);
    argv++, argc--;
    first = argv[1];
    const struct command *asked = command_find(first);
    if (asked)
      return manual_print_help(asked);
  }
  if (strcmp(first, "--version") == 0 || strcmp(first, "-V") == 0) {
    printf("plugctl %s\n", PLUGBOARD_VERSION);
    return fflush(stdout) ? EXIT_FAILED : EXIT_DONE;
  }
  if (strcmp(first, "--completion") == 0 && argc == 3)
    return manual_print_completion(argv[2]);
  if (strcmp(first, "--manual") == 0 && argc == 2)
    return manual_print_page();
  const struct command *command = command_find(first);
  if (command)
    return run_command(command, argc - 1, argv + 1);
  const char *near = option_nearest(first, command_name, NULL, n_commands);
  say_error("there is no command '%s'%s%s%s", first, near ? "; did you mean '" : "",
            near ? near : "", near ? "'?" : "");
  fputs("Try 'plugctl --help'.\n", stderr);
  return EXIT_BAD_USAGE;
}
