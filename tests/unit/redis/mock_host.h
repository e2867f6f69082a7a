/* A host for one plugin in a test: a loop over poll(2), operations, messages with a trivial
 * envelope, metrics, and a record of everything that the plugin said and delivered. It breaks the
 * test on any breach of contract that it sees. One thread, except for post and log. */
#ifndef MOCK_HOST_H
#define MOCK_HOST_H

#include <plugboard/ext/presence.h>
#include <plugboard/plugin.h>
#include <stdbool.h>

struct mock_loop;
struct mock_loop *mock_loop_new(void);
void mock_loop_free(struct mock_loop *loop);
/* One turn: waits for at most max_ms. */
void mock_loop_turn(struct mock_loop *loop, int max_ms);
uint64_t mock_now_ms(void);

/* Turns the loop until expr is true; the test fails when it takes longer than ms, or a minute where
 * that is longer: how long a busy machine takes is no test's business, only that a test ends. */
#define MOCK_WAIT(loop, ms, expr)                                                 \
  do {                                                                            \
    uint64_t mock_end_ = mock_now_ms() + (uint64_t)((ms) > 60000 ? (ms) : 60000); \
    while (!(expr)) {                                                             \
      if (mock_now_ms() >= mock_end_)                                             \
        fail_msg("not in time: %s", #expr);                                       \
      mock_loop_turn(loop, 5);                                                    \
    }                                                                             \
  } while (0)

/* Turns the loop for that long. */
void mock_pause(struct mock_loop *loop, uint64_t ms);

struct mock_delivery {
  uint64_t interest;
  char *topic, *content_type, *payload; /* C strings */
  size_t payload_len;
};

struct plug_op {
  bool offered, done;
  plug_status status;
  char detail[256];
};

struct mock_host {
  struct plug_host host;
  struct mock_loop *loop;
  const struct plug_plugin *plugin;
  void *self;
  const char *const *options; /* key, value, ..., NULL */
  bool count_only;            /* keep no copies of deliveries */
  size_t n_deliveries;
  struct mock_delivery *deliveries;
  plug_status deliver_status;
  char *log; /* all lines */
  size_t log_len;
  int32_t state; /* last reported, -1 before */
  int n_up, n_down;
  uint32_t state_flags;
  char why[512];
  int n_io, n_timers, n_ops, n_msgs;
  uint64_t longest_timer_ms; /* that was set; to be cleared by the test */
  uint64_t next_msg_id;
};

/* The host's half of presence in hosts made from now on; NULL: they have none. */
extern const struct plug_broker_presence_up *mock_presence_up;

/* Calls create; options is a list of key, value, ..., NULL and borrowed. err may be NULL: then it
 * must succeed. NULL when create failed. */
struct mock_host *mock_host_new(struct mock_loop *loop, const struct plug_plugin *plugin,
                                const char *node, const char *const *options, struct plug_err *err);
/* Calls start and waits for its completion. */
void mock_host_start(struct mock_host *h);
/* new, start, and up. */
struct mock_host *mock_host_up(struct mock_loop *loop, const struct plug_plugin *plugin,
                               const char *node, const char *const *options);
/* stop, audit, destroy. */
void mock_host_free(struct mock_host *h);

/* These wait for the operation, return its status, and copy the detail if it is not NULL. */
plug_status mock_subscribe(struct mock_host *h, uint64_t id, const char *topic);
plug_status mock_subscribe_pattern(struct mock_host *h, uint64_t id, const char *pattern);
plug_status mock_unsubscribe(struct mock_host *h, uint64_t id, const char *topic, bool is_pattern);
plug_status mock_publish(struct mock_host *h, const char *topic, const char *content_type,
                         const char *payload, char detail[256]);
/* These do not wait. op may be NULL. */
plug_status mock_subscribe_many(struct mock_host *h, const struct plug_interest *v, size_t n,
                                struct plug_op *op);
plug_status mock_publish_op(struct mock_host *h, const char *topic, const char *payload,
                            struct plug_op *op);

const struct plug_msg *mock_msg(struct mock_host *h, const char *topic, const char *content_type,
                                const char *payload, size_t len);

int64_t mock_metric(struct mock_host *h, const char *name);
bool mock_logged(const struct mock_host *h, const char *text);
void mock_forget(struct mock_host *h); /* deliveries and log so far */
/* How many deliveries had that interest and payload. */
size_t mock_count(const struct mock_host *h, uint64_t interest, const char *payload);

#endif
