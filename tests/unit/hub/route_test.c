#include <stdio.h>

#include "hub_world.h"

/* From a report: nothing of it can be told apart before its end, and it repeats what may be empty.
 */
#define HOSTILE                                                                                   \
  "/topic/{x:(?:[^b]?[^c]?[^d]?[^e]?[^f]?[^g]?[^h]?[^i]?[^j]?[^k]?[^l]?[^m]?[^n]?[^o]?[^p]?[^q]?" \
  "[^r]?[^s]?)*}z"

static char longest[1001]; /* "/topic/aaa..." */

static void make_longest(void)
{
  memset(longest, 'a', sizeof longest - 1);
  memcpy(longest, "/topic/", 7);
}

static void subscribe_hostile(int client, unsigned n)
{
  for (unsigned i = 0; i < n; i++) {
    char id[16], pattern[300];
    snprintf(id, sizeof id, "%u", i);
    snprintf(pattern, sizeof pattern, HOSTILE "%d-%u", client, i);
    subscribe(client, id, pattern);
  }
}

static void hostile_patterns_cost_a_bounded_number_of_steps(void **state)
{
  (void)state;
  make_longest();
  w.hub.max_pattern_steps = 100000;
  for (int client = 0; client < 7; client++)
    subscribe_hostile(client, 1000);
  subscribe(7, "honest", "/topic/{name:[a-z]+}");
  int64_t counted = counter_read(COUNTER_refused_pattern_steps);
  uint64_t before = w.hub.pattern_steps;
  publish(longest, 1);
  uint64_t steps = w.hub.pattern_steps - before;
  assert_true(steps <= 7 * 100100 + 10000); /* of 7,000 times 50,000 */
  assert_int_equal(w.costly, 7);            /* each is reported once */
  assert_int_equal(counter_read(COUNTER_refused_pattern_steps) - counted, 7);
  for (int client = 0; client < 7; client++) {
    assert_true(w.clients[client].queue.overflow);
    assert_int_equal(w.clients[client].queue.pattern_steps, 0);
  }
  assert_int_equal(n_frames(7), 1);
  before = w.hub.pattern_steps;
  publish("/topic/b", 2); /* they have not ended yet, and cost nothing any more */
  assert_true(w.hub.pattern_steps - before < 100);
  assert_int_equal(w.costly, 7);
}

static void patterns_of_all_kinds_are_counted(void **state)
{
  (void)state;
  static const char *const patterns[] = {
      "/topic/*a*a*a*a*a*a*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
      "/**/*a*/**/*a*/**/*a*/**/*a*/**/*a*/**/*a*/**/b",
      "/**/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/b",
      "/topic/{x:(a|a)*(a|aa)+(a?){50}b}",
      "/topic/{x:(?:[bcdfghjklmnpqrstvwxzBCDFGHJKLMNPQRSTVWXZ]?.){60}}",
      "/**/{a:(a*)*}/{b:(a*)*}/**/{c:(a+)+}/{d:(a+)+b}",
  };
  for (int slashes = 0; slashes < 2; slashes++) {
    make_longest();
    for (size_t i = 8; slashes && i < sizeof longest - 1; i += 2)
      longest[i] = '/';
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
      struct plug_err err;
      struct pattern *pattern = pattern_compile(str_of(patterns[i]), &err);
      assert_non_null(pattern);
      uint64_t enough = UINT64_MAX, left;
      bool matches = pattern_match_within(pattern, str_of(longest), &enough);
      uint64_t needed = UINT64_MAX - enough;
      assert_true(needed > 0);
      left = needed + 1;
      assert_int_equal(pattern_match_within(pattern, str_of(longest), &left), matches);
      assert_int_equal(left, 1);
      for (left = needed; left > 1; left /= 7) { /* whatever is missing */
        uint64_t short_of = left;
        assert_false(pattern_match_within(pattern, str_of(longest), &short_of));
        assert_int_equal(short_of, 0);
      }
      pattern_free(pattern);
    }
  }
}

static void a_pattern_that_several_have_is_paid_by_who_still_can(void **state)
{
  (void)state;
  make_longest();
  w.hub.max_pattern_steps = 100000;
  subscribe_hostile(0, 10); /* more than it may spend */
  subscribe(0, "shared", "/topic/{name:[a-z]+}");
  subscribe(1, "shared", "/topic/{name:[a-z]+}");
  publish(longest, 1);
  assert_int_equal(w.costly, 1);
  assert_ptr_equal(w.last->owner, &w.clients[0]);
  assert_int_equal(n_frames(1), 1);
}

static void what_is_left_of_a_turn_comes_first_in_the_next_one(void **state)
{
  (void)state;
  char topic[1001];
  make_longest();
  for (int client = 0; client < 6; client++)
    subscribe_hostile(client, 2); /* all are within the limit */
  subscribe(7, "all", "/topic/*");
  for (unsigned i = 0; i < 10; i++) {
    memcpy(topic, longest, sizeof topic);
    topic[7] = (char)('A' + i); /* a destination of its own: the cache does not help */
    const struct plug_msg *msg = message(topic, i, STR("x"));
    assert_int_equal(interest_deliver(w.table, 0, msg), PLUG_OK);
    message_unref(msg);
  }
  unsigned turns = 0;
  do {
    uint64_t before = w.hub.pattern_steps;
    uint32_t delivered = n_frames(7);
    hub_take_some(&w.hub, &w.post.inbox);
    /* One message at least, and no other once the turn has had its share. */
    assert_true(n_frames(7) > delivered);
    uint64_t of_one = (w.hub.pattern_steps - before) / (n_frames(7) - delivered);
    assert_true(w.hub.pattern_steps - before < HUB_TURN_STEPS + 2 * of_one);
    turns++;
    const struct plug_msg *late = message("/topic/late", 100 + turns, STR("x"));
    if (turns == 1)
      assert_int_equal(interest_deliver(w.table, 0, late), PLUG_OK);
    message_unref(late);
  } while (hub_has_left(&w.hub));
  assert_true(turns > 2);
  hub_take_some(&w.hub, &w.post.inbox);
  assert_int_equal(n_frames(7), 11);
  for (uint32_t i = 0; i < 10; i++) {
    char start[80];
    int n = snprintf(start, sizeof start, "MESSAGE\nsubscription:all\ndestination:/topic/%c",
                     'A' + (int)i);
    assert_memory_equal(frame_text(frame_at(7, i)).ptr, start, (size_t)n);
  }
  assert_int_equal(w.costly, 0);
  assert_int_equal(atomic_load(&w.post.inbox.load), 0);
}

static void the_cache_is_bounded_in_bytes(void **state)
{
  (void)state;
  int64_t counted = counter_read(COUNTER_route_cache_full);
  w.hub.max_route_bytes = 100000;
  for (int i = 0; i < 100; i++) {
    char pattern[32], id[16];
    snprintf(pattern, sizeof pattern, "/sub/{n%d}", i);
    snprintf(id, sizeof id, "%d", i);
    subscribe(0, id, pattern);
  }
  size_t most = 0;
  for (unsigned i = 0; i < 1000; i++) {
    char topic[32];
    snprintf(topic, sizeof topic, "/sub/%u", i);
    publish(topic, i);
    forget_frames();
    most = w.hub.route_bytes > most ? w.hub.route_bytes : most;
  }
  assert_true(most > 90000 && most < 100000 + 2000); /* a route is at most so large here */
  assert_true(counter_read(COUNTER_route_cache_full) - counted >= 10);
  assert_true(w.hub.routes.count < 100);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(hostile_patterns_cost_a_bounded_number_of_steps),
      TEST(patterns_of_all_kinds_are_counted),
      TEST(a_pattern_that_several_have_is_paid_by_who_still_can),
      TEST(what_is_left_of_a_turn_comes_first_in_the_next_one),
      TEST(the_cache_is_bounded_in_bytes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
