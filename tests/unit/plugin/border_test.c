/* What plugins hand over that was not meant: NULLs and lengths that cannot be, for every function
 * of the host table and its extensions, and completions of what is not theirs. Each is a violation
 * with the plugin's id, and nothing more. */
#include "fixture.h"

#include <plugboard/ext/auth.h>
#include <plugboard/ext/config.h>
#include <plugboard/ext/metrics.h>
#include <plugboard/ext/workpool.h>

#include "config/config.h"
#include "plugin/grant.h"
#include "plugin/workpool.h"

static struct {
  struct loop *loop;
  struct plugin_image image, other_image;
  struct plugin_instance *instance, *other;
  const struct plug_host *host;
} world;

static const struct plug_str no_text = {NULL, 5}, endless = {"x", SIZE_MAX / 2};
static const struct plug_kv no_pair = {{"k", 1}, {NULL, 1}};

/* --- a plugin of all kinds ---------------------------------------------------------------- */

static plug_status authenticate(void *self, const struct plug_auth_request *request,
                                struct plug_op *op)
{
  (void)self, (void)request, (void)op;
  return PLUG_DEFER;
}

static plug_status authorize(void *self, const struct plug_authz_request *request,
                             struct plug_decision *out, struct plug_op *op)
{
  (void)self, (void)request, (void)out, (void)op;
  return PLUG_DENY;
}

static const struct plug_auth auth = {
    .size = sizeof auth, .authenticate = authenticate, .authorize = authorize};

static void claims(void *self, struct plug_app_claims *out)
{
  (void)self, (void)out;
}

static plug_status request(void *self, const struct plug_app_request *request, struct plug_op *op)
{
  (void)self, (void)request, (void)op;
  return PLUG_OK;
}

static const struct plug_app app = {.size = sizeof app, .claims = claims, .request = request};

static void (*in_create)(const struct plug_host *host);

static plug_status create(const struct plug_host *host, void **self, struct plug_err *err)
{
  if (in_create)
    in_create(host);
  return probe_create(host, self, err);
}

/* --- who listens: nobody is reached by garbage -------------------------------------------- */

static _Atomic int64_t reached;

static plug_status deliver(void *ctx, uint64_t interest, const struct plug_msg *msg)
{
  (void)ctx, (void)interest, (void)msg;
  atomic_fetch_add(&reached, 1);
  return PLUG_OK;
}

static void state(void *ctx, int32_t now, uint32_t flags, struct plug_str why)
{
  (void)ctx, (void)now, (void)flags, (void)why;
  atomic_fetch_add(&reached, 1);
}

static plug_status app_publish(void *ctx, struct plug_app_answer *message,
                               plug_app_published_fn done, void *arg)
{
  (void)ctx, (void)done, (void)arg;
  free(message);
  atomic_fetch_add(&reached, 1);
  return PLUG_OK;
}

static plug_status app_publish_local(void *ctx, struct plug_app_answer *message, uint64_t session,
                                     struct plug_str subscription)
{
  (void)ctx, (void)session, (void)subscription;
  free(message);
  atomic_fetch_add(&reached, 1);
  return PLUG_OK;
}

static plug_status app_check(void *ctx, const struct plug_app_message *message)
{
  (void)ctx, (void)message;
  atomic_fetch_add(&reached, 1);
  return PLUG_OK;
}

static plug_status invalidate(void *ctx, struct plug_str user, uint64_t session, uint32_t flags,
                              struct plug_str reason)
{
  (void)ctx, (void)user, (void)session, (void)flags, (void)reason;
  atomic_fetch_add(&reached, 1);
  return PLUG_OK;
}

static plug_status update(void *ctx, const struct plug_identity *who)
{
  (void)ctx, (void)who;
  atomic_fetch_add(&reached, 1);
  return PLUG_OK;
}

static void presence_user(struct plug_op *op, struct plug_str user, struct plug_str info,
                          uint64_t members)
{
  (void)op, (void)user, (void)info, (void)members;
  atomic_fetch_add(&reached, 1);
}

static void presence_total(struct plug_op *op, uint64_t users, uint64_t members,
                           struct plug_position pos)
{
  (void)op, (void)users, (void)members, (void)pos;
  atomic_fetch_add(&reached, 1);
}

static void presence_changed(void *ctx, const struct plug_presence_change *change)
{
  (void)ctx, (void)change;
  atomic_fetch_add(&reached, 1);
}

static void begin(void)
{
  static const struct instance_broker_up up = {deliver, state, NULL};
  static const struct instance_auth_up auth_up = {invalidate, update, NULL};
  static const struct instance_app_up app_up = {app_publish, app_publish_local, app_check, NULL};
  static const struct instance_presence_up presence_up = {presence_user, presence_total,
                                                          presence_changed, NULL, NULL};
  struct plug_plugin entry = probe_entry();
  struct plug_err err = {0};
  entry.auth = &auth;
  entry.app = &app;
  entry.create = create;
  world.loop = loop_start();
  loop_set_pool(world.loop, workpool_new(1, 10));
  world.instance = probe_instance(&world.image, &entry, world.loop, &up);
  instance_set_auth_up(world.instance, &auth_up);
  instance_set_app_up(world.instance, &app_up);
  instance_set_presence_up(world.instance, &presence_up);
  world.host = ((struct probe *)instance_self(world.instance))->host;
  entry.id = "org.example.other";
  world.other = probe_instance(&world.other_image, &entry, world.loop, &up);
  assert_int_equal(instance_start(world.instance, &err), PLUG_OK);
  assert_int_equal(instance_start(world.other, &err), PLUG_OK);
}

/* --- what is handed over ------------------------------------------------------------------ */

#define HOST world.host

static void log_no_text(void)
{
  HOST->log(HOST, PLUG_LOG_INFO, no_text);
}

static void log_endless(void)
{
  HOST->log(HOST, PLUG_LOG_INFO, endless);
}

static void post_nothing(void)
{
  assert_int_equal(HOST->post(HOST, NULL, NULL), PLUG_EINVAL);
}

static void watch_for_nobody(void)
{
  assert_null(HOST->io_open(HOST, 0, PLUG_IO_READ, NULL, NULL));
}

static void timer_for_nobody(void)
{
  assert_null(HOST->timer_new(HOST, NULL, NULL));
}

static void make_nothing(void)
{
  assert_null(HOST->msg_make(HOST, NULL));
}

static void make_no_payload(void)
{
  struct plug_msg_init init = {.size = sizeof init, .topic = {"/t", 2}, .payload = no_text};
  assert_null(HOST->msg_make(HOST, &init));
}

static void make_no_headers(void)
{
  struct plug_msg_init init = {.size = sizeof init, .topic = {"/t", 2}, .n_headers = 3};
  assert_null(HOST->msg_make(HOST, &init));
}

static void make_no_header_value(void)
{
  struct plug_msg_init init = {
      .size = sizeof init, .topic = {"/t", 2}, .headers = &no_pair, .n_headers = 1};
  assert_null(HOST->msg_make(HOST, &init));
}

static void decode_nothing(void)
{
  assert_null(HOST->msg_decode(HOST, no_text));
}

static void encode_nothing(void)
{
  assert_int_equal(HOST->msg_encode(NULL).len, 0);
}

static void keep_nothing(void)
{
  HOST->msg_ref(NULL);
}

static void give_back_nothing(void)
{
  HOST->msg_unref(NULL);
}

static void deliver_nothing(void)
{
  assert_int_equal(HOST->broker->deliver(HOST, 0, NULL), PLUG_EINVAL);
}

static void state_no_reason(void)
{
  HOST->broker->state(HOST, PLUG_STATE_UP, 0, no_text);
}

static const struct plug_auth_control *control(void)
{
  return HOST->extension(HOST, PLUG_EXT_AUTH);
}

static void invalidate_no_user(void)
{
  assert_int_equal(control()->invalidate_user(HOST, no_text, 0, STR("")), PLUG_EINVAL);
}

static void invalidate_no_reason(void)
{
  assert_int_equal(control()->invalidate_session(HOST, 1, 0, endless), PLUG_EINVAL);
}

static void update_nobody(void)
{
  assert_int_equal(control()->update_user(HOST, NULL), PLUG_EINVAL);
}

static void update_no_roles(void)
{
  struct plug_identity who = {.size = sizeof who, .user = {"a", 1}, .n_roles = 2};
  assert_int_equal(control()->update_user(HOST, &who), PLUG_EINVAL);
}

static void publish_nothing(void)
{
  assert_int_equal(HOST->app->publish(HOST, NULL, NULL, NULL), PLUG_EINVAL);
}

static void publish_no_body(void)
{
  struct plug_app_message message = {.destination = {"/t", 2}, .body = no_text};
  assert_int_equal(HOST->app->publish(HOST, &message, NULL, NULL), PLUG_EINVAL);
}

static void publish_local_no_subscription(void)
{
  struct plug_app_message message = {.destination = {"/t", 2}};
  assert_int_equal(HOST->app->publish_local(HOST, &message, 1, no_text), PLUG_EINVAL);
}

static void check_no_headers(void)
{
  struct plug_app_message message = {.destination = {"/t", 2}, .n_headers = 1};
  assert_int_equal(HOST->app->check(HOST, &message), PLUG_EINVAL);
}

static void run_nothing(void)
{
  const struct plug_workpool *pool = HOST->extension(HOST, PLUG_EXT_WORKPOOL);
  assert_int_equal(pool->run(HOST, NULL, NULL, NULL), PLUG_EINVAL);
}

static void count_nothing(void)
{
  const struct plug_metrics *metrics = HOST->extension(HOST, PLUG_EXT_METRICS);
  metrics->add(NULL, 1);
}

static void set_nothing(void)
{
  const struct plug_metrics *metrics = HOST->extension(HOST, PLUG_EXT_METRICS);
  metrics->set(NULL, 1);
}

static const struct plug_broker_presence_up *presence(void)
{
  return HOST->extension(HOST, PLUG_EXT_BROKER_PRESENCE);
}

static void change_nothing(void)
{
  presence()->changed(HOST, NULL);
}

static void change_no_topic(void)
{
  struct plug_presence_change change = {.size = sizeof change, .topic = no_text};
  presence()->changed(HOST, &change);
}

/* --- operations --------------------------------------------------------------------------- */

static struct {
  _Atomic int64_t n;
  plug_status status;
} answered;

static void on_done(void *arg, plug_status status, struct plug_str detail)
{
  (void)arg, (void)detail;
  answered.status = status;
  atomic_fetch_add(&answered.n, 1);
}

static struct plug_op *taken(enum op_takes takes)
{
  struct plug_op *op = op_new(world.instance, 0, on_done, NULL);
  op_takes(op, takes);
  op_offered(op, PLUG_PENDING);
  return op;
}

static void done_no_detail(void)
{
  HOST->op_done(taken(OP_TAKES_STATUS), PLUG_OK, no_text);
}

static void grant_nobody(void)
{
  HOST->auth->grant(taken(OP_TAKES_LOGIN), NULL);
}

static void grant_no_attributes(void)
{
  struct plug_identity who = {
      .size = sizeof who, .user = {"a", 1}, .attrs = &no_pair, .n_attrs = 1};
  HOST->auth->grant(taken(OP_TAKES_LOGIN), &who);
}

static void grant_endless(void)
{
  struct plug_identity who = {.size = sizeof who, .user = endless};
  HOST->auth->grant(taken(OP_TAKES_LOGIN), &who);
}

static void grant_no_permissions(void)
{
  struct plug_identity who = {.size = sizeof who, .user = {"a", 1}, .n_permissions = SIZE_MAX};
  HOST->auth->grant(taken(OP_TAKES_LOGIN), &who);
}

static void refuse_nothing(void)
{
  HOST->auth->refuse(taken(OP_TAKES_LOGIN), NULL);
}

static void refuse_no_reason(void)
{
  struct plug_refusal refusal = {.size = sizeof refusal, .reason = no_text};
  HOST->auth->refuse(taken(OP_TAKES_LOGIN), &refusal);
}

static void answer_nothing(void)
{
  HOST->app->answer(taken(OP_TAKES_ANSWER), NULL);
}

static void answer_no_messages(void)
{
  struct plug_app_answer answer = {.size = sizeof answer, .n_publishes = 7};
  HOST->app->answer(taken(OP_TAKES_ANSWER), &answer);
}

static void answer_no_body(void)
{
  struct plug_app_message reply = {.destination = {"/t", 2}, .body = endless};
  struct plug_app_answer answer = {.size = sizeof answer, .reply = &reply};
  HOST->app->answer(taken(OP_TAKES_ANSWER), &answer);
}

static void answer_no_code(void)
{
  struct plug_app_error error = {.size = sizeof error, .code = no_text};
  struct plug_app_answer answer = {.size = sizeof answer, .error = &error};
  HOST->app->answer(taken(OP_TAKES_ANSWER), &answer);
}

static void decide_a_login(void)
{
  HOST->auth->decide(taken(OP_TAKES_LOGIN), PLUG_ALLOW, NULL);
}

static void grant_a_start(void)
{
  struct plug_identity who = {.size = sizeof who, .user = {"a", 1}};
  HOST->auth->grant(taken(OP_TAKES_STATUS), &who);
}

static void answer_a_verdict(void)
{
  struct plug_app_answer answer = {.size = sizeof answer};
  HOST->app->answer(taken(OP_TAKES_VERDICT), &answer);
}

static struct plug_op *gone(void)
{
  struct plug_op *op = taken(OP_TAKES_STATUS);
  HOST->op_done(op, PLUG_EINTERNAL, STR(""));
  return op;
}

static void grant_what_is_over(void)
{
  struct plug_identity who = {.size = sizeof who, .user = {"a", 1}};
  HOST->auth->grant(gone(), &who);
}

static void answer_what_is_over(void)
{
  HOST->app->answer(gone(), NULL);
}

static void list_for_what_is_over(void)
{
  presence()->user(gone(), STR("u"), STR(""), 1);
}

static void list_nobody(void)
{
  struct plug_op *op = taken(OP_TAKES_STATUS);
  presence()->user(op, no_text, STR(""), 1);
  HOST->op_done(op, PLUG_EINTERNAL, STR(""));
}

static void complete_anothers(void)
{
  struct plug_op *op = taken(OP_TAKES_STATUS);
  struct instance_call call;
  instance_call_begin(&call, world.other, "a timer callback");
  HOST->op_done(op, PLUG_OK, STR(""));
  instance_call_end(&call);
  if (atomic_load(&answered.n))
    _exit(1); /* it is still open */
  HOST->op_done(op, PLUG_EINTERNAL, STR(""));
}

/* --- in create ---------------------------------------------------------------------------- */

static void read_no_key(const struct plug_host *host)
{
  struct plug_str value;
  assert_int_equal(host->cfg_str(host, NULL, &value), PLUG_EINVAL);
}

static void read_no_number(const struct plug_host *host)
{
  assert_int_equal(host->cfg_i64(host, "x", NULL), PLUG_EINVAL);
}

static void read_no_section(const struct plug_host *host)
{
  const struct plug_config *config = host->extension(host, PLUG_EXT_CONFIG);
  assert_int_equal(config->section(host, 0, NULL), PLUG_EINVAL);
}

static void read_no_entry(const struct plug_host *host)
{
  const struct plug_config *config = host->extension(host, PLUG_EXT_CONFIG);
  assert_int_equal(config->entry(host, 0, 0, NULL), PLUG_EINVAL);
}

/* --- the table ---------------------------------------------------------------------------- */

#define GARBAGE    ": given garbage"
#define NO_ANSWER  ": is no answer to such an operation"
#define OVER_TWICE "completed an operation that was completed before"

/* completes: an operation, which must fail then; else nobody must hear of it. */
static const struct misuse {
  void (*body)(void);
  const char *text;
  bool completes;
} misuses[] = {
    {log_no_text, "log" GARBAGE, false},
    {log_endless, "log" GARBAGE, false},
    {post_nothing, "post" GARBAGE, false},
    {watch_for_nobody, "io_open" GARBAGE, false},
    {timer_for_nobody, "timer_new" GARBAGE, false},
    {make_nothing, "msg_make" GARBAGE, false},
    {make_no_payload, "msg_make" GARBAGE, false},
    {make_no_headers, "msg_make" GARBAGE, false},
    {make_no_header_value, "msg_make" GARBAGE, false},
    {decode_nothing, "msg_decode" GARBAGE, false},
    {encode_nothing, "msg_encode: given no message", false},
    {keep_nothing, "msg_ref: given no message", false},
    {give_back_nothing, "msg_unref: given back a message more often", false},
    {deliver_nothing, "deliver: given no message", false},
    {state_no_reason, "state" GARBAGE, false},
    {invalidate_no_user, "invalidate_user" GARBAGE, false},
    {invalidate_no_reason, "invalidate_session" GARBAGE, false},
    {update_nobody, "update_user" GARBAGE, false},
    {update_no_roles, "update_user" GARBAGE, false},
    {publish_nothing, "publish" GARBAGE, false},
    {publish_no_body, "publish" GARBAGE, false},
    {publish_local_no_subscription, "publish_local" GARBAGE, false},
    {check_no_headers, "check" GARBAGE, false},
    {run_nothing, "run" GARBAGE, false},
    {count_nothing, "metrics add: given no metric", false},
    {set_nothing, "metrics set: given no metric", false},
    {change_nothing, "changed" GARBAGE, false},
    {change_no_topic, "changed" GARBAGE, false},
    {list_nobody, "user" GARBAGE, true},
    {grant_nobody, "grant" GARBAGE, true},
    {grant_no_attributes, "grant" GARBAGE, true},
    {grant_endless, "grant" GARBAGE, true},
    {grant_no_permissions, "grant" GARBAGE, true},
    {refuse_nothing, "refuse" GARBAGE, true},
    {refuse_no_reason, "refuse" GARBAGE, true},
    {answer_nothing, "answer" GARBAGE, true},
    {answer_no_messages, "answer" GARBAGE, true},
    {answer_no_body, "answer" GARBAGE, true},
    {answer_no_code, "answer" GARBAGE, true},
    {decide_a_login, "decide" NO_ANSWER, true},
    {grant_a_start, "grant" NO_ANSWER, true},
    {answer_a_verdict, "answer" NO_ANSWER, true},
    {grant_what_is_over, OVER_TWICE, true},
    {answer_what_is_over, OVER_TWICE, true},
    {list_for_what_is_over, "user: is about an operation that is over", true},
    {complete_anothers, "completed an operation of another plugin", true},
};

static const struct misuse *now;

static void at_home(void *arg)
{
  struct instance_call call;
  (void)arg;
  instance_call_begin(&call, world.instance, "a timer callback");
  now->body();
  instance_call_end(&call);
}

static void misuse_body(void)
{
  begin();
  loop_call(world.loop, at_home, NULL);
  if (now->completes) {
    wait_for_count(&answered.n, 1);
    if (answered.status != PLUG_EINTERNAL)
      _exit(1);
  }
  if (atomic_load(&reached) || atomic_load(&answered.n) != now->completes)
    _exit(1);
  end_instance(world.instance);
  end_instance(world.other);
}

static void what_was_not_meant_is_named_and_reaches_nobody(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof misuses / sizeof *misuses; i++) {
    now = &misuses[i];
    expect_violation(misuse_body, now->text);
    expect_violation(misuse_body,
                     complete_anothers == now->body ? "org.example.other" : "org.example.probe");
  }
}

static void done_body(void)
{
  begin();
  done_no_detail();
  wait_for_count(&answered.n, 1);
  if (answered.status != PLUG_OK)
    _exit(1); /* the status was well */
  end_instance(world.instance);
  end_instance(world.other);
}

static void a_detail_that_cannot_be_read_is_left_out(void **state)
{
  (void)state;
  expect_violation(done_body, "org.example.probe broke its contract on thread 'border_test': "
                              "op_done: given garbage");
}

static void create_body(void)
{
  begin();
  end_instance(world.instance);
  end_instance(world.other);
}

static void so_it_is_in_create(void **state)
{
  (void)state;
  static const struct {
    void (*body)(const struct plug_host *host);
    const char *text;
  } reads[] = {{read_no_key, "cfg_str" GARBAGE},
               {read_no_number, "cfg_i64" GARBAGE},
               {read_no_section, "section" GARBAGE},
               {read_no_entry, "entry" GARBAGE}};
  for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
    in_create = reads[i].body;
    expect_violation(create_body, reads[i].text);
  }
}

int main(void)
{
  message_set_node("test");
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_not_meant_is_named_and_reaches_nobody),
      cmocka_unit_test(a_detail_that_cannot_be_read_is_left_out),
      cmocka_unit_test(so_it_is_in_create),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
