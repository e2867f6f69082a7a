/* Beats as they are written and read, and what is known of nodes by them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "ops/nodes.h"

static struct node_beat beat_of(unsigned instance)
{
  struct node_beat beat = {.version = "0.1.0",
                           .state = "ready",
                           .broker = "up",
                           .host = "h\xc3\xa4us",
                           .pid = 7,
                           .uptime_ms = 1000,
                           .connections = 3,
                           .sessions = 2,
                           .interval_ms = 5000,
                           .day_ms = 1700000000123,
                           .in_per_s = 1.5,
                           .out_per_s = 2.25,
                           .wanted = true};
  snprintf(beat.instance, sizeof beat.instance, "%016x", instance);
  return beat;
}

static void a_beat_is_read_as_it_was_written(void **state)
{
  (void)state;
  struct node_beat beat = beat_of(1), read;
  struct buf text = {0};
  assert_true(node_beat_put(&beat, &text));
  assert_true(node_beat_read(str_from(text.data, text.len), &read));
  assert_string_equal(read.instance, beat.instance);
  assert_string_equal(read.version, beat.version);
  assert_string_equal(read.state, beat.state);
  assert_string_equal(read.broker, beat.broker);
  assert_string_equal(read.host, beat.host);
  assert_int_equal(read.pid, 7);
  assert_int_equal(read.uptime_ms, 1000);
  assert_int_equal(read.connections, 3);
  assert_int_equal(read.sessions, 2);
  assert_int_equal(read.interval_ms, 5000);
  assert_int_equal(read.day_ms, 1700000000123);
  assert_true(read.in_per_s == 1.5 && read.out_per_s == 2.25);
  assert_true(read.wanted);
  buf_free(&text);
}

static void what_is_no_beat_is_not_read(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "",
      "[]",
      "{}",
      "{\"version\":1,\"order\":\"beat\"}",
      "{\"version\":2,\"order\":\"beat\",\"instance\":\"0123456789abcdef\",\"interval\":5000}",
      "{\"version\":1,\"order\":\"bat\",\"instance\":\"0123456789abcdef\",\"interval\":5000}",
      "{\"version\":1,\"order\":\"beat\",\"instance\":\"0123456789ABCDEF\",\"interval\":5000}",
      "{\"version\":1,\"order\":\"beat\",\"instance\":\"0123456789abcde\",\"interval\":5000}",
      "{\"version\":1,\"order\":\"beat\",\"instance\":\"0123456789abcdef\",\"interval\":999}",
      "{\"version\":1,\"order\":\"beat\",\"instance\":\"0123456789abcdef\",\"interval\":300001}",
  };
  struct node_beat beat;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    assert_false(node_beat_read(str_of(texts[i]), &beat));
  assert_true(node_beat_read(STR("{\"version\":1,\"order\":\"beat\",\"instance\":"
                                 "\"0123456789abcdef\",\"interval\":1000,\"pid\":-4,\"in\":-1,"
                                 "\"state\":7,\"host\":\"a\\nb\",\"new\":true}"),
                             &beat));
  assert_int_equal(beat.pid, 0);
  assert_string_equal(beat.state, "");
  assert_string_equal(beat.host, "a b");
  assert_true(beat.in_per_s == 0);
}

/* "name instance-number self, ..." */
static void expect(struct nodes *nodes, const char *self, uint64_t now_ms, const char *joined)
{
  char text[512] = "";
  json_t *list = nodes_list(nodes, self, now_ms), *item;
  size_t i;
  assert_non_null(list);
  json_array_foreach(list, i, item)
  {
    strcat(text, json_string_value(json_object_get(item, "node")));
    if (json_is_true(json_object_get(item, "self")))
      strcat(text, "*");
    strcat(text, " ");
  }
  json_decref(list);
  assert_string_equal(text, joined);
}

static void nodes_are_gone_after_three_missed_beats(void **state)
{
  (void)state;
  struct nodes *nodes = nodes_new();
  struct node_beat one = beat_of(1), two = beat_of(2);
  assert_true(nodes_hear(nodes, STR("b"), &one, 1000));
  assert_true(nodes_hear(nodes, STR("a"), &two, 2000));
  expect(nodes, one.instance, 3000, "a b* ");
  expect(nodes, one.instance, 16000, "a b* ");
  expect(nodes, one.instance, 16001, "a ");
  expect(nodes, one.instance, 17001, "");
  nodes_free(nodes);
}

static void two_of_one_name_are_two_unless_one_has_started_anew(void **state)
{
  (void)state;
  struct nodes *nodes = nodes_new();
  struct node_beat one = beat_of(1), two = beat_of(2);
  assert_true(nodes_hear(nodes, STR("a"), &one, 1000));
  assert_true(nodes_hear(nodes, STR("a"), &two, 2000));
  expect(nodes, two.instance, 2000, "a a* ");
  assert_true(nodes_hear(nodes, STR("a"), &two, 7000));
  expect(nodes, two.instance, 7000, "a a* ");
  assert_true(nodes_hear(nodes, STR("a"), &two, 8501)); /* the other has missed a beat */
  expect(nodes, two.instance, 8501, "a* ");
  nodes_free(nodes);
}

static void there_are_so_many_at_most_and_names_are_text(void **state)
{
  (void)state;
  struct nodes *nodes = nodes_new();
  for (unsigned i = 0; i < NODES_MAX; i++) {
    struct node_beat beat = beat_of(i);
    assert_true(nodes_hear(nodes, STR("a"), &beat, 1000));
  }
  struct node_beat more = beat_of(NODES_MAX);
  assert_false(nodes_hear(nodes, STR("a"), &more, 1000));
  assert_false(nodes_hear(nodes, STR(""), &more, 20000));
  assert_false(nodes_hear(nodes, STR("\xff"), &more, 20000));
  assert_false(nodes_hear(nodes, STR("a\0b"), &more, 20000));
  assert_true(nodes_hear(nodes, STR("a"), &more, 20000));
  expect(nodes, "", 20000, "a ");
  nodes_free(nodes);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_beat_is_read_as_it_was_written),
      cmocka_unit_test(what_is_no_beat_is_not_read),
      cmocka_unit_test(nodes_are_gone_after_three_missed_beats),
      cmocka_unit_test(two_of_one_name_are_two_unless_one_has_started_anew),
      cmocka_unit_test(there_are_so_many_at_most_and_names_are_text),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
