/* Answers kept for requests that come again; and the ring of keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "api/api_keyring.h"
#include "api/api_memory.h"
#include "base/counter.h"
#include "base/str.h"

static struct api_memory *memory;
static struct api_memory_entry *entry;
static uint64_t answer;

static enum api_memory_verdict begin(const char *owner, const char *key, const char *request,
                                     uint64_t now_ms)
{
  return api_memory_begin(memory, str_of(owner), str_of(key), str_of(request), now_ms, &entry,
                          &answer);
}

static void done(const char *owner, const char *key, const char *request, uint64_t now_ms,
                 uint64_t n)
{
  assert_int_equal(begin(owner, key, request, now_ms), API_MEMORY_NEW);
  assert_non_null(entry);
  api_memory_end(memory, entry, true, n);
}

static void the_same_request_gets_the_same_answer(void **state)
{
  (void)state;
  memory = api_memory_new(10, 1000);
  assert_int_equal(begin("a", "k", "r", 0), API_MEMORY_NEW);
  struct api_memory_entry *first = entry;
  assert_int_equal(begin("a", "k", "r", 0), API_MEMORY_UNDER_WAY);
  assert_int_equal(begin("a", "k", "s", 0), API_MEMORY_OTHER);
  api_memory_end(memory, first, true, 7);
  assert_int_equal(begin("a", "k", "r", 10), API_MEMORY_DONE);
  assert_int_equal(answer, 7);
  assert_int_equal(begin("a", "k", "s", 10), API_MEMORY_OTHER);
  assert_int_equal(begin("b", "k", "s", 10), API_MEMORY_NEW); /* of another's key */
  api_memory_end(memory, entry, true, 1);
  assert_int_equal(begin("ak", "", "r", 10), API_MEMORY_NEW); /* nor do parts run together */
  api_memory_end(memory, entry, false, 0);
  api_memory_free(memory);
}

static void what_failed_is_not_kept(void **state)
{
  (void)state;
  memory = api_memory_new(10, 1000);
  assert_int_equal(begin("a", "k", "r", 0), API_MEMORY_NEW);
  api_memory_end(memory, entry, false, 0);
  assert_int_equal(begin("a", "k", "s", 0), API_MEMORY_NEW);
  api_memory_end(memory, entry, true, 1);
  api_memory_end(memory, NULL, true, 1);
  api_memory_free(memory);
}

static void answers_are_kept_for_their_time(void **state)
{
  (void)state;
  memory = api_memory_new(10, 1000);
  done("a", "k", "r", 0, 1);
  assert_int_equal(begin("a", "k", "r", 999), API_MEMORY_DONE);
  done("a", "k", "s", 1000, 2);
  assert_int_equal(begin("a", "k", "s", 1999), API_MEMORY_DONE);
  api_memory_free(memory);
}

static void the_oldest_makes_room(void **state)
{
  (void)state;
  int64_t forgotten = counter_read(COUNTER_api_forgotten);
  int64_t remembered = counter_read(COUNTER_api_remembered);
  memory = api_memory_new(2, 1000);
  assert_int_equal(begin("a", "under way", "r", 0), API_MEMORY_NEW);
  struct api_memory_entry *under_way = entry;
  done("a", "1", "r", 1, 1);
  done("a", "2", "r", 2, 1);
  assert_int_equal(counter_read(COUNTER_api_forgotten), forgotten + 1);
  assert_int_equal(counter_read(COUNTER_api_remembered), remembered + 2);
  assert_int_equal(begin("a", "2", "r", 3), API_MEMORY_DONE);
  assert_int_equal(begin("a", "1", "r", 3), API_MEMORY_NEW);
  struct api_memory_entry *second = entry;
  assert_int_equal(begin("a", "3", "r", 3), API_MEMORY_NEW);
  assert_null(entry); /* all that there is room for is under way */
  api_memory_end(memory, under_way, true, 5);
  api_memory_end(memory, second, true, 6);
  assert_int_equal(begin("a", "under way", "r", 4), API_MEMORY_DONE);
  assert_int_equal(answer, 5);
  api_memory_free(memory);
  assert_int_equal(counter_read(COUNTER_api_remembered), remembered);
}

static void what_is_under_way_stays_while_answers_end(void **state)
{
  enum { N = 100 };
  struct api_memory_entry *under_way[N];
  char key[16];
  int64_t remembered = counter_read(COUNTER_api_remembered);
  (void)state;
  memory = api_memory_new(2 * N, 1000);
  for (int i = 0; i < N; i++) {
    snprintf(key, sizeof key, "u%d", i);
    assert_int_equal(begin("a", key, "r", 0), API_MEMORY_NEW);
    under_way[i] = entry;
    snprintf(key, sizeof key, "d%d", i);
    done("a", key, "r", 0, 1);
  }
  assert_int_equal(counter_read(COUNTER_api_remembered), remembered + 2 * N);
  assert_int_equal(begin("a", "later", "r", 5000), API_MEMORY_NEW);
  assert_non_null(entry);
  assert_int_equal(counter_read(COUNTER_api_remembered), remembered + N + 1);
  for (int i = 0; i < N; i++) {
    snprintf(key, sizeof key, "u%d", i);
    assert_int_equal(begin("a", key, "r", 5000), API_MEMORY_UNDER_WAY);
    if (i % 2)
      api_memory_end(memory, under_way[i], true, 1);
  }
  api_memory_free(memory); /* with what is under way */
  assert_int_equal(counter_read(COUNTER_api_remembered), remembered);
}

static void nothing_is_remembered_where_that_is_off(void **state)
{
  (void)state;
  memory = api_memory_new(0, 1000);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(begin("a", "k", "r", 0), API_MEMORY_NEW);
    assert_null(entry);
  }
  api_memory_free(memory);
}

static void keys_are_found_whole(void **state)
{
  static const struct api_key_init init[] = {{"one", "0123456789abcdef", 1},
                                             {"two", "0123456789abcdeg", 2},
                                             {"three", "0123456789abcde", 4}};
  (void)state;
  struct api_keyring *keys = api_keyring_new(init, 3);
  for (size_t i = 0; i < 3; i++) {
    const struct api_key *key = api_keyring_find(keys, str_of(init[i].secret));
    assert_non_null(key);
    assert_string_equal(key->name, init[i].name);
    assert_int_equal(key->rights, init[i].rights);
  }
  static const char *const wrong[] = {"", "0123456789abcd", "0123456789ABCDEF",
                                      "0123456789abcdef "};
  for (size_t i = 0; i < 4; i++)
    assert_null(api_keyring_find(keys, str_of(wrong[i])));
  api_keyring_free(keys);
  api_keyring_free(NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_same_request_gets_the_same_answer),
      cmocka_unit_test(what_failed_is_not_kept),
      cmocka_unit_test(answers_are_kept_for_their_time),
      cmocka_unit_test(the_oldest_makes_room),
      cmocka_unit_test(what_is_under_way_stays_while_answers_end),
      cmocka_unit_test(nothing_is_remembered_where_that_is_off),
      cmocka_unit_test(keys_are_found_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
