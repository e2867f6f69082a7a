/* Routes without a server: templates, typed patterns, conditions, rates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "route.h"
#include "route_rate.h"

#define LIT(text) {text, sizeof(text) - 1}

static const struct plug_kv attrs[] = {{LIT("name"), LIT("K")}};
static const struct plug_str roles[] = {LIT("USER")};
static struct plug_identity who = {.size = sizeof who,
                                   .user = LIT("k/m"),
                                   .roles = roles,
                                   .n_roles = 1,
                                   .attrs = attrs,
                                   .n_attrs = 1};

static void set(struct route *route, const char *key, const char *value)
{
  struct plug_err err = {0};
  struct plug_kv entry = {route_str(key), route_str(value)};
  if (route_set(route, entry, 8, &err) != PLUG_OK)
    fail_msg("%s", err.text);
}

static void begin(struct route *route, const char *pattern, const char *to)
{
  struct plug_err err = {0};
  assert_int_equal(route_begin(route, route_str("r"), route_str(pattern), &err), PLUG_OK);
  set(route, "to", to);
}

/* "destination body", or "code: reason", to be freed. */
static const char *run(struct route *route, const char *variable, const char *body)
{
  static char out[2048];
  struct plug_kv variables[] = {{LIT("x"), route_str(variable)}};
  struct plug_app_request request = {.size = sizeof request,
                                     .who = &who,
                                     .session_id = LIT("s"),
                                     .path = route_str(variable),
                                     .variables = variables,
                                     .n_variables = route->path.n,
                                     .body = route_str(body)};
  struct route_result result;
  struct route_refusal refusal;
  if (route_run(route, &request, 1734489862123, 1000000, &result, &refusal))
    snprintf(out, sizeof out, "%s %s", result.destination, result.body ? result.body : "-");
  else
    snprintf(out, sizeof out, "%s: %s", refusal.code, refusal.reason);
  free(result.destination);
  free(result.body);
  return out;
}

static void templates_insert_values_as_json(void **state)
{
  (void)state;
  static const struct {
    const char *template, *body, *wanted;
  } rows[] = {
      {"{\"a\":\"{body.a}\"}", "{\"a\":\"\\\"},{\\u0001\"}", "{\"a\":\"\\\"},{\\u0001\"}"},
      {"{\"a\":\"{body.a}\"}", "{\"a\":{\"z\":1,\"b\":[null,true]}}",
       "{\"a\":{\"z\":1,\"b\":[null,true]}}"},
      {"\"{body}\"", "0.1", "0.1"},
      {"\"{body}\"", "0.10000000000000002", "0.10000000000000002"},
      {"\"{body}\"", "9223372036854775807", "9223372036854775807"},
      {"\"{body.a.b} {body.n} {body.t}{{x}\"", "{\"a\":{\"b\":\"q\"},\"n\":-7,\"t\":false}",
       "\"q -7 false{x}\""},
      {"[\"{body.no?}\",\"<{body.no?}>\",\"{user}\",\"{session}\",\"{claim.name}\"]", "{}",
       "[null,\"<>\",\"k/m\",\"s\",\"K\"]"},
      {"[\"{now}\",\"{now.ms}\"]", "", "[\"2024-12-18T02:44:22.123Z\",1734489862123]"},
      {"{\"b\":1,\"a\":2.50,\"c\":[]}", "", "{\"b\":1,\"a\":2.5,\"c\":[]}"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct route route;
    char wanted[256];
    begin(&route, "/a", "/t");
    set(&route, "body", rows[i].template);
    snprintf(wanted, sizeof wanted, "/t %s", rows[i].wanted);
    assert_string_equal(run(&route, "", rows[i].body), wanted);
    route_fini(&route);
  }
}

static void destinations_take_one_segment_each(void **state)
{
  (void)state;
  struct route route;
  begin(&route, "/a", "/user/{user}/q/{body.a}");
  assert_string_equal(run(&route, "", "{\"a\":7}"), "/user/k%2Fm/q/7 -");
  assert_string_equal(run(&route, "", "{\"a\":\"x*y\"}"), "/user/k%2Fm/q/x*y -");
  static const char *const bad[] = {"{\"a\":\"x/y\"}", "{\"a\":\"\"}", "{\"a\":\"\\n\"}",
                                    "{\"a\":null}", "{\"a\":\"\\u0000\"}"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_memory_equal(run(&route, "", bad[i]), "bad-destination: ", 17);
  route_fini(&route);
}

/* As user_unescape reads them: the rows are those of tests/unit/app/user_test.c. */
static void names_of_users_are_escaped(void **state)
{
  (void)state;
  static const struct {
    const char *name, *wanted;
  } rows[] = {{"alice", "/user/alice/q -"},
              {"a/b", "/user/a%2Fb/q -"},
              {"/", "/user/%2F/q -"},
              {"a%b", "/user/a%b/q -"},
              {"%2f", "/user/%2f/q -"},
              {"100%", "/user/100%/q -"},
              {"%", "/user/%/q -"},
              {"%2", "/user/%2/q -"},
              {"a%2Fb", "bad-destination: the user's name has a %2F"},
              {"%2F", "bad-destination: the user's name has a %2F"}};
  struct plug_str usual = who.user;
  struct route route;
  begin(&route, "/a", "/user/{user}/q");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    who.user = route_str(rows[i].name);
    assert_string_equal(run(&route, "", "{}"), rows[i].wanted);
  }
  who.user = usual;
  route_fini(&route);
}

static void variables_have_types(void **state)
{
  (void)state;
  static const struct {
    const char *pattern, *value, *wanted;
  } rows[] = {
      {"/{x:uuid}", "0D9A8F1E-0000-4000-8000-00000000ABCD",
       "/t/0d9a8f1e-0000-4000-8000-00000000abcd -"},
      {"/{x:uuid}", "0D9A8F1E-0000-4000-8000-00000000ABC", "bad-path: x is not a UUID"},
      {"/{x:uuid}", "0D9A8F1E000004000080000000000000ABCD", "bad-path: x is not a UUID"},
      {"/{x:int}", "0", "/t/0 -"},
      {"/{x:int}", "-999999999999999999", "/t/-999999999999999999 -"},
      {"/{x:int}", "9999999999999999999", "bad-path: x is not a whole number"},
      {"/{x:int}", "-0", "bad-path: x is not a whole number"},
      {"/{x:int}", "007", "bad-path: x is not a whole number"},
      {"/{x:int}", "", "bad-path: x is not a whole number"},
      {"/{x:slug}", "A_b-9", "/t/A_b-9 -"},
      {"/{x:slug}", "a.b", "bad-path: x is not of letters, digits, '-' and '_'"},
      {"/{x:a|bc}", "bc", "/t/bc -"},
      {"/{x:a|bc}", "b", "bad-path: x is none of a|bc"},
      {"/{x}", "anything at all", "/t/anything at all -"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct route route;
    begin(&route, rows[i].pattern, "/t/{x}");
    assert_string_equal(route.path.claim, "/{x}");
    assert_string_equal(run(&route, rows[i].value, ""), rows[i].wanted);
    route_fini(&route);
  }
}

static void conditions_are_all_asked(void **state)
{
  (void)state;
  static const struct {
    const char *condition, *body, *wanted;
  } rows[] = {
      {"authenticated and role USER", "", "/t -"},
      {"role \"two words\"", "", "forbidden: the role two words is needed"},
      {"body.a present", "{\"a\":false}", "/t -"},
      {"body.a.b present", "{\"a\":[1]}", "bad-body: body.a.b is missing"},
      {"body.a not-blank", "{\"a\":\"\\u3000\"}", "/t -"},
      {"body.a not-blank", "{\"a\":\" \\u0000\"}", "bad-body: body.a is blank"},
      {"body.a string 2..3", "{\"a\":\"\xea\xb0\x80\xf0\x9f\x98\x80\"}", "/t -"},
      {"body.a string 2..3", "{\"a\":\"x\"}",
       "bad-body: body.a has a number of characters less than 2"},
      {"body.a number -1.5..1e3", "{\"a\":-1.5}", "/t -"},
      {"body.a number ..2 and body.a number 1..", "{\"a\":0}", "bad-body: body.a is less than 1"},
      {"body.a boolean", "{\"a\":1}", "bad-body: body.a is not true or false"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct route route;
    begin(&route, "/a", "/t");
    set(&route, "if", rows[i].condition);
    assert_string_equal(run(&route, "", rows[i].body), rows[i].wanted);
    route_fini(&route);
  }
}

/* What becomes of a message to /t/ROOM. */
static const char *send_as(struct route *route, const char *user, const char *room)
{
  static char out[256];
  const struct plug_identity sender = {.size = sizeof sender, .user = route_str(user)};
  const struct plug_kv variable = {LIT("x"), route_str(room)};
  const struct plug_app_request request = {.size = sizeof request,
                                           .who = &sender,
                                           .session_id = LIT("s"),
                                           .path = route_str(room),
                                           .variables = &variable,
                                           .n_variables = 1};
  struct route_result result;
  struct route_refusal refusal;
  bool taken = route_run(route, &request, 0, 1000000, &result, &refusal);
  snprintf(out, sizeof out, "%s", taken ? "taken" : refusal.reason);
  free(result.destination);
  free(result.body);
  return out;
}

#define BY_SENDER "too many messages: at most %d in 3600000 ms"
#define BY_ROOM   "too many messages here: at most %d in 3600000 ms"

static void what_one_rate_refuses_does_not_count_for_the_others(void **state)
{
  static const char *const orders[] = {"rate room %1$d/1h and rate sender %2$d/1h",
                                       "rate sender %2$d/1h and rate room %1$d/1h"};
  char condition[80], by_sender[80], by_room[80];
  struct route route;
  (void)state;
  for (size_t i = 0; i < 2; i++) {
    snprintf(condition, sizeof condition, orders[i], 3, 1);
    snprintf(by_sender, sizeof by_sender, BY_SENDER, 1);
    snprintf(by_room, sizeof by_room, BY_ROOM, 3);
    begin(&route, "/{x}", "/t/{x}");
    set(&route, "if", condition);
    assert_string_equal(send_as(&route, "a", "1"), "taken");
    for (int again = 0; again < 5; again++)
      assert_string_equal(send_as(&route, "a", "1"), by_sender);
    assert_string_equal(send_as(&route, "b", "1"), "taken");
    assert_string_equal(send_as(&route, "c", "1"), "taken");
    assert_string_equal(send_as(&route, "d", "1"), by_room);
    route_fini(&route);

    snprintf(condition, sizeof condition, orders[i], 1, 2);
    snprintf(by_sender, sizeof by_sender, BY_SENDER, 2);
    snprintf(by_room, sizeof by_room, BY_ROOM, 1);
    begin(&route, "/{x}", "/t/{x}");
    set(&route, "if", condition);
    assert_string_equal(send_as(&route, "a", "1"), "taken");
    for (int again = 0; again < 5; again++)
      assert_string_equal(send_as(&route, "a", "1"), by_room);
    assert_string_equal(send_as(&route, "a", "2"), "taken");
    assert_string_equal(send_as(&route, "a", "3"), by_sender);
    route_fini(&route);
  }
}

static bool take(struct route_rate *rate, struct plug_str key, uint64_t now_us)
{
  struct route_take one;
  bool may = route_rate_check(rate, key, now_us, &one);
  if (may)
    route_rate_take(&one);
  return may;
}

static void a_rate_gives_back_with_time(void **state)
{
  (void)state;
  struct route_rate rate;
  const struct plug_str a = LIT("a"), b = LIT("b");
  uint64_t now = 50000000;
  assert_true(route_rate_init(&rate, 4, 1000, 8));
  for (int i = 0; i < 4; i++)
    assert_true(take(&rate, a, now));
  assert_false(take(&rate, a, now));
  assert_false(take(&rate, a, now + 249999));
  assert_true(take(&rate, b, now));
  assert_true(take(&rate, a, now + 250000));
  assert_false(take(&rate, a, now + 250000));
  for (int i = 0; i < 4; i++)
    assert_true(take(&rate, a, now + 10000000));
  assert_false(take(&rate, a, now + 10000000));
  route_rate_fini(&rate);
}

static void more_keys_than_places_push_out_the_least_used(void **state)
{
  (void)state;
  struct route_rate rate;
  uint64_t now = 50000000;
  assert_true(route_rate_init(&rate, 1000, 1000, 8));
  const struct plug_str busy = LIT("busy");
  for (int i = 0; i < 1000; i++)
    assert_true(take(&rate, busy, now));
  for (int i = 0; i < 1000; i++) {
    char text[16];
    snprintf(text, sizeof text, "%d", i);
    assert_true(take(&rate, route_str(text), now));
  }
  assert_false(take(&rate, busy, now));
  route_rate_fini(&rate);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(templates_insert_values_as_json),
      cmocka_unit_test(destinations_take_one_segment_each),
      cmocka_unit_test(names_of_users_are_escaped),
      cmocka_unit_test(variables_have_types),
      cmocka_unit_test(conditions_are_all_asked),
      cmocka_unit_test(what_one_rate_refuses_does_not_count_for_the_others),
      cmocka_unit_test(a_rate_gives_back_with_time),
      cmocka_unit_test(more_keys_than_places_push_out_the_least_used),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
