/* What an idle connection holds, as docs/performance.md ("Memory of a connection") has it. Whoever
 * lets one of these grow pays for it a million times, and writes it down there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "hub/topic.h"
#include "net/ws_conn.h"

struct part {
  const char *name;
  size_t size, documented;
};

#define PART(type, documented) {#type, sizeof(type), documented}

/* Pointers of 64 bits; elsewhere the figures are others. */
static const struct part parts[] = {PART(struct ws_conn, 656),     PART(struct conn, 600),
                                    PART(struct session, 352),     PART(struct outq, 96),
                                    PART(struct timer, 32),        PART(struct watch, 24),
                                    PART(struct net_peer, 18),     PART(struct subscription, 72),
                                    PART(struct poller_place, 16), PART(struct ws_reader, 48)};

static void what_each_connection_has_is_no_larger_than_documented(void **state)
{
  (void)state;
  if (sizeof(void *) != 8)
    skip();
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (parts[i].size > parts[i].documented)
      print_error("%s takes %zu bytes, docs/performance.md says %zu\n", parts[i].name,
                  parts[i].size, parts[i].documented);
    assert_true(parts[i].size <= parts[i].documented);
  }
}

/* A kilobyte over WebSocket, and 0.8 over TCP, with what the tables and arrays of the worker have
 * for each at their emptiest: just grown to twice the size. */
static void an_idle_subscribed_connection_is_within_its_budget(void **state)
{
  (void)state;
  const size_t beside = sizeof(struct subscription) +
                        2 * (sizeof(struct outq *) + sizeof(struct subscription *)) + /* group */
                        2 * sizeof(struct subscription *) +                           /* table */
                        2 * sizeof(struct poller_place);
  const size_t chunk = SLAB_CHUNK_BYTES - 64;
  assert_true(chunk / (chunk / sizeof(struct ws_conn)) + beside <= 1000);
  assert_true(chunk / (chunk / sizeof(struct conn)) + beside <= 800);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_each_connection_has_is_no_larger_than_documented),
      cmocka_unit_test(an_idle_subscribed_connection_is_within_its_budget),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
