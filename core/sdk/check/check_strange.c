#include "check_strange.h"

#include <stdio.h>
#include <string.h>

#include "check_host.h"
#include "config/option.h"

#define SECRET_MARK "a-secret-of-the-kit"

struct tries {
  struct check_run *run;
  unsigned n, n_refused;
};

/* Would the server let create see this value? */
static bool is_let_through(const struct plug_option *option, const char *value)
{
  struct option_table table = {option, 1};
  struct plug_err err;
  char set[4200];
  struct config *config = config_new();
  if (!config)
    return false;
  snprintf(set, sizeof set, "check.%s=%s", option->name, value);
  bool good = !config_set(config, set, &err) &&
              !option_check(&table, config_find(config, "check"), "check", &err);
  config_free(config);
  return good;
}

static void try_value(struct tries *tries, const struct plug_option *option, const char *value)
{
  struct check_run *run = tries->run;
  const char *overrides[] = {option->name, value, NULL};
  struct plug_err err;
  if (!is_let_through(option, value))
    return;
  memset(&err, 'x', sizeof err);
  struct check_host *host = check_try_create(run, NULL, overrides, 0, &err);
  tries->n++;
  if (host) {
    check_destroy(host);
    check_free(host);
    return;
  }
  tries->n_refused++;
  CHECK(run, err.code < 0, "create answers option '%s' with %d, which is no failure", option->name,
        err.code);
  CHECK(run, memchr(err.text, '\0', sizeof err.text),
        "create refuses option '%s' with a text that has no end", option->name);
  CHECK(run, err.text[0] || err.code == PLUG_ENOMEM, "create refuses option '%s' without a text",
        option->name);
  CHECK(run, !check_create_breach(), "create refuses option '%s': %s", option->name,
        check_create_breach());
  CHECK(run, option->type != PLUG_OPT_SECRET || !strstr(err.text, SECRET_MARK),
        "create tells the secret of option '%s'", option->name);
}

static void try_bounds(struct tries *tries, const struct plug_option *option)
{
  const char *dots = option->range ? strstr(option->range, "..") : NULL;
  char low[64];
  if (!dots) {
    try_value(tries, option, "0");
    return;
  }
  snprintf(low, sizeof low, "%.*s", (int)(dots - option->range), option->range);
  try_value(tries, option, low);
  try_value(tries, option, dots + 2);
}

static void try_choices(struct tries *tries, const struct plug_option *option)
{
  char word[64];
  for (const char *at = option->range; at && *at;) {
    size_t len = strcspn(at, "|");
    snprintf(word, sizeof word, "%.*s", (int)len, at);
    try_value(tries, option, word);
    at += len + (at[len] == '|');
  }
}

static void try_texts(struct tries *tries, const struct plug_option *option)
{
  static const char *const values[] = {"",       "x",   SECRET_MARK, "\xff\xfe\x80", ",,a,,",
                                       "%s%n%s", "://", "redis://",  "http://[",     "127.0.0.1:1"};
  char long_text[4001];
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
    try_value(tries, option, values[i]);
  memset(long_text, 'y', sizeof long_text - 1);
  long_text[sizeof long_text - 1] = '\0';
  try_value(tries, option, long_text);
}

static void try_option(struct tries *tries, const struct plug_option *option)
{
  switch (option->type) {
  case PLUG_OPT_INTEGER:
  case PLUG_OPT_DURATION:
  case PLUG_OPT_BYTES:
    try_bounds(tries, option);
    break;
  case PLUG_OPT_BOOL:
    try_value(tries, option, "on");
    try_value(tries, option, "off");
    break;
  case PLUG_OPT_CHOICE:
    try_choices(tries, option);
    break;
  case PLUG_OPT_PATH:
    try_value(tries, option, "/nonexistent/of/the/kit");
    try_value(tries, option, "/");
    try_value(tries, option, "/dev/null");
    break;
  case PLUG_OPT_HOSTPORT:
    try_value(tries, option, "127.0.0.1:1");
    try_value(tries, option, "[::1]:1");
    break;
  default:
    try_texts(tries, option);
  }
}

void check_strange_values(struct check_run *run)
{
  const struct plug_plugin *plugin = check_plugin(run);
  struct tries tries = {run, 0, 0};
  if (!plugin->n_options)
    check_not(run, "it has no options");
  for (size_t i = 0; i < plugin->n_options; i++)
    try_option(&tries, &plugin->options[i]);
  check_say(run, "%u values of %zu options, of which create refused %u", tries.n, plugin->n_options,
            tries.n_refused);
}
