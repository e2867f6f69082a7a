/* Rules as they are written, and what they decide; the sentences of --explain-access. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "access/explain.h"
#include "base/str.h"

#define LIT(text) {text, sizeof(text) - 1}

static const struct plug_str broker[] = {LIT("/sub"), LIT("/topic")};
static const struct plug_str app[] = {LIT("/pub")};
static const struct plug_str client_send[] = {LIT("/topic")};
static const struct destination_rules destinations = {
    {broker, 2}, {app, 1}, {client_send, 1}, false, {NULL, 0}};
static const struct rules_world world = {
    .destinations = &destinations, .patterns = true, .authenticates = true};

static struct config *config;

static void load(const char *text, struct rules *rules)
{
  struct plug_err err = {0};
  config = config_new();
  assert_non_null(config);
  if (config_read_text(config, "x.ini", str_of(text), &err) ||
      rules_load(rules, config_find(config, "access"), &world, &err))
    fail_msg("%s", err.text);
}

static void unload(struct rules *rules)
{
  rules_fini(rules);
  config_free(config);
}

static void expect_fault(const char *text, const struct rules_world *in, const char *wanted)
{
  struct plug_err err = {0};
  struct rules rules;
  config = config_new();
  assert_int_equal(config_read_text(config, "x.ini", str_of(text), &err), PLUG_OK);
  assert_int_equal(rules_load(&rules, config_find(config, "access"), in, &err), PLUG_EINVAL);
  if (!strstr(err.text, wanted))
    fail_msg("%s: got %s", text, err.text);
  assert_int_equal(strncmp(err.text, "x.ini:", 6), 0);
  config_free(config);
}

static const struct plug_str roles[] = {LIT("USER"), LIT("two words")};
static const struct plug_kv claims[] = {{LIT("userId"), LIT("7")},
                                        {LIT("tenants"), LIT("a")},
                                        {LIT("tenants"), LIT("b")},
                                        {LIT("empty"), LIT("")}};
static const struct plug_permission permissions[] = {{PLUG_SUBSCRIBE, 0, LIT("/sub/mine/**")}};

static struct plug_identity alice(void)
{
  return (struct plug_identity){.size = sizeof(struct plug_identity),
                                .user = LIT("alice"),
                                .roles = roles,
                                .n_roles = 2,
                                .attrs = claims,
                                .n_attrs = 4,
                                .permissions = permissions,
                                .n_permissions = 1};
}

static bool permitted(const void *ctx, unsigned action, struct plug_str destination)
{
  (void)ctx;
  return action != ACTION_SEND && str_has_prefix(destination, STR("/sub/mine/"));
}

static const char *decide(const struct rules *rules, bool known, unsigned action,
                          const char *destination)
{
  static char text[100];
  struct plug_identity who = alice();
  struct rule_subject subject = {known ? &who : NULL, permitted, NULL};
  const struct rule *by;
  struct plug_str d = str_of(destination);
  enum rule_verdict verdict =
      rules_judge(rules, &subject, action, d, action != ACTION_SEND && pattern_is(d), &by);
  snprintf(text, sizeof text, "%s %.*s",
           verdict == RULE_ALLOW  ? "allow"
           : verdict == RULE_DENY ? "deny"
                                  : "ask",
           by ? (int)by->name.len : 1, by ? by->name.ptr : "-");
  return text;
}

#define EXPECT(rules, known, action, destination, wanted) \
  assert_string_equal(decide(rules, known, action, destination), wanted)

static void conditions_are_judged(void **state)
{
  (void)state;
  static const struct {
    const char *condition;
    bool known, nobody;
  } cases[] = {
      {"", true, true},
      {"if anyone", true, true},
      {"if nobody", false, false},
      {"if authenticated", true, false},
      {"if user alice", true, false},
      {"if user bob", false, false},
      {"if role USER", true, false},
      {"if role \"two words\"", true, false},
      {"if role two", false, false},
      {"if {id} == claim:userId", true, false},
      {"if claim:userId == {id}", true, false},
      {"if {id} == claim:tenants", false, false},
      {"if {id} == user", false, false},
      {"if claim:tenants == b", true, false},
      {"if claim:tenants == c", false, false},
      {"if claim:empty == \"\"", false, false},
      {"if claim:none == claim:none", false, false},
      {"if user == alice", true, false},
      {"if {id} == 7", true, true},
      {"if role NONE or {id} == claim:userId", true, false},
      {"if role USER and {id} == claim:userId", true, false},
      {"if role USER and role NONE or user alice", true, false},
      {"if role USER and role NONE or user bob", false, false},
      {"if user bob or role USER and claim:tenants == a", true, false},
      {"if permission", false, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct rules rules;
    char text[200];
    snprintf(text, sizeof text, "[access]\nx = subscribe /sub/{id}/** %s\n", cases[i].condition);
    load(text, &rules);
    const char *known = cases[i].known ? "allow x" : "deny x";
    const char *nobody = cases[i].nobody ? "allow x" : "deny x";
    if (strcmp(decide(&rules, true, ACTION_SUBSCRIBE, "/sub/7/a"), known) != 0)
      fail_msg("%s", cases[i].condition);
    if (strcmp(decide(&rules, false, ACTION_SUBSCRIBE, "/sub/7/a"), nobody) != 0)
      fail_msg("%s, nobody", cases[i].condition);
    unload(&rules);
  }
}

static void the_first_that_matches_decides(void **state)
{
  (void)state;
  struct rules rules;
  load("[access]\n"
       "no = subscribe /sub/secret/** if nobody\n"
       "own = subscribe /sub/users/{id}/** if {id} == claim:userId\n"
       "mine = subscribe /sub/mine/** if permission\n"
       "rest = subscribe /sub/** if role USER\n"
       "talk = send /topic/** if authenticated\n"
       "app = send /pub/** if plugin\n",
       &rules);
  EXPECT(&rules, true, ACTION_SUBSCRIBE, "/sub/secret/x", "deny no");
  EXPECT(&rules, true, ACTION_SUBSCRIBE, "/sub/users/7/x", "allow own");
  EXPECT(&rules, true, ACTION_SUBSCRIBE, "/sub/users/8/x", "deny own");
  EXPECT(&rules, true, ACTION_SUBSCRIBE, "/sub/mine/x", "allow mine");
  EXPECT(&rules, true, ACTION_SUBSCRIBE, "/sub/other", "allow rest");
  EXPECT(&rules, false, ACTION_SUBSCRIBE, "/sub/other", "deny rest");
  EXPECT(&rules, true, ACTION_SUBSCRIBE, "/topic/a", "deny -");
  EXPECT(&rules, true, ACTION_SEND, "/topic/a", "allow talk");
  EXPECT(&rules, true, ACTION_SEND, "/pub/a", "ask app");
  EXPECT(&rules, false, ACTION_SEND, "/pub/a", "deny app");
  unload(&rules);
}

static void patterns_get_no_more_than_the_rules_give(void **state)
{
  (void)state;
  struct rules rules;
  load("[access]\n"
       "no = subscribe /sub/secret/** if nobody\n"
       "own = subscribe, subscribe-pattern /sub/users/{id}/** if {id} == claim:userId\n"
       "wide = subscribe-pattern /sub/** if role USER\n"
       "rest = subscribe /sub/** if role USER\n"
       "each = subscribe /topic/** if anyone\n",
       &rules);
  EXPECT(&rules, true, ACTION_SUBSCRIBE, "/sub/a/*", "allow rest");
  EXPECT(&rules, true, ACTION_SUBSCRIBE, "/sub/**", "deny own");
  EXPECT(&rules, true, ACTION_SUBSCRIBE, "/sub/*/x", "deny own");
  EXPECT(&rules, true, ACTION_SUBSCRIBE, "/sub/secret/*", "deny no");
  EXPECT(&rules, true, ACTION_SUBSCRIBE, "/sub/users/7/*", "allow own");
  EXPECT(&rules, true, ACTION_SUBSCRIBE, "/sub/users/8/*", "deny own");
  EXPECT(&rules, true, ACTION_SUBSCRIBE, "/sub/users/*/x", "deny own");
  EXPECT(&rules, true, ACTION_SUBSCRIBE, "/topic/*", "deny -"); /* no right to patterns there */
  EXPECT(&rules, false, ACTION_SUBSCRIBE, "/sub/a/*", "deny wide");
  unload(&rules);
}

static void a_limited_identity_has_no_more_than_its_permissions(void **state)
{
  (void)state;
  struct rules rules;
  load("[access]\nall = subscribe, subscribe-pattern, send /topic/**\n"
       "sub = subscribe, subscribe-pattern /sub/** if plugin\n",
       &rules);
  struct plug_identity who = alice();
  who.flags = PLUG_IDENTITY_LIMITED;
  struct rule_subject subject = {&who, permitted, NULL};
  const struct rule *by;
  struct plug_str mine = STR("/sub/mine/a"), topic = STR("/topic/a"), other = STR("/sub/a");
  assert_int_equal(rules_judge(&rules, &subject, ACTION_SUBSCRIBE, mine, false, &by), RULE_ASK);
  assert_int_equal(rules_judge(&rules, &subject, ACTION_SUBSCRIBE, other, false, &by), RULE_DENY);
  assert_int_equal(rules_judge(&rules, &subject, ACTION_SUBSCRIBE, topic, false, &by), RULE_DENY);
  assert_int_equal(rules_judge(&rules, &subject, ACTION_SEND, topic, false, &by), RULE_DENY);
  who.flags = 0;
  assert_int_equal(rules_judge(&rules, &subject, ACTION_SEND, topic, false, &by), RULE_ALLOW);
  unload(&rules);
}

static void without_rules_permissions_limit(void **state)
{
  (void)state;
  struct rules rules;
  struct plug_err err;
  struct plug_identity who = alice();
  const struct rule *by;
  assert_int_equal(rules_load(&rules, NULL, &world, &err), PLUG_OK);
  EXPECT(&rules, false, ACTION_SUBSCRIBE, "/sub/a", "allow -");
  EXPECT(&rules, true, ACTION_SUBSCRIBE, "/sub/mine/a", "allow -");
  EXPECT(&rules, true, ACTION_SUBSCRIBE, "/sub/a", "deny -");
  struct rule_subject subject = {&who, permitted, NULL};
  who.n_permissions = 0;
  assert_int_equal(rules_judge(&rules, &subject, ACTION_SEND, STR("/sub/a"), false, &by),
                   RULE_ALLOW);
  who.flags = PLUG_IDENTITY_LIMITED;
  assert_int_equal(rules_judge(&rules, &subject, ACTION_SEND, STR("/sub/a"), false, &by),
                   RULE_DENY);
}

static void classes_are_of_equal_rights(void **state)
{
  (void)state;
  struct rules rules;
  load("[access]\n"
       "a = subscribe /sub/a if role USER\n"
       "b = subscribe /sub/{id} if {id} == claim:userId\n",
       &rules);
  struct plug_identity one = alice(), two = alice();
  struct buf first = {0}, second = {0}, nobody = {0};
  two.user = str_of("bob");
  assert_true(rules_put_key(&rules, &one, &first));
  assert_true(rules_put_key(&rules, &two, &second));
  assert_true(rules_put_key(&rules, NULL, &nobody));
  assert_true(str_eq(str_from(first.data, first.len), str_from(second.data, second.len)));
  assert_int_equal(nobody.len, 0);
  two.n_roles = 0;
  second.len = 0;
  assert_true(rules_put_key(&rules, &two, &second));
  assert_false(str_eq(str_from(first.data, first.len), str_from(second.data, second.len)));
  two = alice();
  two.n_attrs = 0;
  second.len = 0;
  assert_true(rules_put_key(&rules, &two, &second));
  assert_false(str_eq(str_from(first.data, first.len), str_from(second.data, second.len)));
  unload(&rules);
  load("[access]\na = subscribe /sub/a if plugin\n", &rules);
  first.len = 0;
  assert_false(rules_put_key(&rules, &one, &first));
  unload(&rules);
  buf_free(&first);
  buf_free(&second);
  buf_free(&nobody);
}

static void mistakes_are_named(void **state)
{
  (void)state;
  static const struct {
    const char *rule, *wanted;
  } cases[] = {
      {"", "a rule starts with subscribe"},
      {"subscribe", "a pattern is missing"},
      {"/sub/a", "a rule starts with subscribe"},
      {"listen /sub/a", "'listen' is no action"},
      {"subscribe /sub/a when anyone", "stands 'if'"},
      {"subscribe /sub/a if", "a condition is missing at the end"},
      {"subscribe /sub/a if or anyone", "a condition is missing before 'or'"},
      {"subscribe /sub/a if anyone and", "a condition is missing at the end"},
      {"subscribe /sub/a if anyone anyone", "between two conditions stands 'and' or 'or'"},
      {"subscribe /sub/a if admin", "'admin' is no condition"},
      {"subscribe /sub/a if role", "a name is missing behind 'role'"},
      {"subscribe /sub/a if role or anyone", "a name is missing behind 'role'"},
      {"subscribe /sub/a if role \"open", "a quotation mark has no partner"},
      {"subscribe /sub/a if a == b", "both sides of '==' are plain words"},
      {"subscribe /sub/a if user ==", "something is missing beside '=='"},
      {"subscribe /sub/a if {id} == user", "the variable '{id}' does not stand in the pattern"},
      {"subscribe /sub/u-{id} if {id} == user", "is not a whole segment"},
      {"subscribe /sub/{a}/{a}", "two variables of one name"},
      {"subscribe /sub/a if claim: == b", "the name of a claim is missing"},
      {"subscribe /sub/{x:[}", "bad pattern"},
      {"subscribe /sub/{x if nobody", "bad pattern '/sub/{x': a '{' is not closed"},
      {"subscribe /sub/{x/y}", "a '{' is not closed"},
      {"subscribe /sub/{x}{y", "a '{' is not closed"},
      {"subscribe sub/a", "'sub/a' is no action"},
      {"subscribe /elsewhere/**", "outside every prefix"},
      {"send /sub/**", "clients may not SEND there"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[200];
    snprintf(text, sizeof text, "[access]\nx = %s\n", cases[i].rule);
    expect_fault(text, &world, cases[i].wanted);
  }
  struct rules_world plain = {.destinations = &destinations};
  expect_fault("[access]\n", &world, "has no rules");
  expect_fault("[access]\nx = subscribe-pattern /sub/**\n", &plain, "switched off");
  expect_fault("[access]\nx = subscribe /sub/** if role A or user b\n", &plain,
               "its condition can never hold");
  expect_fault("[access]\na = subscribe /sub/**\nb = send, subscribe /pub/x\n"
               "c = subscribe /sub/x/{y} if role A\n",
               &world, "x.ini:4: [access] c can never match subscribe: a in line 2 comes first");
}

static void explanations_name_the_rule(void **state)
{
  (void)state;
  struct rules rules;
  load("[access]\n"
       "own = subscribe /sub/users/{id}/** if {id} == claim:userId\n"
       "admin = send /topic/** if role ADMIN\n"
       "token = subscribe /topic/** if permission\n"
       "ask = send /pub/** if plugin\n",
       &rules);
  static const struct {
    const char *words[6];
    plug_status status;
    const char *wanted;
  } cases[] = {
      {{"alice", "claim:userId=7", "subscribe", "/sub/users/7/x"},
       PLUG_OK,
       "allowed by rule 'own', x.ini:2: subscribe /sub/users/{id}/** if {id} == claim:userId\n"},
      {{"alice", "subscribe", "/sub/users/7/x"}, PLUG_DENY, "denied by rule 'own', x.ini:2: "},
      {{"bob", "ADMIN", "send", "/topic/x"}, PLUG_OK, "allowed by rule 'admin'"},
      {{"-", "send", "/topic/x"}, PLUG_DENY, "denied by rule 'admin'"},
      {{"bob", "subscribe", "/topic/x"}, PLUG_DENY, "unless the client's token has a permission"},
      {{"bob", "send", "/pub/x"}, PLUG_DENY, "which asks the auth plugin"},
      {{"bob", "send", "/sub/x"}, PLUG_DENY, "denied by [destinations]: client-send"},
      {{"bob", "subscribe", "/no/x"}, PLUG_DENY, "outside every prefix"},
      {{"bob", "subscribe", "x"}, PLUG_DENY, "A destination starts with a slash"},
      {{"bob", "subscribe", "/sub/x"}, PLUG_DENY, "no rule of [access] matches"},
      {{"bob", "subscribe", "/sub/*"}, PLUG_DENY, "both for subscribe-pattern and for subscribe"},
      {{"bob", "listen", "/sub/x"}, PLUG_EINVAL, "the action is subscribe or send, not listen"},
      {{"bob", "send"}, PLUG_EINVAL, "too few words"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct buf out = {0};
    struct explain_request request = {
        .rules = &rules, .world = &world, .max_destination_length = 100, .words = cases[i].words};
    while (cases[i].words[request.n_words])
      request.n_words++;
    assert_int_equal(explain_access(&request, &out), cases[i].status);
    buf_put_char(&out, '\0');
    if (!strstr(out.data, cases[i].wanted))
      fail_msg("got %s, wanted %s", out.data, cases[i].wanted);
    buf_free(&out);
  }
  unload(&rules);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(conditions_are_judged),
      cmocka_unit_test(the_first_that_matches_decides),
      cmocka_unit_test(patterns_get_no_more_than_the_rules_give),
      cmocka_unit_test(a_limited_identity_has_no_more_than_its_permissions),
      cmocka_unit_test(without_rules_permissions_limit),
      cmocka_unit_test(classes_are_of_equal_rights),
      cmocka_unit_test(mistakes_are_named),
      cmocka_unit_test(explanations_name_the_rule),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
