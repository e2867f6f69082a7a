/* What a reload applies, what it keeps, and what it then holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "config/changes.h"
#include "config/settings.h"

static struct config *read_text(const char *text)
{
  struct plug_err err = {0};
  struct config *config = config_new();
  assert_non_null(config);
  if (config_read_text(config, "test.ini", str_of(text), &err) != PLUG_OK)
    fail_msg("%s", err.text);
  return config;
}

static bool can_renew(void *ctx, const char *section)
{
  (void)ctx;
  return strncmp(section, "app.route", 9) == 0;
}

static const struct changes_world everything = {
    .access = true, .tls = true, .can_renew = can_renew};
static const struct changes_world no_access = {.can_renew = can_renew};

/* "+key" for what is applied, "key: why" for what is not, in lines. */
static char *shown(const struct config_changes *changes)
{
  struct buf out = {0};
  for (size_t i = 0; i < changes->n; i++)
    if (changes->items[i].why)
      buf_putf(&out, "%s: %s\n", changes->items[i].key, changes->items[i].why);
    else
      buf_putf(&out, "+%s\n", changes->items[i].key);
  buf_put_char(&out, '\0');
  assert_false(out.failed);
  return out.data;
}

static struct config *merge_in(const struct changes_world *world, const char *running,
                               const char *wanted, const char *expected)
{
  struct plug_err err = {0};
  struct config_changes changes;
  struct config *was = read_text(running), *now = read_text(wanted);
  assert_int_equal(changes_merge(&changes, was, now, world, &err), PLUG_OK);
  char *text = shown(&changes);
  assert_string_equal(text, expected);
  free(text);
  changes_fini(&changes);
  config_free(was); /* nothing of it is needed any more */
  return now;
}

static void merge(const char *running, const char *wanted, const char *expected)
{
  config_free(merge_in(&everything, running, wanted, expected));
}

static const char *value_of(const struct config *config, const char *section, const char *key)
{
  const struct config_section *found = config_find(config, section);
  const struct config_entry *entry = found ? config_section_find(found, key) : NULL;
  return entry ? entry->value : NULL;
}

static void what_is_live_is_applied(void **state)
{
  (void)state;
  merge("", "", "");
  merge("[limits]\nqueue-size = 64k\n", "[limits]\nqueue-size = 128k\n", "+[limits] queue-size\n");
  merge("", "[limits]\nmax-headers = 65\n", "+[limits] max-headers\n");
  merge("[limits]\nmax-headers = 65\n", "", "+[limits] max-headers\n");
  merge("[server]\nlog-level = info\n", "[server]\nlog-level = debug\nstop-delay = 1s\n",
        "+[server] log-level\n+[server] stop-delay\n");
}

static void the_same_written_otherwise_is_no_change(void **state)
{
  (void)state;
  merge("[limits]\nqueue-size = 64k\nmax-headers = 64\n", "[limits]\nqueue-size = 65536\n", "");
  merge("[limits]\nsend-timeout = 10s\n", "[limits]\nsend-timeout = 10000ms\n", "");
  merge("[http]\ntry-page = on\nallowed-hosts = a,b\n",
        "[http]\ntry-page = yes\nallowed-hosts = a , b\n", "");
  merge("[http]\nallowed-hosts = a\n", "[http]\nallowed-hosts = a, b\n", "+[http] allowed-hosts\n");
  merge("[http]\nallowed-hosts = a, b\n", "[http]\nallowed-hosts = a\n", "+[http] allowed-hosts\n");
  merge("[server]\nworkers = 2\n[limits]\nmax-headers = 9\n",
        "; other lines\n[limits]\nmax-headers = 9\n\n[server]\nworkers = 2\n", "");
}

static void what_is_fixed_keeps_its_value(void **state)
{
  (void)state;
  struct config *now =
      merge_in(&everything, "[server]\nworkers = 2\n[http]\nlisten = 127.0.0.1:1\n",
               "[server]\nworkers = 3\nnode = n\n[http]\nlisten =\n",
               "[server] workers: stays 2 until the next start\n"
               "[server] node: keeps its default until the next start\n"
               "[http] listen: stays 127.0.0.1:1 until the next start\n");
  assert_string_equal(value_of(now, "server", "workers"), "2");
  assert_null(value_of(now, "server", "node"));
  assert_string_equal(value_of(now, "http", "listen"), "127.0.0.1:1");
  config_free(now);
  now = merge_in(&everything, "[tcp]\nlisten = :1\n", "",
                 "[tcp] listen: stays :1 until the next start\n");
  assert_string_equal(value_of(now, "tcp", "listen"), ":1");
  config_free(now);
  now = merge_in(&everything, "", "[tcp]\nlisten = :1\n",
                 "[tcp] listen: stays empty until the next start\n");
  assert_null(value_of(now, "tcp", "listen"));
  config_free(now);
  /* of secrets nothing is said */
  merge("[destinations]\nuser-secret = before\n", "[destinations]\nuser-secret = after\n",
        "[destinations] user-secret: stays as it is until the next start\n");
}

static void endpoints_stay_those_of_the_start_in_their_order(void **state)
{
  (void)state;
  struct plug_err err = {0};
  struct settings settings;
  merge("[endpoint /a]\n[endpoint /b]\n", "[endpoint /b]\ndeflate = on\n[endpoint   /a]\n",
        "+[endpoint /b] deflate\n");
  struct config *now = merge_in(&everything, "[endpoint /a]\nsockjs = off\n[endpoint /b]\n",
                                "[endpoint /c]\n[endpoint /b]\n",
                                "[endpoint /a]: is served until the next start\n"
                                "[endpoint /c]: is not served before the next start\n");
  assert_int_equal(settings_load(&settings, now, &err), PLUG_OK);
  assert_int_equal(settings.n_endpoints, 2);
  assert_string_equal(settings.endpoints[0].path, "/a");
  assert_false(settings.endpoints[0].sockjs);
  assert_string_equal(settings.endpoints[1].path, "/b");
  settings_fini(&settings);
  config_free(now);
  /* Without any section it is /ws. */
  merge("", "[endpoint /ws]\ndeflate = on\n", "+[endpoint /ws] deflate\n");
  merge("[endpoint /ws]\ndeflate = on\n", "", "+[endpoint /ws] deflate\n");
  now = merge_in(&everything, "[endpoint /ws]\n[endpoint /x]\n", "",
                 "[endpoint /x]: is served until the next start\n");
  assert_int_equal(settings_load(&settings, now, &err), PLUG_OK);
  assert_int_equal(settings.n_endpoints, 2);
  assert_string_equal(settings.endpoints[0].path, "/ws");
  settings_fini(&settings);
  config_free(now);
  now = merge_in(&everything, "[endpoint /x]\n", "",
                 "[endpoint /ws]: is not served before the next start\n"
                 "[endpoint /x]: is served until the next start\n");
  assert_int_equal(settings_load(&settings, now, &err), PLUG_OK);
  assert_int_equal(settings.n_endpoints, 1);
  assert_string_equal(settings.endpoints[0].path, "/x");
  settings_fini(&settings);
  config_free(now);
  now = merge_in(&everything, "", "[endpoint /x]\n",
                 "[endpoint /ws]: is served until the next start\n"
                 "[endpoint /x]: is not served before the next start\n");
  assert_int_equal(settings_load(&settings, now, &err), PLUG_OK);
  assert_int_equal(settings.n_endpoints, 1);
  assert_string_equal(settings.endpoints[0].path, "/ws");
  settings_fini(&settings);
  config_free(now);
  merge("[endpoint /ws]\n", "[endpoint /ws]\nprofile = spring\n",
        "[endpoint /ws] profile: keeps its default until the next start\n");
}

static void rules_and_keys_come_and_go(void **state)
{
  (void)state;
  merge("[access]\na = subscribe /a\nb = send /b\n", "[access]\na = subscribe /x\nc = send /c\n",
        "+[access] a\n+[access] c\n+[access] b\n");
  merge("[access]\na = subscribe /a\nb = send /b\n", "[access]\nb = send /b\na = subscribe /a\n",
        "+[access]\n"); /* the order decides */
  merge("[access]\na = subscribe /a\n", "", "+[access]\n");
  merge("", "[access]\na = subscribe /a\n", "+[access]\n");
  merge("[api-key a]\nsecret = 1\n[api-key b]\nsecret = 2\n",
        "[api-key c]\nsecret = 3\n[api-key b]\nsecret = 4\n",
        "+[api-key c]\n+[api-key b] secret\n+[api-key a]\n");
}

static void certificates_come_and_go_where_there_are_any(void **state)
{
  (void)state;
  merge("[tls]\nkey = a\n[tls x.example]\nkey = b\n",
        "[tls]\nkey = c\n[tls x.example]\nkey = b\n[tls y.example]\nkey = d\n",
        "+[tls] key\n+[tls y.example]\n");
  struct config *now = merge_in(&no_access, "", "[tls]\nkey = a\n[tls x]\nkey = b\n",
                                "[tls] key: keeps its default until the next start\n"
                                "[tls x]: stays as it is until the next start\n");
  assert_null(config_find(now, "tls x"));
  assert_null(value_of(now, "tls", "key"));
  config_free(now);
}

static void sections_of_plugins_are_taken_as_a_whole(void **state)
{
  (void)state;
  struct config *now =
      merge_in(&everything,
               "[broker.redis]\nurl = a\n[app.presence x]\nwatch = /a\n[app.route y]\nto = "
               "/a\n[auth.jwt]\nsecret = s\n",
               "[broker.redis]\nurl = b\nlayout = c\n[app.presence x]\nwatch = /b\n[app.route "
               "y]\nto = /b\n[app.route z]\n[auth.jwt]\nsecret = t\n",
               "+[app.route z]\n"
               "+[broker.redis] url\n+[broker.redis] layout\n"
               "[app.presence x] watch: stays as it is until the next start\n"
               "+[app.route y] to\n+[auth.jwt] secret\n");
  assert_string_equal(value_of(now, "broker.redis", "url"), "b");
  assert_string_equal(value_of(now, "broker.redis", "layout"), "c");
  assert_string_equal(value_of(now, "app.presence x", "watch"), "/a");
  assert_string_equal(value_of(now, "app.route y", "to"), "/b");
  assert_string_equal(config_find(now, "broker.redis")->file, "test.ini");
  config_free(now);
  merge("[broker.redis]\nurl = a\n", "", "+[broker.redis]\n");
  merge("", "[broker.redis]\nurl = a\n", "+[broker.redis]\n");
}

static void where_nobody_is_asked_access_control_waits(void **state)
{
  (void)state;
  struct config *now = merge_in(
      &no_access, "", "[auth]\nplugins = jwt\n[auth.jwt]\nsecret = s\n[access]\na = subscribe /a\n",
      "[auth] plugins: stays empty until the next start\n"
      "[access]: holds from the next start on: there is no access control until then\n"
      "[auth.jwt]: stays as it is until the next start\n");
  assert_null(config_find(now, "access"));
  assert_null(value_of(now, "auth", "plugins"));
  config_free(now);
}

static void what_the_server_has_written_is_left_out(void **state)
{
  (void)state;
  struct plug_err err = {0};
  struct config_changes changes;
  struct config *was = read_text("[auth.jwt]\nsecret = a\n"),
                *now = read_text("[auth.jwt]\nsecret = b\n");
  config_find(was, "auth.jwt")->generated = true;
  config_find(now, "auth.jwt")->generated = true;
  assert_int_equal(changes_merge(&changes, was, now, &everything, &err), PLUG_OK);
  assert_int_equal(changes.n, 0);
  assert_null(config_find(now, "auth.jwt"));
  changes_fini(&changes);
  config_free(was);
  config_free(now);
}

static void values_are_cut_between_characters(void **state)
{
  (void)state;
  char running[600], expected[400];
  size_t n = (size_t)snprintf(running, sizeof running, "[server]\nplugin-dir = /");
  for (int i = 0; i < 60; i++)
    n += (size_t)snprintf(running + n, sizeof running - n, "\xC3\xA9");
  snprintf(running + n, sizeof running - n, "\n");
  n = (size_t)snprintf(expected, sizeof expected, "[server] plugin-dir: stays /");
  for (int i = 0; i < 49; i++)
    n += (size_t)snprintf(expected + n, sizeof expected - n, "\xC3\xA9");
  snprintf(expected + n, sizeof expected - n, "... until the next start\n");
  merge(running, "[server]\nplugin-dir = /x\n", expected);
}

static void a_prefix_finds_what_is_applied(void **state)
{
  (void)state;
  struct config_changes changes = {0};
  changes_add(&changes, NULL, "[auth.%s] secret", "jwt");
  changes_add(&changes, "stays", "[auth] plugins");
  assert_true(changes_touch(&changes, "[auth."));
  assert_false(changes_touch(&changes, "[auth]"));
  assert_false(changes_touch(&changes, "[auth.jwt] secret-file"));
  changes_fini(&changes);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_live_is_applied),
      cmocka_unit_test(the_same_written_otherwise_is_no_change),
      cmocka_unit_test(what_is_fixed_keeps_its_value),
      cmocka_unit_test(endpoints_stay_those_of_the_start_in_their_order),
      cmocka_unit_test(rules_and_keys_come_and_go),
      cmocka_unit_test(certificates_come_and_go_where_there_are_any),
      cmocka_unit_test(sections_of_plugins_are_taken_as_a_whole),
      cmocka_unit_test(where_nobody_is_asked_access_control_waits),
      cmocka_unit_test(what_the_server_has_written_is_left_out),
      cmocka_unit_test(values_are_cut_between_characters),
      cmocka_unit_test(a_prefix_finds_what_is_applied),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
