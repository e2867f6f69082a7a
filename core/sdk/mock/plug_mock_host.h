/* SPDX-License-Identifier: MIT
 *
 * plug_mock_host.h: a host for one instance of a plugin in its unit test.
 *
 * It needs the public headers and the C library only, and compiles as C11 and later and as C++17
 * and later. It owns the instance, its timers, watches, messages and metrics, and a clock that
 * moves by plug_mock_advance alone, so that a test of an hour takes no time. What a plugin does
 * against the contract (completing twice, from the wrong thread, timers and messages left behind
 * by stop, ...) is counted as a breach and printed to stderr.
 *
 * All functions are called by one thread, which is the home thread. Threads of the plugin may use
 * what host.h tags [any]. When there is no memory left the mock aborts.
 */
#ifndef PLUG_MOCK_HOST_H
#define PLUG_MOCK_HOST_H

#include <plugboard/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

struct plug_mock;

struct plug_str plug_mock_str(const char *text);
/* 1 if s is this C string, else 0. */
int plug_mock_is(struct plug_str s, const char *text);

/* Calls create, credentials and claims. options: name, value, ..., NULL, as an operator would write
 * them, or NULL; it must outlive the instance. Names and types are checked, ranges are not. NULL
 * with err filled when an option or create fails. */
struct plug_mock *plug_mock_new(const struct plug_plugin *plugin, const char *const *options,
                                struct plug_err *err);
void *plug_mock_self(const struct plug_mock *mock);
/* Wait for the operation as long as the server does; PLUG_ETIMEDOUT is a breach, too. */
plug_status plug_mock_start(struct plug_mock *mock);
plug_status plug_mock_drain(struct plug_mock *mock);
/* Stops if it has been started, destroys, frees; returns how many breaches there were in all. */
size_t plug_mock_free(struct plug_mock *mock);
size_t plug_mock_breaches(const struct plug_mock *mock);

/* Runs what was posted, and watches that are ready; waits for one for at most so long, by the clock
 * on the wall. */
void plug_mock_turn(struct plug_mock *mock, int wait_ms);
/* Moves the clock, running timers in their order, each at its time, and a turn after each. */
void plug_mock_advance(struct plug_mock *mock, uint64_t ms);

/* All that was logged, one line each, "LEVEL text\n"; a C string. */
const char *plug_mock_log(const struct plug_mock *mock);
/* The value of a metric; -1 if there is none of that name. */
int64_t plug_mock_metric(const struct plug_mock *mock, const char *name);

/* ---- Brokers. Each waits until the operation is completed. ---- */
plug_status plug_mock_subscribe(struct plug_mock *mock, const struct plug_interest *interest);
plug_status plug_mock_unsubscribe(struct plug_mock *mock, const struct plug_interest *interest);
plug_status plug_mock_publish(struct plug_mock *mock, const char *topic, struct plug_str payload);
/* What deliver answers from now on; PLUG_OK at first. */
void plug_mock_deliver_status(struct plug_mock *mock, plug_status status);
size_t plug_mock_deliveries(const struct plug_mock *mock);
/* Number i, which must be below that; kept until plug_mock_free. */
const struct plug_msg *plug_mock_delivery(const struct plug_mock *mock, size_t i,
                                          uint64_t *interest);
/* The state that was reported last, or -1. */
int32_t plug_mock_state(const struct plug_mock *mock);

/* ---- Auth plugins. The mock fills in size, and waits. ---- */
struct plug_mock_verdict {
  plug_status status; /* PLUG_ALLOW: granted. Else what was returned or completed with */
  void *ctx;          /* of the identity, for authorize; the test calls session_end itself */
  char user[256], roles[256], code[64], reason[256]; /* C strings; roles with a comma between */
};
void plug_mock_authenticate(struct plug_mock *mock, struct plug_auth_request *request,
                            struct plug_mock_verdict *out);
/* PLUG_ALLOW, PLUG_DENY, PLUG_DEFER or a failure. out may be NULL. */
plug_status plug_mock_authorize(struct plug_mock *mock, struct plug_authz_request *request,
                                struct plug_decision *out);

/* ---- Applications. The mock fills in size, and waits. ---- */
struct plug_mock_message {
  char destination[256], body[1024]; /* C strings, cut to that */
};
struct plug_mock_answer {
  plug_status status; /* PLUG_OK: answered, or taken with nothing more to it */
  size_t n_publishes; /* of which the first eight are kept */
  struct plug_mock_message publishes[8], reply;
  int has_reply;
  char code[64], reason[256]; /* of an error; else empty */
};
void plug_mock_request(struct plug_mock *mock, struct plug_app_request *request,
                       struct plug_mock_answer *out);
const struct plug_app_claims *plug_mock_claims(const struct plug_mock *mock);
/* What the plugin published unasked so far, and how many that were; past the last NULL. */
const struct plug_mock_message *plug_mock_published(const struct plug_mock *mock, size_t i);

#ifdef __cplusplus
}
#endif
#endif
