#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "message/envelope.h"
#include "message/message.h"

/* topic "/t", origin "n", id 1 */
#define TOPIC  "\x01\0\0\0\x02/t"
#define ORIGIN "\x03\0\0\0\x01n"
#define ID     "\x04\0\0\0\x08\0\0\0\0\0\0\0\x01"
#define LEAST  "\xb5\x01" TOPIC ORIGIN ID

static const struct plug_msg *sample(size_t n_headers, struct plug_str payload)
{
  struct plug_kv *headers = calloc(n_headers + 1, sizeof *headers);
  assert_non_null(headers);
  for (size_t i = 0; i < n_headers; i++)
    headers[i] = (struct plug_kv){STR("name"), i % 2 ? STR("va:lue\n") : STR("")};
  struct plug_msg_init init = {.size = sizeof init,
                               .topic = STR("/sub/caf\xc3\xa9"),
                               .content_type = STR("text/plain"),
                               .payload = payload,
                               .headers = headers,
                               .n_headers = n_headers};
  const struct plug_msg *msg = message_new_from(&init, STR("node-7"), 0x0102030405060708u);
  assert_non_null(msg);
  free(headers);
  return msg;
}

static void expect_same(const struct plug_msg *a, const struct plug_msg *b)
{
  assert_true(str_eq(a->topic, b->topic));
  assert_true(str_eq(a->content_type, b->content_type));
  assert_true(str_eq(a->origin, b->origin));
  assert_true(str_eq(a->payload, b->payload));
  assert_true(a->id == b->id);
  assert_int_equal(a->flags, b->flags);
  assert_int_equal(a->n_headers, b->n_headers);
  for (size_t i = 0; i < a->n_headers; i++) {
    assert_true(str_eq(a->headers[i].key, b->headers[i].key));
    assert_true(str_eq(a->headers[i].value, b->headers[i].value));
  }
}

static void messages_survive_the_round_trip(void **state)
{
  (void)state;
  static const size_t counts[] = {0, 1, 2, 32, 33, 500};
  const struct plug_str payloads[] = {STR(""), STR("hello"), STR("\0\xff\xb5\x01")};
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
    for (size_t k = 0; k < 3; k++) {
      const struct plug_msg *msg = sample(counts[i], payloads[k]);
      struct buf wire = {0};
      envelope_put(&wire, msg);
      assert_false(wire.failed);
      const char *why = NULL;
      const struct plug_msg *back = envelope_parse(str_from(wire.data, wire.len), &why);
      assert_non_null(back);
      expect_same(msg, back);
      message_unref(back);
      message_unref(msg);
      buf_free(&wire);
    }
}

static void bytes_on_the_wire_are_as_documented(void **state)
{
  (void)state;
  struct plug_kv header = {STR("k"), STR("vw")};
  struct plug_msg_init init = {.size = sizeof init,
                               .topic = STR("/t"),
                               .content_type = STR("ct"),
                               .payload = STR("\xff"),
                               .headers = &header,
                               .n_headers = 1};
  const struct plug_msg *msg = message_new_from(&init, STR("n"), 0x0102030405060708u);
  struct plug_str expected = STR("\xb5\x01" TOPIC "\x02\0\0\0\x02"
                                 "ct" ORIGIN "\x04\0\0\0\x08\1\2\3\4\5\6\7\10"
                                 "\x07\0\0\0\x04\0\0\0\1"
                                 "\x06\0\0\0\x07\0\0\0\1kvw"
                                 "\x05\0\0\0\1\xff");
  struct plug_str wire = message_encoded(msg);
  assert_true(str_eq(wire, expected));
  message_unref(msg);
}

static void expect_refused(struct plug_str wire, const char *sentence)
{
  const char *why = NULL;
  const struct plug_msg *msg = envelope_parse(wire, &why);
  assert_null(msg);
  assert_non_null(why);
  if (!strstr(why, sentence))
    fail_msg("'%s' instead of '%s'", why, sentence);
}

static void truncated_messages_are_refused_or_whole(void **state)
{
  (void)state;
  /* Payload last, so that a cut between fields would pass for a message without one. */
  const struct plug_msg *msg = sample(2, STR("payload"));
  struct plug_str wire = message_encoded(msg);
  size_t payload_field = 5 + msg->payload.len;
  for (size_t len = 0; len < wire.len; len++) {
    char *exact = malloc(len ? len : 1); /* so that reading past it is seen */
    assert_non_null(exact);
    memcpy(exact, wire.ptr, len);
    const char *why = NULL;
    const struct plug_msg *cut = envelope_parse(str_from(exact, len), &why);
    if (cut) {
      /* only at a field's border, behind all that is required */
      assert_true(len <= wire.len - payload_field);
      assert_true(str_eq(cut->topic, msg->topic));
      assert_true(cut->id == msg->id);
      assert_int_equal(cut->payload.len, 0);
      message_unref(cut);
    } else {
      assert_non_null(why);
    }
    free(exact);
  }
  message_unref(msg);
}

static void unknown_tags_are_skipped(void **state)
{
  (void)state;
  const char *why = NULL;
  const struct plug_msg *msg =
      envelope_parse(STR("\xb5\x01\x63\0\0\0\x03xyz" TOPIC ORIGIN ID "\0\0\0\0\0\xff\0\0\0\1\xff"
                         "\x63\0\0\0\0"),
                     &why);
  assert_non_null(msg);
  assert_true(str_eq(msg->topic, STR("/t")));
  assert_int_equal(msg->n_headers, 0);
  message_unref(msg);
}

static void flags_of_the_sender_are_not_believed(void **state)
{
  (void)state;
  const char *why = NULL;
  const struct plug_msg *msg =
      envelope_parse(STR(LEAST "\x07\0\0\0\4\0\0\0\0\x05\0\0\0\1\xff"), &why);
  assert_int_equal(msg->flags, PLUG_MSG_BINARY);
  message_unref(msg);
  msg = envelope_parse(STR(LEAST "\x07\0\0\0\4\xff\xff\xff\xff\x05\0\0\0\1x"), &why);
  assert_int_equal(msg->flags, 0);
  message_unref(msg);
}

static void malformed_messages_are_refused_with_a_sentence(void **state)
{
  (void)state;
  expect_refused((struct plug_str){NULL, 0}, "no message");
  expect_refused(STR("\xb5"), "no message");
  expect_refused(STR("{\"a\":1}"), "no message");
  expect_refused(STR("\xb5\x02" TOPIC ORIGIN ID), "newer version");
  expect_refused(STR("\xb5\xff"), "newer version");
  expect_refused(STR("\xb5\0" TOPIC ORIGIN ID), "unknown version");
  expect_refused(STR("\xb5\x01"), "missing");
  expect_refused(STR("\xb5\x01" ORIGIN ID), "missing");
  expect_refused(STR("\xb5\x01" TOPIC ID), "missing");
  expect_refused(STR("\xb5\x01" TOPIC ORIGIN), "missing");
  expect_refused(STR(LEAST TOPIC), "repeat");
  expect_refused(STR(LEAST "\x05\0\0\0\0\x05\0\0\0\0"), "repeat");
  expect_refused(STR("\xb5\x01\x01\0\0\0\0" ORIGIN ID), "empty");
  expect_refused(STR("\xb5\x01" TOPIC "\x03\0\0\0\0" ID), "empty");
  expect_refused(STR("\xb5\x01" TOPIC ORIGIN "\x04\0\0\0\x04\0\0\0\1"), "id is not 8");
  expect_refused(STR(LEAST "\x07\0\0\0\1\0"), "flags are not 4");
  expect_refused(STR(LEAST "\x05\xff\xff\xff\xff"), "longer than the rest");
  expect_refused(STR(LEAST "\x63\0\0\0\2x"), "longer than the rest");
  expect_refused(STR(LEAST "\x63\0\0"), "ends within");
  expect_refused(STR(LEAST "\x06\0\0\0\3\0\0\0"), "no name");
  expect_refused(STR(LEAST "\x06\0\0\0\5\0\0\0\0v"), "no name");
  expect_refused(STR(LEAST "\x06\0\0\0\5\0\0\0\2k"), "longer than the header");
  expect_refused(STR(LEAST "\x06\0\0\0\5\xff\xff\xff\xffk"), "longer than the header");
  expect_refused(STR(LEAST "\x06\0\0\0\5\0\0\0\1\xff"), "header is not text");
  expect_refused(STR(LEAST "\x06\0\0\0\6\0\0\0\1k\0"), "header is not text");
  expect_refused(STR("\xb5\x01\x01\0\0\0\2/\xff" ORIGIN ID), "topic is not text");
  expect_refused(STR("\xb5\x01\x01\0\0\0\2/\0" ORIGIN ID), "topic is not text");
  expect_refused(STR("\xb5\x01" TOPIC "\x03\0\0\0\1\xff" ID), "origin is not text");
  expect_refused(STR(LEAST "\x02\0\0\0\1\xff"), "content type is not text");
}

static void lengths_that_the_format_cannot_say_fail(void **state)
{
  (void)state;
  struct plug_msg msg = {.size = sizeof msg, .topic = STR("/t"), .origin = STR("n")};
  msg.payload = (struct plug_str){"x", SIZE_MAX / 2};
  struct buf out = {0};
  envelope_put(&out, &msg);
  assert_true(out.failed);
  buf_free(&out);
}

static int nothing_is_left(void **state)
{
  (void)state;
  return message_count_alive() > 0;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(messages_survive_the_round_trip),
      cmocka_unit_test(bytes_on_the_wire_are_as_documented),
      cmocka_unit_test(truncated_messages_are_refused_or_whole),
      cmocka_unit_test(unknown_tags_are_skipped),
      cmocka_unit_test(flags_of_the_sender_are_not_believed),
      cmocka_unit_test(malformed_messages_are_refused_with_a_sentence),
      cmocka_unit_test(lengths_that_the_format_cannot_say_fail),
  };
  return cmocka_run_group_tests(tests, NULL, nothing_is_left);
}
