/* SPDX-License-Identifier: MIT
 *
 * The application in the SDK's mock host. Built with PLUG_STATIC_PLUGIN, which names PLUG_ENTRY. */
#include <plug_mock_host.h>

#include <stdio.h>
#include <string.h>

static int failures;
#define CHECK(what) \
  ((what) ? (void)0 : (void)(failures++, fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what)))

static struct plug_mock_answer say(struct plug_mock *mock, const char *room, const char *text)
{
  struct plug_app_request request;
  struct plug_mock_answer answer;
  struct plug_kv variable = {plug_mock_str("room"), plug_mock_str(room)};
  memset(&request, 0, sizeof request);
  request.action = PLUG_APP_SEND;
  request.claim = 0;
  request.variables = &variable;
  request.n_variables = 1;
  request.body = plug_mock_str(text);
  plug_mock_request(mock, &request, &answer);
  return answer;
}

static struct plug_mock_answer count(struct plug_mock *mock)
{
  struct plug_app_request request;
  struct plug_mock_answer answer;
  memset(&request, 0, sizeof request);
  request.action = PLUG_APP_SUBSCRIBE;
  request.claim = 1;
  plug_mock_request(mock, &request, &answer);
  return answer;
}

int main(void)
{
  static const char *const options[] = {"max-text", "5", NULL};
  struct plug_err err;
  struct plug_mock *mock = plug_mock_new(&PLUG_ENTRY, options, &err);
  CHECK(mock && plug_mock_start(mock) == PLUG_OK);
  if (!mock)
    return 1;
  CHECK(plug_mock_claims(mock)->n_claims == 2);
  CHECK(plug_mock_is(plug_mock_claims(mock)->claims[0].pattern, "/rooms/{room}"));
  CHECK(plug_mock_is(plug_mock_claims(mock)->claims[1].pattern, "/count"));
  struct plug_mock_answer answer = say(mock, "attic", "hello");
  CHECK(answer.status == PLUG_OK && answer.n_publishes == 1 && !answer.has_reply);
  CHECK(strcmp(answer.publishes[0].destination, "/topic/rooms/attic") == 0);
  CHECK(strcmp(answer.publishes[0].body, "somebody: hello") == 0);
  answer = say(mock, "attic", "hello!");
  CHECK(strcmp(answer.code, "too-long") == 0 && answer.n_publishes == 0);
  answer = count(mock);
  CHECK(answer.has_reply && strcmp(answer.reply.body, "1") == 0);
  CHECK(plug_mock_free(mock) == 0);
  return failures != 0;
}
