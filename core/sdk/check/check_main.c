/* plugboard-check: does a plugin keep the contract of the public headers? */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "check_manual.h"
#include "check_run.h"

#define EXIT_USAGE 64

static const char usage[] =
    "Usage: plugboard-check [OPTION...] PLUGIN.so\n"
    "Runs the conformance checks of plugboard-check(1) on a plugin.\n"
    "\n"
    "  --config FILE      an INI file as the server reads it; the plugin's options are in one of\n"
    "                     its sections\n"
    "  --section NAME     that section, \"broker.redis\"; needed with --config\n"
    "  --only LIST        only these groups and checks: B or B,L4\n"
    "  --time-limit S     kill a check after so many seconds instead of after its own limit\n"
    "  --list             print the ids and titles of all checks\n"
    "  --explain ID       print what a check does, and what to do about it\n"
    "  --manual           print plugboard-check(1)\n"
    "  --version, --help\n"
    "\n"
    "Each check prints a line. Exits with 0 if none has failed, 1 if one has, 64 on wrong use.\n";

static bool is_wanted(const char *only, const char *id)
{
  if (!only)
    return true;
  for (const char *at = only; *at;) {
    size_t len = strcspn(at, ",");
    if ((len == strlen(id) || len == 1) && !strncmp(at, id, len))
      return true;
    at += len + (at[len] == ',');
  }
  return false;
}

/* Does each part of the list name something? */
static bool names_checks(const char *only)
{
  size_t n = 0, good = 0;
  for (const char *at = only; *at; n++) {
    size_t len = strcspn(at, ",");
    bool found = false;
    for (const struct check_group *const *group = check_groups; *group; group++)
      for (size_t i = 0; i < (*group)->n; i++) {
        const char *id = (*group)->checks[i].id;
        found |= (len == strlen(id) || len == 1) && !strncmp(at, id, len);
      }
    good += found;
    at += len + (at[len] == ',');
  }
  return n && good == n;
}

static int list(void)
{
  for (const struct check_group *const *group = check_groups; *group; group++)
    for (size_t i = 0; i < (*group)->n; i++)
      printf("%-4s %s\n", (*group)->checks[i].id, (*group)->checks[i].title);
  return 0;
}

/* In lines of at most 80 characters. */
static void print_wrapped(const char *text)
{
  size_t column = 0;
  while (*text) {
    size_t len = strcspn(text, " ");
    if (column && column + 1 + len > 80) {
      putchar('\n');
      column = 0;
    }
    printf("%s%.*s", column ? " " : "", (int)len, text);
    column += len + (column != 0);
    text += len + strspn(text + len, " ");
  }
  putchar('\n');
}

static int explain(const char *id)
{
  for (const struct check_group *const *group = check_groups; *group; group++)
    for (size_t i = 0; i < (*group)->n; i++) {
      const struct check *check = &(*group)->checks[i];
      if (strcmp(check->id, id) != 0)
        continue;
      printf("%s  %s\n\n", check->id, check->title);
      print_wrapped(check->paragraph);
      return 0;
    }
  fprintf(stderr, "plugboard-check: there is no check %s; --list names them\n", id);
  return EXIT_USAGE;
}

static int run_all(struct check_order *order, const char *only)
{
  static const char *const words[] = {"ok", "FAIL", "does not apply"};
  size_t n[3] = {0};
  for (const struct check_group *const *group = check_groups; *group; group++)
    for (size_t i = 0; i < (*group)->n; i++) {
      const struct check *check = &(*group)->checks[i];
      struct check_outcome outcome;
      if (!is_wanted(only, check->id))
        continue;
      order->plain = (*group)->plain;
      check_run(check, order, &outcome);
      n[outcome.result]++;
      printf("%-4s %-15s %s\n", check->id, words[outcome.result],
             outcome.reason[0] ? outcome.reason : check->title);
      fflush(stdout);
    }
  const char *base = strrchr(order->file, '/');
  printf("%s: %zu ok, %zu failed, %zu that do not apply\n", base ? base + 1 : order->file, n[0],
         n[1], n[2]);
  return n[1] != 0;
}

static int wrong_use(const char *what)
{
  fprintf(stderr, "plugboard-check: %s\nTry 'plugboard-check --help'.\n", what);
  return EXIT_USAGE;
}

/* False: it has been said why. */
static bool read_config(struct check_order *order, const char *file)
{
  struct plug_err err;
  if (!file) {
    order->config = NULL;
    return true;
  }
  order->config = config_new();
  if (!order->config) {
    fprintf(stderr, "plugboard-check: out of memory\n");
    return false;
  }
  if (config_read_file(order->config, file, &err)) {
    fprintf(stderr, "plugboard-check: %s\n", err.text);
    return false;
  }
  bool found = false;
  size_t len = strlen(order->section);
  const struct list *head = &order->config->sections;
  for (const struct list *link = head->next; link != head; link = link->next) {
    const char *name = container_of(link, struct config_section, link)->name;
    found |= !strncmp(name, order->section, len) && (!name[len] || name[len] == ' ');
  }
  if (!found) {
    fprintf(stderr, "plugboard-check: %s: has no section [%s]\n", file, order->section);
    return false;
  }
  return true;
}

/* L4 asks malloc how much is in use, which counts what its caches per thread keep as such. They can
 * be switched off by the environment alone, before the program begins. */
static void without_caches(char **argv)
{
  const char *tunables = getenv("GLIBC_TUNABLES");
  if (tunables && strstr(tunables, "tcache_count"))
    return;
  char *all;
  if (asprintf(&all, "%s%sglibc.malloc.tcache_count=0", tunables ? tunables : "",
               tunables && *tunables ? ":" : "") < 0 ||
      setenv("GLIBC_TUNABLES", all, 1))
    return;
  execv("/proc/self/exe", argv); /* where that fails, it goes on as it is */
}

int main(int argc, char **argv)
{
  without_caches(argv);
  enum {
    OPT_CONFIG = 256,
    OPT_SECTION,
    OPT_ONLY,
    OPT_LIMIT,
    OPT_LIST,
    OPT_EXPLAIN,
    OPT_MANUAL,
    OPT_VERSION
  };
  static const struct option options[] = {
      {"config", required_argument, NULL, OPT_CONFIG},
      {"section", required_argument, NULL, OPT_SECTION},
      {"only", required_argument, NULL, OPT_ONLY},
      {"time-limit", required_argument, NULL, OPT_LIMIT},
      {"list", no_argument, NULL, OPT_LIST},
      {"explain", required_argument, NULL, OPT_EXPLAIN},
      {"manual", no_argument, NULL, OPT_MANUAL},
      {"version", no_argument, NULL, OPT_VERSION},
      {"help", no_argument, NULL, 'h'},
      {0},
  };
  struct check_order order = {0};
  const char *config = NULL, *only = NULL;
  char path[PATH_MAX], *end;
  unsigned long limit;
  int option;
  while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1)
    switch (option) {
    case OPT_CONFIG:
      config = optarg;
      break;
    case OPT_SECTION:
      order.section = optarg;
      break;
    case OPT_ONLY:
      only = optarg;
      break;
    case OPT_LIMIT:
      limit = strtoul(optarg, &end, 10);
      if (!limit || limit > 3600 || *end)
        return wrong_use("--time-limit takes seconds from 1 to 3600");
      order.limit_s = (unsigned)limit;
      break;
    case OPT_LIST:
      return list();
    case OPT_EXPLAIN:
      return explain(optarg);
    case OPT_MANUAL:
      check_print_manual();
      return 0;
    case OPT_VERSION:
      printf("plugboard-check %s, plugin ABI %d.%d\n", PLUGBOARD_VERSION, PLUG_ABI_MAJOR,
             PLUG_ABI_MINOR);
      return 0;
    case 'h':
      fputs(usage, stdout);
      return 0;
    default:
      return wrong_use("unknown option");
    }
  if (argc - optind != 1)
    return wrong_use("takes the file of one plugin");
  if (config && !order.section)
    return wrong_use("--config takes --section, which names the plugin's section in it");
  if (only && !names_checks(only))
    return wrong_use("--only takes groups and ids, divided by commas; --list names them");
  if (!order.section)
    order.section = "plugin.check";
  if (!realpath(argv[optind], path)) {
    fprintf(stderr, "plugboard-check: %s: %s\n", argv[optind], strerror(errno));
    return EXIT_USAGE;
  }
  order.file = path;
  log_setup(LOG_VIOLATION, false);
  int status = read_config(&order, config) ? run_all(&order, only) : EXIT_USAGE;
  config_free(order.config);
  return status;
}
