/* What POST /api/publish takes, and how a fault is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "api/api_publish.h"
#include "base/str.h"
#include "base/utf8.h"
#include "message/message.h"
#include "message/message_rules.h"

static const struct plug_str broker_prefixes[] = {{"/topic", 6}, {"/queue", 6}};
static const struct plug_str app_prefixes[] = {{"/pub", 4}};
static const struct destination_rules rules = {
    .broker = {broker_prefixes, 2}, .app = {app_prefixes, 1}, .user = {"/user", 5}};
static const struct user_names users = {{"/user", 5}, {"key", 3}};
static struct plug_kv kv[4];
static const struct api_world world = {&rules, &users, 64, 3, 100, kv, 4};

static void take(const char *json, struct api_batch *batch)
{
  struct api_fault fault;
  if (!api_publish_read(&world, str_of(json), batch, &fault))
    fail_msg("%s: %s (%s)", json, fault.message, fault.field);
}

static void assert_str(struct plug_str text, const char *expected)
{
  assert_int_equal(text.len, strlen(expected));
  assert_memory_equal(text.ptr, expected, text.len);
}

static void bodies_come_in_three_forms(void **state)
{
  static const struct {
    const char *json, *type, *payload;
  } rows[] = {
      {"{\"destination\":\"/topic/a\",\"body\":\"x\\ny\"}", "text/plain;charset=UTF-8", "x\ny"},
      {"{\"destination\":\"/topic/a\",\"body\":\"\"}", "text/plain;charset=UTF-8", ""},
      {"{\"destination\":\"/topic/a\",\"json\":{ \"b\": 1, \"a\": [ 2.5 ] }}", "application/json",
       "{\"b\":1,\"a\":[2.5]}"},
      {"{\"destination\":\"/topic/a\",\"json\":[0.1,1e300]}", "application/json", "[0.1,1e300]"},
      {"{\"destination\":\"/topic/a\",\"json\":0.10000000000000002}", "application/json",
       "0.10000000000000002"},
      {"{\"destination\":\"/topic/a\",\"json\":null}", "application/json", "null"},
      {"{\"destination\":\"/topic/a\",\"json\":\"x\"}", "application/json", "\"x\""},
      {"{\"destination\":\"/topic/a\",\"base64\":\"aGk=\"}", "application/octet-stream", "hi"},
      {"{\"destination\":\"/topic/a\",\"base64\":\"aA==\"}", "application/octet-stream", "h"},
      {"{\"destination\":\"/topic/a\",\"base64\":\"aGkh\"}", "application/octet-stream", "hi!"},
      {"{\"destination\":\"/topic/a\",\"base64\":\"\"}", "application/octet-stream", ""},
      {"{\"destination\":\"/topic/a\",\"body\":\"<p>\",\"contentType\":\"text/html\"}", "text/html",
       "<p>"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct api_batch batch;
    take(rows[i].json, &batch);
    assert_true(batch.single);
    assert_int_equal(batch.n, 1);
    assert_str(batch.msgs[0]->topic, "/topic/a");
    assert_str(batch.msgs[0]->content_type, rows[i].type);
    assert_str(batch.msgs[0]->payload, rows[i].payload);
    api_batch_free(&batch);
  }
}

static void headers_keep_their_order(void **state)
{
  struct api_batch batch;
  (void)state;
  take("{\"destination\":\"/topic/"
       "a\",\"body\":\"\",\"headers\":{\"b\":\"1\",\"a\":\"\",\"c:d\":\"e\\nf\"}}",
       &batch);
  const struct plug_msg *msg = batch.msgs[0];
  assert_int_equal(msg->n_headers, 3);
  assert_str(msg->headers[0].key, "b");
  assert_str(msg->headers[1].key, "a");
  assert_str(msg->headers[2].key, "c:d");
  assert_str(msg->headers[2].value, "e\nf");
  api_batch_free(&batch);
}

static void names_of_users_lead_to_their_topics(void **state)
{
  static const struct {
    const char *json, *name, *rest;
  } rows[] = {
      {"{\"user\":\"a/b\",\"destination\":\"/queue/x\",\"body\":\"\"}", "a/b", "/queue/x"},
      {"{\"destination\":\"/user/a%2Fb/queue/x\",\"body\":\"\"}", "a/b", "/queue/x"},
      {"{\"session\":\"0af3\",\"destination\":\"/queue/x\",\"body\":\"\"}", "0af3", "/queue/x"},
      {"{\"user\":\"a%2Fb\",\"destination\":\"/users\",\"body\":\"\"}", "a%2Fb", "/users"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct api_batch batch;
    struct buf topic = {0};
    take(rows[i].json, &batch);
    user_put_topic(&users, str_of(rows[i].name), str_of(rows[i].rest), &topic);
    buf_put_char(&topic, '\0');
    assert_str(batch.msgs[0]->topic, topic.data);
    buf_free(&topic);
    api_batch_free(&batch);
  }
}

static void one_bad_message_spoils_the_batch(void **state)
{
  struct api_batch batch;
  struct api_fault fault;
  (void)state;
  int64_t before = message_count_alive();
  struct plug_str json = STR("{\"messages\":[{\"destination\":\"/topic/a\",\"body\":\"1\"},"
                             "{\"destination\":\"/topic/a\",\"body\":\"2\"},"
                             "{\"destination\":\"/pub/a\",\"body\":\"3\"}]}");
  assert_false(api_publish_read(&world, json, &batch, &fault));
  assert_int_equal(batch.n, 0);
  assert_null(batch.msgs);
  assert_string_equal(fault.field, "messages[2].destination");
  assert_string_equal(fault.code, "bad-destination");
  assert_true(message_count_alive() == before);
}

/* Names of characters that are longer than what is shown of them. */
static void long_names_are_cut_between_characters(void **state)
{
  static const struct {
    const char *json, *field, *message;
  } rows[] = {
      {"{\"%s\":1}", "%s", "there is no field '%s' here"},
      {"{\"messages\":[{\"%s\":1}]}", "messages[0].%s", "there is no field '%s' here"},
      {"{\"destination\":\"/topic/a\",\"body\":\"\",\"headers\":{\"%s\":1}}", "headers",
       "the header '%s' is to have a name, and text without NUL"},
  };
  static const char *const characters[] = {"\xc3\xa9", "\xed\x95\x9c", "\xf0\x9f\x98\x80"};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows * 3 * 4; i++) {
    char name[200] = "", shown[200] = "", in_field[200] = "", json[400], message[400], field[400];
    const char *character = characters[i / 4 % 3];
    size_t row = i / 12, padding = i % 4, field_max = row == 1 ? 60 : 80;
    for (size_t n = padding; n > 0; n--)
      strcat(name, "x");
    strcpy(shown, name);
    strcpy(in_field, name);
    while (strlen(name) < 120) {
      strcat(name, character);
      if (strlen(name) <= 80)
        strcpy(shown, name);
      if (strlen(name) <= field_max)
        strcpy(in_field, name);
    }
    snprintf(json, sizeof json, rows[row].json, name);
    snprintf(message, sizeof message, rows[row].message, shown);
    snprintf(field, sizeof field, rows[row].field, in_field);
    struct api_batch batch;
    struct api_fault fault;
    assert_false(api_publish_read(&world, str_of(json), &batch, &fault));
    assert_string_equal(fault.message, message);
    assert_string_equal(fault.field, field);
  }
}

static void long_messages_are_cut_between_characters(void **state)
{
  (void)state;
  for (size_t padding = 0; padding < 8; padding++) {
    char text[400] = "";
    struct api_fault fault;
    while (strlen(text) < padding)
      strcat(text, "x");
    while (strlen(text) < 300)
      strcat(text, "\xf0\x9f\x98\x80");
    assert_false(api_refuse(&fault, 400, "bad-value", NULL, "%s", text));
    assert_true(utf8_valid(fault.message, strlen(fault.message)));
    assert_true(strlen(fault.message) >= sizeof fault.message - 5);
    assert_memory_equal(fault.message, text, strlen(fault.message));
  }
}

/* What jansson says of a text is cut to a length of its own. */
static void what_is_no_json_is_told_in_whole_characters(void **state)
{
  (void)state;
  for (size_t padding = 0; padding < 8; padding++) {
    char json[400] = "{\"a\": ";
    struct api_batch batch;
    struct api_fault fault;
    size_t begin = strlen(json);
    while (strlen(json) < begin + padding)
      strcat(json, "x");
    while (strlen(json) < 300)
      strcat(json, "\xf0\x9f\x98\x80");
    assert_false(api_publish_read(&world, str_of(json), &batch, &fault));
    assert_string_equal(fault.code, "bad-json");
    assert_true(utf8_valid(fault.message, strlen(fault.message)));
  }
}

static void faults_name_status_code_and_field(void **state)
{
#define AT "{\"destination\":\"/topic/a\""
  static const struct {
    const char *json;
    int status;
    const char *code, *field;
  } rows[] = {
      {"", 400, "bad-json", ""},
      {"[]", 400, "bad-json", ""},
      {"{", 400, "bad-json", ""},
      {AT ",\"body\":\"x\"} x", 400, "bad-json", ""},
      {AT ",\"body\":\"\\\xd2\x9e\"}", 400, "bad-json", ""}, /* quoted up to half a character */
      {AT ",\"body\":\"x\",\"body\":\"x\"}", 400, "bad-json", ""},
      {"{}", 400, "missing", "destination"},
      {AT "}", 400, "missing", "body"},
      {AT ",\"body\":1}", 400, "bad-type", "body"},
      {AT ",\"body\":\"\",\"json\":1}", 400, "bad-value", "body"},
      {AT ",\"base64\":\"a\"}", 400, "bad-value", "base64"},
      {AT ",\"base64\":\"====\"}", 400, "bad-value", "base64"},
      {AT ",\"base64\":\"aa=a\"}", 400, "bad-value", "base64"},
      {AT ",\"base64\":\"aa\\na\"}", 400, "bad-value", "base64"},
      {AT ",\"base64\":7}", 400, "bad-type", "base64"},
      {AT ",\"body\":\"\",\"contentType\":\"\"}", 400, "bad-value", "contentType"},
      {AT ",\"body\":\"\",\"contentType\":\"a\\r\\nb\"}", 400, "bad-value", "contentType"},
      {AT ",\"body\":\"\",\"headers\":[]}", 400, "bad-type", "headers"},
      {AT ",\"body\":\"\",\"headers\":{\"\":\"\"}}", 400, "bad-type", "headers"},
      {AT ",\"body\":\"\",\"headers\":{\"a\":\"\\u0000\"}}", 400, "bad-type", "headers"},
      {AT ",\"body\":\"\",\"headers\":{\"ack\":\"1\"}}", 400, "bad-value", "headers"},
      {AT ",\"body\":\"\",\"headers\":{\"a\":\"\",\"b\":\"\",\"c\":\"\",\"d\":\"\",\"e\":\"\"}}",
       413, "too-large", "headers"},
      {AT ",\"body\":\"\",\"x\":1}", 400, "unknown-field", "x"},
      {AT ",\"user\":\"\",\"body\":\"\"}", 400, "bad-value", "user"},
      {AT ",\"user\":\"a\",\"session\":\"b\",\"body\":\"\"}", 400, "bad-value", "session"},
      {"{\"user\":\"a\",\"destination\":\"/user/queue/x\",\"body\":\"\"}", 400, "bad-destination",
       "destination"},
      {"{\"destination\":\"/user/a\",\"body\":\"\"}", 400, "bad-destination", "destination"},
      {"{\"destination\":\"/user//x\",\"body\":\"\"}", 400, "bad-destination", "destination"},
      {"{\"destination\":\"topic\",\"body\":\"\"}", 400, "bad-destination", "destination"},
      {"{\"destination\":\"/topics\",\"body\":\"\"}", 400, "bad-destination", "destination"},
      {"{\"destination\":\"/topic/\\u0000\",\"body\":\"\"}", 400, "bad-destination", "destination"},
      {"{\"messages\":{}}", 400, "bad-type", "messages"},
      {"{\"messages\":[]}", 400, "bad-value", "messages"},
      {"{\"messages\":[1,2,3,4]}", 413, "too-large", "messages"},
      {"{\"messages\":[1]}", 400, "bad-type", "messages[0]"},
      {"{\"messages\":[{}],\"a\":1}", 400, "unknown-field", "a"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct api_batch batch;
    struct api_fault fault;
    if (api_publish_read(&world, str_of(rows[i].json), &batch, &fault))
      fail_msg("%s was taken", rows[i].json);
    if (fault.status != rows[i].status || strcmp(fault.code, rows[i].code) != 0 ||
        strcmp(fault.field, rows[i].field) != 0)
      fail_msg("%s: %u %s '%s' %s", rows[i].json, fault.status, fault.code, fault.field,
               fault.message);
    assert_true(utf8_valid(fault.message, strlen(fault.message)));
  }
}

static void what_the_broker_does_not_carry_is_refused(void **state)
{
  struct api_batch batch;
  struct api_fault fault;
  struct buf json = {0};
  (void)state;
  buf_put_str(&json, STR(AT ",\"body\":\""));
  for (int i = 0; i < 101; i++)
    buf_put_char(&json, 'x');
  buf_put_str(&json, STR("\"}"));
  assert_false(api_publish_read(&world, str_from(json.data, json.len), &batch, &fault));
  assert_int_equal(fault.status, 413);
  const struct message_limits limits = {.bytes = 20};
  message_set_limits(&limits);
  assert_false(api_publish_read(&world, STR(AT ",\"body\":\"\"}"), &batch, &fault));
  assert_int_equal(fault.status, 413);
  message_set_limits(&(struct message_limits){0});
  buf_free(&json);
}

static void faults_are_json(void **state)
{
  struct api_fault fault;
  struct buf out = {0};
  (void)state;
  (void)api_refuse(&fault, 400, "bad-value", "a\"b", "say \"%s\"\n", "\xc3\xa9");
  api_fault_put(&fault, &out);
  assert_str(str_from(out.data, out.len), "{\"code\":\"bad-value\",\"message\":\"say "
                                          "\\\"\xc3\xa9\\\"\\n\",\"field\":\"a\\\"b\"}\n");
  buf_free(&out);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bodies_come_in_three_forms),
      cmocka_unit_test(headers_keep_their_order),
      cmocka_unit_test(names_of_users_lead_to_their_topics),
      cmocka_unit_test(one_bad_message_spoils_the_batch),
      cmocka_unit_test(long_names_are_cut_between_characters),
      cmocka_unit_test(long_messages_are_cut_between_characters),
      cmocka_unit_test(what_is_no_json_is_told_in_whole_characters),
      cmocka_unit_test(faults_name_status_code_and_field),
      cmocka_unit_test(what_the_broker_does_not_carry_is_refused),
      cmocka_unit_test(faults_are_json),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
