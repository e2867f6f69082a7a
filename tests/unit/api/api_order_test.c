/* Orders about sessions: as they are asked for, and as nodes pass them on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/api_order.h"
#include "base/str.h"

static void orders_come_to_other_nodes_as_they_were(void **state)
{
  static const struct {
    enum api_order_kind kind;
    const char *json;
  } rows[] = {
      {API_ORDER_DISCONNECT, "{\"user\":\"al/ice\"}"},
      {API_ORDER_DISCONNECT, "{\"session\":\"0af3\",\"reason\":\"\xc3\xa9 \\\"x\\\"\"}"},
      {API_ORDER_DISCONNECT, "{\"user\":\"a\",\"reason\":\"b\",\"refuseSeconds\":2592000}"},
      {API_ORDER_UNSUBSCRIBE, "{\"user\":\"a\",\"destination\":\"/topic/*\",\"reason\":\"b\"}"},
      {API_ORDER_UNSUBSCRIBE, "{\"session\":\"a\",\"destination\":\"/user/queue/x\"}"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct api_order order, heard;
    struct api_fault fault;
    struct buf text = {0};
    assert_true(api_order_read(rows[i].kind, str_of(rows[i].json), 100, &order, &fault));
    assert_true(api_order_put(&order, &text));
    assert_int_equal(api_order_hear(str_from(text.data, text.len), 100, &heard), API_ORDER_HEARD);
    assert_int_equal(heard.kind, order.kind);
    assert_string_equal(heard.user, order.user);
    assert_string_equal(heard.session, order.session);
    assert_string_equal(heard.reason, order.reason);
    assert_int_equal(heard.refuse_s, order.refuse_s);
    if (rows[i].kind == API_ORDER_UNSUBSCRIBE)
      assert_string_equal(heard.destination, order.destination);
    else
      assert_null(heard.destination);
    api_order_fini(&order);
    api_order_fini(&heard);
    buf_free(&text);
  }
}

static void faults_name_their_field(void **state)
{
  static const struct {
    enum api_order_kind kind;
    const char *json, *code, *field;
  } rows[] = {
      {API_ORDER_DISCONNECT, "", "bad-json", ""},
      {API_ORDER_DISCONNECT, "{}", "missing", "user"},
      {API_ORDER_DISCONNECT, "{\"user\":\"\"}", "bad-value", "user"},
      {API_ORDER_DISCONNECT, "{\"user\":1}", "bad-type", "user"},
      {API_ORDER_DISCONNECT, "{\"user\":\"a\",\"session\":\"b\"}", "bad-value", "session"},
      {API_ORDER_DISCONNECT, "{\"user\":\"a\\u0000b\"}", "bad-value", "user"},
      {API_ORDER_DISCONNECT, "{\"user\":\"a\",\"reason\":\"a\\nb\"}", "bad-value", "reason"},
      {API_ORDER_DISCONNECT, "{\"user\":\"a\",\"refuseSeconds\":\"1\"}", "bad-type",
       "refuseSeconds"},
      {API_ORDER_DISCONNECT, "{\"user\":\"a\",\"refuseSeconds\":1.0}", "bad-type", "refuseSeconds"},
      {API_ORDER_DISCONNECT, "{\"user\":\"a\",\"refuseSeconds\":-1}", "bad-value", "refuseSeconds"},
      {API_ORDER_DISCONNECT, "{\"user\":\"a\",\"refuseSeconds\":2592001}", "bad-value",
       "refuseSeconds"},
      {API_ORDER_DISCONNECT, "{\"session\":\"a\",\"refuseSeconds\":1}", "bad-value",
       "refuseSeconds"},
      {API_ORDER_DISCONNECT, "{\"user\":\"a\",\"destination\":\"/x\"}", "unknown-field",
       "destination"},
      {API_ORDER_UNSUBSCRIBE, "{\"user\":\"a\"}", "missing", "destination"},
      {API_ORDER_UNSUBSCRIBE, "{\"user\":\"a\",\"destination\":\"x\"}", "bad-destination",
       "destination"},
      {API_ORDER_UNSUBSCRIBE, "{\"user\":\"a\",\"destination\":\"/0123456789\"}", "bad-destination",
       "destination"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct api_order order;
    struct api_fault fault;
    if (api_order_read(rows[i].kind, str_of(rows[i].json), 10, &order, &fault))
      fail_msg("%s was taken", rows[i].json);
    if (strcmp(fault.code, rows[i].code) != 0 || strcmp(fault.field, rows[i].field) != 0)
      fail_msg("%s: %s '%s' %s", rows[i].json, fault.code, fault.field, fault.message);
    api_order_fini(&order);
  }
}

static void names_are_at_most_255_bytes(void **state)
{
  struct api_order order;
  struct api_fault fault;
  (void)state;
  for (size_t n = 255; n <= 256; n++) {
    struct buf json = {0};
    buf_put_str(&json, STR("{\"user\":\""));
    for (size_t i = 0; i < n; i++)
      buf_put_char(&json, 'u');
    buf_put_str(&json, STR("\"}"));
    assert_int_equal(
        api_order_read(API_ORDER_DISCONNECT, str_from(json.data, json.len), 10, &order, &fault),
        n == 255);
    buf_free(&json);
  }
}

static void what_newer_nodes_say_is_passed_over(void **state)
{
  static const struct {
    const char *json;
    enum api_order_heard heard;
  } rows[] = {
      {"{\"version\":1,\"order\":\"disconnect\",\"user\":\"a\"}", API_ORDER_HEARD},
      {"{\"version\":1,\"order\":\"disconnect\",\"user\":\"a\",\"new\":{}}", API_ORDER_HEARD},
      {"{\"version\":2,\"order\":\"disconnect\",\"user\":\"a\"}", API_ORDER_FOREIGN},
      {"{\"version\":2}", API_ORDER_FOREIGN},
      {"{\"version\":1,\"order\":\"new\"}", API_ORDER_FOREIGN},
      {"{\"version\":1}", API_ORDER_BAD},
      {"{\"version\":\"1\",\"order\":\"disconnect\",\"user\":\"a\"}", API_ORDER_BAD},
      {"{\"order\":\"disconnect\",\"user\":\"a\"}", API_ORDER_BAD},
      {"{\"version\":1,\"order\":\"unsubscribe\",\"user\":\"a\"}", API_ORDER_BAD},
      {"{\"version\":1,\"order\":\"unsubscribe\",\"user\":\"a\",\"destination\":\"/a\","
       "\"refuseSeconds\":1}",
       API_ORDER_HEARD},
      {"", API_ORDER_BAD},
      {"[]", API_ORDER_BAD},
      {"\xff", API_ORDER_BAD},
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct api_order order;
    if (api_order_hear(str_of(rows[i].json), 100, &order) != rows[i].heard)
      fail_msg("%s", rows[i].json);
    api_order_fini(&order);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(orders_come_to_other_nodes_as_they_were),
      cmocka_unit_test(faults_name_their_field),
      cmocka_unit_test(names_are_at_most_255_bytes),
      cmocka_unit_test(what_newer_nodes_say_is_passed_over),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
