/* What a server says of its role, and what follows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "redis_role.h"

static redisReply *parse(redisReader *reader, const char *resp)
{
  void *reply = NULL;
  assert_int_equal(redisReaderFeed(reader, resp, strlen(resp)), REDIS_OK);
  assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
  assert_non_null(reply);
  return reply;
}

typedef enum redis_verdict (*judge_fn)(struct redis_role_watch *, const redisReply *);

static enum redis_verdict judge(judge_fn fn, struct redis_role_watch *watch, const char *resp)
{
  redisReader *reader = redisReaderCreate();
  redisReply *reply = parse(reader, resp);
  enum redis_verdict verdict = fn(watch, reply);
  freeReplyObject(reply);
  redisReaderFree(reader);
  return verdict;
}

#define MASTER   "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"
#define REPLICA  "*5\r\n$5\r\nslave\r\n$8\r\n10.0.0.2\r\n:6380\r\n$9\r\nconnected\r\n:14\r\n"
#define BARE     "*1\r\n$5\r\nslave\r\n"
#define ODD      "*3\r\n$5\r\nslave\r\n:1\r\n$1\r\nx\r\n"
#define SENTINEL "*2\r\n$8\r\nsentinel\r\n*0\r\n"
#define NOPERM   "-NOPERM this user has no permissions\r\n"
#define LOADING  "-LOADING Redis is loading the dataset in memory\r\n"
#define UNKNOWN  "-ERR unknown command 'ROLE'\r\n"

static void roles_at_the_login_and_later(void **state)
{
  (void)state;
  static const struct {
    const char *reply;
    enum redis_role expected;
    bool logged_in;
    enum redis_verdict verdict;
    bool mute;
    const char *why; /* part of it */
  } cases[] = {
      {MASTER, REDIS_ROLE_MASTER, false, REDIS_ROLE_FITS, false, ""},
      {MASTER, REDIS_ROLE_PROVEN, true, REDIS_ROLE_FITS, false, ""},
      {REPLICA, REDIS_ROLE_MASTER, false, REDIS_ROLE_ASK_INFO, false,
       "it is a replica of 10.0.0.2:6380, "},
      {REPLICA, REDIS_ROLE_MASTER, true, REDIS_ROLE_ASK_INFO, false,
       "it has been made a replica of 10.0.0.2:6380, "},
      {BARE, REDIS_ROLE_MASTER, true, REDIS_ROLE_ASK_INFO, false, "been made a replica, "},
      {ODD, REDIS_ROLE_MASTER, false, REDIS_ROLE_ASK_INFO, false, "it is a replica, "},
      {REPLICA, REDIS_ROLE_PROVEN, false, REDIS_ROLE_WRONG, false, "a failover is under way"},
      {REPLICA, REDIS_ROLE_PROVEN, true, REDIS_ROLE_WRONG, false, "a replica of 10.0.0.2:6380"},
      {SENTINEL, REDIS_ROLE_MASTER, false, REDIS_ROLE_WRONG, false, "option sentinels"},
      {SENTINEL, REDIS_ROLE_PROVEN, true, REDIS_ROLE_WRONG, false, "it is a Sentinel"},
      {NOPERM, REDIS_ROLE_MASTER, false, REDIS_ROLE_FITS, true, ""},
      {NOPERM, REDIS_ROLE_MASTER, true, REDIS_ROLE_FITS, true, ""},
      {NOPERM, REDIS_ROLE_PROVEN, true, REDIS_ROLE_WRONG, false, "+role"},
      {UNKNOWN, REDIS_ROLE_MASTER, false, REDIS_ROLE_FITS, true, ""},
      {LOADING, REDIS_ROLE_MASTER, true, REDIS_ROLE_WRONG, false, "loading"},
      {"+OK\r\n", REDIS_ROLE_MASTER, false, REDIS_ROLE_FITS, false, ""},
      {"+OK\r\n", REDIS_ROLE_PROVEN, false, REDIS_ROLE_WRONG, false, "does not say"},
      {"*0\r\n", REDIS_ROLE_MASTER, false, REDIS_ROLE_FITS, false, ""},
      {"*1\r\n*-1\r\n", REDIS_ROLE_PROVEN, false, REDIS_ROLE_WRONG, false, "does not say"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct redis_role_watch watch = {.expected = cases[i].expected,
                                     .logged_in = cases[i].logged_in};
    assert_true(redis_role_asks(&watch));
    enum redis_verdict verdict = judge(redis_role_answer, &watch, cases[i].reply);
    if (verdict != cases[i].verdict || strstr(watch.why, cases[i].why) == NULL)
      fail_msg("case %zu: %d, %s", i, (int)verdict, watch.why);
    assert_int_equal(redis_role_asks(&watch), !cases[i].mute);
    if (verdict == REDIS_ROLE_WRONG)
      assert_int_not_equal(watch.status, PLUG_OK);
  }
  struct redis_role_watch any = {.expected = REDIS_ROLE_ANY};
  assert_false(redis_role_asks(&any));
}

static void a_replica_is_fine_in_a_cluster_and_stays_so(void **state)
{
  (void)state;
  struct redis_role_watch watch = {.expected = REDIS_ROLE_MASTER};
  assert_int_equal(judge(redis_role_answer, &watch, REPLICA), REDIS_ROLE_ASK_INFO);
  assert_int_equal(judge(redis_role_info, &watch, "$30\r\n# Cluster\r\ncluster_enabled:1\r\n\r\n"),
                   REDIS_ROLE_FITS);
  assert_int_equal(judge(redis_role_answer, &watch, REPLICA), REDIS_ROLE_FITS);
}

static void anywhere_else_it_is_not(void **state)
{
  (void)state;
  static const char *const infos[] = {"$30\r\n# Cluster\r\ncluster_enabled:0\r\n\r\n", "$0\r\n\r\n",
                                      "$-1\r\n", NOPERM, "*0\r\n"};
  for (size_t i = 0; i < sizeof infos / sizeof *infos; i++) {
    struct redis_role_watch watch = {.expected = REDIS_ROLE_MASTER, .logged_in = true};
    assert_int_equal(judge(redis_role_answer, &watch, REPLICA), REDIS_ROLE_ASK_INFO);
    assert_int_equal(judge(redis_role_info, &watch, infos[i]), REDIS_ROLE_WRONG);
    assert_non_null(strstr(watch.why, "10.0.0.2:6380"));
    assert_int_equal(watch.status, PLUG_EUNAVAIL);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(roles_at_the_login_and_later),
      cmocka_unit_test(a_replica_is_fine_in_a_cluster_and_stays_so),
      cmocka_unit_test(anywhere_else_it_is_not),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
