/* SPDX-License-Identifier: MIT
 *
 * The broker in the SDK's mock host. Built with PLUG_STATIC_PLUGIN, which names PLUG_ENTRY. */
#include <plug_mock_host.h>

#include <stdio.h>
#include <string.h>

static int failures;
#define CHECK(what) \
  ((what) ? (void)0 : (void)(failures++, fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what)))

static void test_comes_back(void)
{
  static const char *const options[] = {"max-payload", "5", NULL};
  struct plug_err err;
  struct plug_mock *mock = plug_mock_new(&PLUG_ENTRY, options, &err);
  CHECK(mock && plug_mock_start(mock) == PLUG_OK);
  if (!mock)
    return;
  struct plug_interest interest = {1, plug_mock_str("/topic/a"), 0};
  CHECK(plug_mock_subscribe(mock, &interest) == PLUG_OK);
  CHECK(plug_mock_publish(mock, "/topic/a", plug_mock_str("hello")) == PLUG_OK);
  CHECK(plug_mock_publish(mock, "/topic/a", plug_mock_str("hello!")) == PLUG_ETOOBIG);
  CHECK(plug_mock_deliveries(mock) == 1);
  CHECK(plug_mock_is(plug_mock_delivery(mock, 0, NULL)->payload, "hello"));
  CHECK(plug_mock_metric(mock, "published") == 1);
  plug_mock_deliver_status(mock, PLUG_EUNAVAIL);
  CHECK(plug_mock_publish(mock, "/topic/a", plug_mock_str("late")) == PLUG_EAGAIN);
  CHECK(plug_mock_unsubscribe(mock, &interest) == PLUG_OK);
  CHECK(plug_mock_free(mock) == 0);
}

static void test_reports(void)
{
  static const char *const options[] = {"report-every", "10m", NULL};
  struct plug_err err;
  struct plug_mock *mock = plug_mock_new(&PLUG_ENTRY, options, &err);
  CHECK(mock && plug_mock_start(mock) == PLUG_OK);
  if (!mock)
    return;
  plug_mock_advance(mock, 20 * 60 * 1000);
  CHECK(strcmp(plug_mock_log(mock), "info up for 600 s\ninfo up for 1200 s\n") == 0);
  CHECK(plug_mock_free(mock) == 0);
}

static void test_refuses_a_flood(void)
{
  static const char *const options[] = {"report-every", "10ms", NULL};
  struct plug_err err;
  CHECK(!plug_mock_new(&PLUG_ENTRY, options, &err));
  CHECK(err.code == PLUG_EINVAL && strstr(err.text, "report-every"));
}

int main(void)
{
  test_comes_back();
  test_reports();
  test_refuses_a_flood();
  return failures != 0;
}
