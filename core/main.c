/* The command line of plugboard. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "base/text.h"
#include "config/load.h"
#include "plugin/crash.h"
#include "plugin/image.h"
#include "server.h"

static const char usage[] =
    "usage: plugboard [--config FILE] [--set SECTION.KEY=VALUE]... [--check]\n"
    "\n"
    "  -c, --config FILE            read the configuration from FILE; without it, the built-in\n"
    "                               defaults: memory broker, http://127.0.0.1:8080, endpoint /ws\n"
    "  -s, --set SECTION.KEY=VALUE  set one value, after the file; may be repeated\n"
    "  -t, --check                  check the configuration and the plugins, then exit\n"
    "      --explain-access USER [ROLE]... ACTION DESTINATION\n"
    "                               say which rule of [access] decides, then exit; USER may be -\n"
    "                               for nobody, a ROLE also claim:NAME=VALUE, ACTION is subscribe\n"
    "                               or send; exit status 0 is allowed, 1 denied\n"
    "      --plugin-info FILE       print what a plugin says of itself, then exit\n"
    "      --config-reference       print the reference of all settings as Markdown, then exit\n"
    "  -V, --version                print the version, then exit\n"
    "  -h, --help                   print this text, then exit\n"
    "\n"
    "Signals: SIGTERM and SIGINT close all sessions and stop; SIGHUP reads the configuration "
    "again;\n"
    "SIGUSR1 logs the counters.\n"
    "Exit status: 0 stopped as asked, 1 cannot run, 64 wrong usage, 78 wrong configuration.\n";

enum { OPT_PLUGIN_INFO = 256, OPT_CONFIG_REFERENCE, OPT_EXPLAIN_ACCESS };

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'},
    {"set", required_argument, NULL, 's'},
    {"check", no_argument, NULL, 't'},
    {"plugin-info", required_argument, NULL, OPT_PLUGIN_INFO},
    {"explain-access", no_argument, NULL, OPT_EXPLAIN_ACCESS},
    {"config-reference", no_argument, NULL, OPT_CONFIG_REFERENCE},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int print_buf(struct buf *out)
{
  int status = out->failed ? EXIT_FAILURE : EXIT_SUCCESS;
  if (out->len && fwrite(out->data, 1, out->len, stdout) != out->len)
    status = EXIT_FAILURE;
  buf_free(out);
  return fflush(stdout) ? EXIT_FAILURE : status;
}

static int plugin_info(const char *file)
{
  struct plug_err err = {0};
  struct buf out = {0};
  /* Always a file, never the name of a plugin. */
  char *path = realpath(file, NULL);
  if (!path) {
    fprintf(stderr, "plugboard: %s: cannot load: %s\n", file, strerror(errno));
    return EXIT_CONFIG;
  }
  struct plugin_image *image = image_load("", "", path, &err);
  free(path);
  if (!image) {
    text_complain(err.text);
    return EXIT_CONFIG;
  }
  image_put_info(&out, image);
  return print_buf(&out);
}

static int config_reference(void)
{
  struct buf out = {0};
  settings_put_reference(&out);
  return print_buf(&out);
}

struct arguments {
  const char *config_file;
  const char **sets;
  size_t n_sets;
  bool check, explain;
  const char *const *words; /* what stands behind the options */
  size_t n_words;
};

/* Line by line. */
static void tell_notes(const struct settings *settings, bool check)
{
  struct plug_str rest = str_of(settings->profile_notes ? settings->profile_notes : ""), line;
  while (rest.len && str_split(&rest, '\n', &line))
    if (line.len && check)
      printf("plugboard: note: %.*s\n", STR_ARG(line));
    else if (line.len)
      log_warn("config", "%.*s", STR_ARG(line));
}

static void complain(void *ctx, const struct plug_err *err)
{
  (void)ctx;
  text_complain(err->text[0] ? err->text : "out of memory");
}

static bool open_logs(const struct settings *settings)
{
  struct plug_err err;
  int failed = settings->access_log ? log_open_access(settings->access_log_file) : 0;
  if (failed)
    snprintf(err.text, sizeof err.text, "[server] access-log: cannot open %.160s: %s",
             settings->access_log_file, strerror(failed));
  if (!failed && settings->journal_socket && (failed = log_open_journal(settings->journal_socket)))
    snprintf(err.text, sizeof err.text,
             "[server] log-target = journald: nobody listens at %.120s: %s",
             settings->journal_socket, strerror(failed));
  if (failed)
    text_complain(err.text);
  return !failed;
}

static int run(const struct arguments *arguments)
{
  struct settings settings;
  int exit_status = EXIT_CONFIG;
  struct config *config = config_new();
  const struct config_source source = {arguments->config_file, arguments->sets, arguments->n_sets};
  struct config_complaints complaints = {.complain = complain};
  bool loaded = false;
  if (!config) {
    text_complain("out of memory");
  } else if ((loaded = config_load(&source, &complaints, config, &settings))) {
    (void)config_complete(&complaints, config, &settings);
    log_setup(settings.log_level, settings.log_json);
    tell_notes(&settings, arguments->check);
    if (arguments->check)
      exit_status = server_check(config, &settings);
    else if (!complaints.n && arguments->explain)
      exit_status = server_explain(config, &settings, arguments->words, arguments->n_words);
    else if (!complaints.n)
      exit_status = open_logs(&settings) ? server_run(&source, config, &settings) : EXIT_FAILURE;
    if (complaints.n)
      exit_status = EXIT_CONFIG;
    if (arguments->check && exit_status == EXIT_SUCCESS)
      printf("plugboard: the configuration is good\n");
  }
  if (loaded)
    settings_fini(&settings);
  config_free(config);
  return exit_status;
}

/* A descriptor that is closed when the program starts would be given to the first socket, and what
 * is meant for the log written to a client. */
static void open_standard_files(void)
{
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) != fd)
      _exit(EXIT_FAILURE); /* and there is nowhere to say so */
}

int main(int argc, char **argv)
{
  struct arguments arguments = {0};
  int option, status = -1;
  open_standard_files();
  crash_handlers_set();
  arguments.sets = calloc((size_t)argc, sizeof *arguments.sets);
  if (!arguments.sets)
    return EXIT_FAILURE;
  while (status < 0 && (option = getopt_long(argc, argv, "c:s:tVh", long_options, NULL)) != -1) {
    switch (option) {
    case 'c':
      arguments.config_file = optarg;
      break;
    case 's':
      arguments.sets[arguments.n_sets++] = optarg;
      break;
    case 't':
      arguments.check = true;
      break;
    case OPT_PLUGIN_INFO:
      status = plugin_info(optarg);
      break;
    case OPT_EXPLAIN_ACCESS:
      arguments.explain = true;
      break;
    case OPT_CONFIG_REFERENCE:
      status = config_reference();
      break;
    case 'V':
      printf("plugboard %s (plugin ABI %d.%d)\n", PLUGBOARD_VERSION, PLUG_ABI_MAJOR,
             PLUG_ABI_MINOR);
      status = EXIT_SUCCESS;
      break;
    case 'h':
      fputs(usage, stdout);
      status = EXIT_SUCCESS;
      break;
    default:
      fputs("Try 'plugboard --help'.\n", stderr);
      status = EXIT_USAGE;
      break;
    }
  }
  arguments.words = (const char *const *)argv + optind;
  arguments.n_words = optind < argc ? (size_t)(argc - optind) : 0;
  if (status < 0 && optind < argc && !arguments.explain) {
    fprintf(stderr, "plugboard: unexpected argument '%s'\nTry 'plugboard --help'.\n", argv[optind]);
    status = EXIT_USAGE;
  }
  if (status < 0)
    status = run(&arguments);
  free(arguments.sets);
  return status;
}
