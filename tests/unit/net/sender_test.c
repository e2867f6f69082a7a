/* Many sends at once, with and without a ring, over socket pairs. */
#include "net/sender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Enough for a submission; fewer than that are sent one by one. */
#define MANY (SENDER_RING_WORTH + 40)
#define FEW  (SENDER_RING_WORTH - 1)

struct pairs {
  struct sender *sender;
  struct sender_request requests[MANY];
  int far[MANY];
  char texts[MANY][32];
};

static void open_pairs(struct pairs *pairs, bool want_ring, size_t n)
{
  const char *why;
  pairs->sender = sender_new(want_ring, &why);
  assert_non_null(pairs->sender);
  if (want_ring && why)
    print_message("without a ring here: %s\n", why);
  for (size_t i = 0; i < n; i++) {
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    pairs->far[i] = ends[1];
    snprintf(pairs->texts[i], sizeof pairs->texts[i], "message %zu", i);
    pairs->requests[i] = (struct sender_request){
        .fd = ends[0], .bytes = {pairs->texts[i], strlen(pairs->texts[i])}, .result = -1000};
  }
}

static void close_pairs(struct pairs *pairs, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    close(pairs->requests[i].fd);
    if (pairs->far[i] >= 0)
      close(pairs->far[i]);
  }
  sender_free(pairs->sender);
}

static void expect_text(const struct pairs *pairs, size_t i)
{
  char got[64];
  assert_int_equal(pairs->requests[i].result, pairs->requests[i].bytes.len);
  assert_int_equal(recv(pairs->far[i], got, sizeof got, MSG_DONTWAIT),
                   pairs->requests[i].bytes.len);
  assert_memory_equal(got, pairs->texts[i], pairs->requests[i].bytes.len);
}

static void all_arrive(bool want_ring, size_t n)
{
  static struct pairs pairs;
  open_pairs(&pairs, want_ring, n);
  for (int round = 0; round < 3; round++) {
    sender_run(pairs.sender, pairs.requests, n);
    for (size_t i = 0; i < n; i++)
      expect_text(&pairs, i);
  }
  close_pairs(&pairs, n);
}

static void few_sends_arrive(void **state)
{
  (void)state;
  all_arrive(true, FEW);
  all_arrive(false, FEW);
}

static void many_sends_arrive(void **state)
{
  (void)state;
  all_arrive(true, MANY);
  all_arrive(false, MANY);
}

/* One socket takes a part, one nothing, one has nobody at its other end; the rest does not mind. */
static void each_send_has_its_own_result(bool want_ring)
{
  static struct pairs pairs;
  enum { PART = 3, FULL = 70, GONE = MANY - 1 };
  size_t len = 16u << 20;
  char *large = calloc(1, len);
  assert_non_null(large);
  open_pairs(&pairs, want_ring, MANY);
  pairs.requests[PART].bytes = (struct plug_str){large, len};
  while (sender_send(pairs.requests[FULL].fd, (struct plug_str){large, len}) > 0)
    ;
  close(pairs.far[GONE]);
  pairs.far[GONE] = -1;
  sender_run(pairs.sender, pairs.requests, MANY);
  assert_true(pairs.requests[PART].result > 0 && pairs.requests[PART].result < (ssize_t)len);
  assert_int_equal(pairs.requests[FULL].result, -EAGAIN);
  assert_int_equal(pairs.requests[GONE].result, -EPIPE);
  for (size_t i = 0; i < MANY; i++)
    if (i != PART && i != FULL && i != GONE)
      expect_text(&pairs, i);
  close_pairs(&pairs, MANY);
  free(large);
}

static void a_short_send_and_a_failed_one_are_told(void **state)
{
  (void)state;
  each_send_has_its_own_result(true);
  each_send_has_its_own_result(false);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(few_sends_arrive),
      cmocka_unit_test(many_sends_arrive),
      cmocka_unit_test(a_short_send_and_a_failed_one_are_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
