/* SPDX-License-Identifier: MIT
 *
 * The auth plugin in the SDK's mock host. Built with PLUG_STATIC_PLUGIN, which names PLUG_ENTRY. */
#include <plug_mock_host.h>

#include <stdio.h>
#include <string.h>

static int failures;
#define CHECK(what) \
  ((what) ? (void)0 : (void)(failures++, fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what)))

static struct plug_mock_verdict ask(struct plug_mock *mock, const char *login, const char *passcode)
{
  struct plug_auth_request request;
  struct plug_mock_verdict verdict;
  memset(&request, 0, sizeof request);
  request.stage = PLUG_STAGE_CONNECT;
  request.login = plug_mock_str(login);
  request.passcode = plug_mock_str(passcode);
  plug_mock_authenticate(mock, &request, &verdict);
  return verdict;
}

static plug_status may(struct plug_mock *mock, const char *user, int32_t action)
{
  struct plug_identity who;
  struct plug_authz_request request;
  memset(&who, 0, sizeof who);
  memset(&request, 0, sizeof request);
  who.size = (uint32_t)sizeof who;
  who.user = plug_mock_str(user);
  request.who = &who;
  request.action = action;
  request.topic = plug_mock_str("/topic/a");
  return plug_mock_authorize(mock, &request, NULL);
}

static void test_verdicts(void)
{
  static const char *const options[] = {"password", "open sesame", "admins", "ann, bob", NULL};
  struct plug_err err;
  struct plug_mock *mock = plug_mock_new(&PLUG_ENTRY, options, &err);
  CHECK(mock && plug_mock_start(mock) == PLUG_OK);
  if (!mock)
    return;
  struct plug_mock_verdict verdict = ask(mock, "bob", "open sesame");
  CHECK(verdict.status == PLUG_ALLOW);
  CHECK(strcmp(verdict.user, "bob") == 0 && strcmp(verdict.roles, "USER,ADMIN") == 0);
  CHECK(strcmp(ask(mock, "bo", "open sesame").roles, "USER") == 0);
  verdict = ask(mock, "bob", "open sesam");
  CHECK(verdict.status == PLUG_DENY && strcmp(verdict.code, PLUG_CODE_FAILED) == 0);
  CHECK(ask(mock, "", "").status == PLUG_DEFER);
  CHECK(may(mock, "ann", PLUG_PUBLISH) == PLUG_ALLOW);
  CHECK(may(mock, "eve", PLUG_PUBLISH) == PLUG_DENY);
  CHECK(may(mock, "eve", PLUG_SUBSCRIBE) == PLUG_ALLOW);
  CHECK(!strstr(plug_mock_log(mock), "sesam")); /* no credential in the log */
  CHECK(plug_mock_free(mock) == 0);
}

static void test_refuses_bad_options(void)
{
  static const char *const brief[] = {"password", "1234567", NULL};
  struct plug_err err;
  CHECK(!plug_mock_new(&PLUG_ENTRY, NULL, &err) && strstr(err.text, "password: is missing"));
  CHECK(!plug_mock_new(&PLUG_ENTRY, brief, &err) && strstr(err.text, "less than 8 bytes"));
}

int main(void)
{
  test_verdicts();
  test_refuses_bad_options();
  return failures != 0;
}
