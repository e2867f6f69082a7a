/* Claims of applications: which counts, its variables, what is listed, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/claims.h"
#include "base/str.h"
#include "plugin/loop.h"

/* What the instance under test claims. */
static struct plug_claim wanted[16];
static size_t n_wanted;
static struct plug_str watched[4];
static size_t n_watched;
static bool without_request;

static int self_data;

static plug_status create(const struct plug_host *host, void **self, struct plug_err *err)
{
  (void)host, (void)err;
  *self = &self_data;
  return PLUG_OK;
}

static void destroy(void *self)
{
  (void)self;
}

static void claims_of(void *self, struct plug_app_claims *out)
{
  (void)self;
  out->claims = wanted;
  out->n_claims = n_wanted;
  out->watches = watched;
  out->n_watches = n_watched;
}

static plug_status request(void *self, const struct plug_app_request *r, struct plug_op *op)
{
  (void)self, (void)r, (void)op;
  return PLUG_OK;
}

static void event(void *self, const struct plug_app_event *e)
{
  (void)self, (void)e;
}

static struct plugin_image image;

static struct plugin_instance *instance(void)
{
  static const struct plug_app whole = {
      .size = sizeof whole, .claims = claims_of, .request = request, .event = event};
  static const struct plug_app part = {.size = sizeof part, .claims = claims_of};
  struct plug_plugin entry = {PLUG_PLUGIN_HEAD,
                              .id = "org.example.probe",
                              .version = "1",
                              .summary = "a probe",
                              .app = without_request ? &part : &whole,
                              .create = create,
                              .destroy = destroy};
  struct plug_err err = {0};
  static char base[] = "probe.so";
  image.base = image.path = base;
  assert_int_equal(image_judge(&image, &entry, sizeof entry, &err), PLUG_OK);
  struct plugin_instance *made = instance_create(&image, NULL, "app.probe", NULL, NULL, &err);
  assert_non_null(made);
  return made;
}

static void want(const char *pattern, uint32_t actions)
{
  wanted[n_wanted++] = (struct plug_claim){str_of(pattern), actions, 0};
}

static int reset(void **state)
{
  (void)state;
  n_wanted = n_watched = 0;
  without_request = false;
  return 0;
}

static void the_most_specific_claim_counts(void **state)
{
  (void)state;
  struct claims claims = {0};
  struct plug_err err = {0};
  want("/**", PLUG_APP_SEND);
  want("/{a}/{b}", PLUG_APP_SEND);
  want("/x/{b}", PLUG_APP_SEND | PLUG_APP_SUBSCRIBE);
  want("/x/y", PLUG_APP_SEND);
  want("/x/**", PLUG_APP_SEND);
  struct plugin_instance *made = instance();
  assert_int_equal(claims_add(&claims, made, &err), PLUG_OK);
  static const struct {
    const char *path;
    uint32_t action;
    int number; /* -1: nobody */
  } rows[] = {{"/x/y", PLUG_APP_SEND, 3},      {"/x/z", PLUG_APP_SEND, 2},
              {"/w/z", PLUG_APP_SEND, 1},      {"/x/y/z", PLUG_APP_SEND, 4},
              {"/w/y/z", PLUG_APP_SEND, 0},    {"/x/y", PLUG_APP_SUBSCRIBE, 2},
              {"/w/y", PLUG_APP_SUBSCRIBE, -1}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const struct claim *claim = claims_find(&claims, str_of(rows[i].path), rows[i].action);
    assert_int_equal(claim ? (int)claim->number : -1, rows[i].number);
  }
  claims_fini(&claims);
  instance_destroy(made);
}

static void variables_come_in_the_order_of_the_pattern(void **state)
{
  (void)state;
  struct claims claims = {0};
  struct plug_err err = {0};
  struct plug_kv values[PLUG_APP_VARIABLES_MAX];
  want("/{b}/k/{a}/**", PLUG_APP_SEND);
  watched[n_watched++] = STR("/topic/{w}");
  struct plugin_instance *made = instance();
  assert_int_equal(claims_add(&claims, made, &err), PLUG_OK);
  const struct claim *claim = claims_find(&claims, STR("/1/k/two/z"), PLUG_APP_SEND);
  assert_non_null(claim);
  assert_int_equal(claim->n_variables, 2);
  claim_variables(claim, STR("/1/k/two/z"), values);
  assert_true(str_eq(values[0].key, STR("b")) && str_eq(values[0].value, STR("1")));
  assert_true(str_eq(values[1].key, STR("a")) && str_eq(values[1].value, STR("two")));
  assert_non_null(claims_find_watch(&claims, made, STR("/topic/x")));
  assert_null(claims_find_watch(&claims, made, STR("/topic/x/y")));
  claims_fini(&claims);
  instance_destroy(made);
}

static void what_is_claimed_is_listed_as_far_as_there_is_room(void **state)
{
  (void)state;
  struct claims claims = {0};
  struct plug_err err = {0};
  struct buf out = {0};
  claims_put_list(&claims, STR("/pub"), PLUG_APP_SEND, 100, &out);
  buf_put_char(&out, '\0');
  assert_string_equal(out.data, "nothing");
  want("/a", PLUG_APP_SEND);
  want("/bb", PLUG_APP_SUBSCRIBE);
  want("/ccc", PLUG_APP_SEND);
  struct plugin_instance *made = instance();
  assert_int_equal(claims_add(&claims, made, &err), PLUG_OK);
  out.len = 0;
  claims_put_list(&claims, STR("/pub"), PLUG_APP_SEND, 100, &out);
  buf_put_char(&out, '\0');
  assert_string_equal(out.data, "/pub/ccc, /pub/a");
  out.len = 0;
  claims_put_list(&claims, STR("/pub"), PLUG_APP_SEND, 30, &out);
  buf_put_char(&out, '\0');
  assert_string_equal(out.data, "/pub/ccc and 1 more");
  buf_free(&out);
  claims_fini(&claims);
  instance_destroy(made);
}

static void expect_fault(const char *text)
{
  struct claims claims = {0};
  struct plug_err err = {0};
  struct plugin_instance *made = instance();
  assert_int_equal(claims_add(&claims, made, &err), PLUG_EINVAL);
  if (!strstr(err.text, text))
    fail_msg("%s", err.text);
  claims_fini(&claims);
  instance_destroy(made);
  reset(NULL);
}

static void bad_claims_are_refused(void **state)
{
  (void)state;
  want("a", PLUG_APP_SEND);
  expect_fault("[app.probe] claims 'a', which does not start with a slash");
  want("/{x", PLUG_APP_SEND);
  want("/{x}/**/{y}/**/{z}", PLUG_APP_SEND);
  expect_fault("[app.probe] claims ");
  want("/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}", PLUG_APP_SEND);
  expect_fault("[app.probe] claims ");
  want("/a", PLUG_APP_SEND);
  want("/a", PLUG_APP_SEND | PLUG_APP_SUBSCRIBE);
  expect_fault("both claim '/a'");
  want("/a", PLUG_APP_SEND);
  without_request = true;
  expect_fault("has no function 'request'");
  watched[n_watched++] = STR("/topic/x");
  without_request = true;
  expect_fault("has no function 'event'");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(the_most_specific_claim_counts, reset),
      cmocka_unit_test_setup(variables_come_in_the_order_of_the_pattern, reset),
      cmocka_unit_test_setup(what_is_claimed_is_listed_as_far_as_there_is_room, reset),
      cmocka_unit_test_setup(bad_claims_are_refused, reset),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
