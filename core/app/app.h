/* The applications: what clients SEND to them and SUBSCRIBE from them goes out, answers come back.
 * `struct app` is the server's, read-only while workers run but for its counts; a `struct
 * app_worker` belongs to one worker. Owns the plugins' instances and what is on its way to them. No
 * I/O. Functions are tagged [start], [worker] or [any].
 *
 *   worker                        control thread, or this thread             plugin
 *   app_request ----------------> request -------------------------------->
 *   done(owner) <---- inbox ----- answer  <-------------------------------- answer, op_done
 *   app_tell -------------------> event ----------------------------------->
 *   publish(env) <--- inbox ----------------------------------------------- publish
 */
#ifndef APP_APP_H
#define APP_APP_H

#include "access/chain.h"
#include "access/identity.h"
#include "app/claims.h"
#include "app/user.h"
#include "base/log.h"
#include "hub/destination.h"
#include "hub/inbox.h"

struct app;
struct app_worker;

struct app_settings {
  struct chain_settings chain;
  const struct destination_rules *destinations;
  struct user_names users;
  uint64_t timeout_ms;         /* for one request */
  uint64_t queue, queue_bytes; /* requests that wait for applications */
  uint64_t max_destination;    /* bytes */
  bool ignore_unclaimed;       /* what nobody claims is not even an ERROR */
  bool close_on_error;         /* an application's error ends the session */
};

/* A message that an application publishes by itself. */
struct app_publish;

/* Where it goes, if not to the broker. */
struct app_local {
  uint64_t session;             /* 0: to all of the node */
  struct inbox *inbox;          /* of that session's worker; NULL with 0 */
  struct plug_str subscription; /* of that session */
};

/* [start] NULL on failure, with err->text. loop NULL: for --check. What the settings point to
 * outlives the app and all that follow it. */
struct app *app_new(const struct app_settings *settings, const struct config *config,
                    struct loop *loop, struct plug_err *err);
/* [main] While workers run: the next one by other settings, with the same instances but for those
 * that renew names, which are made and started. It is not in force before app_take_over. */
struct app *app_renewed(const struct app *former, const struct app_settings *settings,
                        const struct config *config, bool (*renew)(void *ctx, const char *name),
                        void *ctx, struct plug_err *err);
/* [main] Before app_take_over: whether instances of it were made anew. */
bool app_has_new(const struct app *app);
/* [main] It will not be; app_settle frees it. */
void app_abandon(struct app *app);
/* [main] Then the workers are sent there; former lives on until nothing of it is under way. */
void app_take_over(struct app *app, struct app *former);
/* [main] Stops instances of former ones of which nothing is under way. True: there are others, look
 * again. */
bool app_tend(struct app *app);
/* [main] All workers have gone over to this one. */
void app_settle(struct app *app);
/* [main] Whether there is an instance that reads this section, [app.NAME] or [app.NAME ...], and so
 * can be made anew while the server runs. */
bool app_can_renew(const struct app *app, const char *section);
size_t app_n_instances(const struct app *app); /* [main] that are to be stopped in the end */
plug_status app_start(struct app *app, struct plug_err *err);
/* [start] While workers run but read nothing more: what was taken is answered, and the workers have
 * published it when this returns, at most at deadline_ms. */
void app_drain(struct app *app, uint64_t deadline_ms);
/* [start] After the workers have ended and their inboxes have been emptied. */
void app_stop(struct app *app);
void app_free(struct app *app); /* NULL is nothing */

const struct app_settings *app_settings_of(const struct app *app); /* [any] */
const struct claims *app_claims(const struct app *app);            /* [any] */
const struct chain *app_chain(const struct app *app);              /* [any] */
/* [any] So much waits for applications that clients should wait. */
bool app_congested(const struct app *app);

/* [start] Before the worker runs. publish(ctx, ...) is called on its thread, for the destination
 * and what else stands in message; app_published follows exactly once, now or later. */
struct app_worker *app_worker_new(struct app *app, struct inbox *inbox,
                                  void (*publish)(void *ctx, const struct plug_app_message *message,
                                                  struct app_publish *publish),
                                  void *ctx);
void app_worker_free(struct app_worker *worker); /* [start] NULL is nothing */
struct app *app_of(const struct app_worker *worker);
/* [worker] Goes over to the next one. True: there are instances that are new, and watch; they are
 * to be told of all subscriptions that there are (app_tell_init.former). */
bool app_worker_renew(struct app_worker *worker, struct app *app);
/* [any] Whether this one has the instance, its own or another one's. */
bool app_has(const struct app *app, const struct plugin_instance *instance);
void app_published(struct app_publish *publish, plug_status status); /* [worker] */
const struct app_local *app_publish_local(
    const struct app_publish *publish); /* NULL: by the broker */

/* --- requests ----------------------------------------------------------------------------- */

struct app_call;

/* What has become of a request. answer: PLUG_OK only, NULL if there is nothing to it. */
struct app_result {
  plug_status status;
  struct plug_app_answer *answer; /* for free(), by the receiver */
  const char *instance;           /* who has answered */
};
/* [worker] owner NULL: it was forgotten. */
typedef void (*app_done_fn)(void *owner, struct app_worker *worker, struct app_result *result);

struct app_request_init {
  const struct claim *claim;
  uint32_t action;
  uint64_t session;
  struct plug_str session_id;
  struct identity *who; /* a reference is taken; NULL: nobody */
  struct plug_str destination, path;
  const struct plug_kv *headers;
  size_t n_headers;
  struct plug_str content_type, body;
  app_done_fn done;
};

/* [worker] PLUG_PENDING: *call is set, and done follows; app_call_own says for whom. Otherwise
 * *result is filled, and done does not follow. PLUG_EAGAIN in it: too much waits already. */
plug_status app_request(struct app_worker *worker, const struct app_request_init *init,
                        struct app_call **call, struct app_result *result);
void app_call_own(struct app_call *call, void *owner); /* [worker] NULL: forget it */
/* [worker] Deadlines are kept at the plugins' homes. Of requests to one that is late this keeps
 * them: done is called with PLUG_ETIMEDOUT, and what comes back later is nobody's. */
void app_answer_overdue(struct app_worker *worker, uint64_t now_ms);

/* --- subscriptions ------------------------------------------------------------------------ */

struct app_tell_init {
  uint32_t kind; /* PLUG_APP_SUBSCRIBED, ... */
  uint64_t session;
  struct plug_str session_id;
  struct identity *who;
  struct plug_str subscription, destination;
  const struct app
      *former; /* NULL; or only those are told that this one has not: they came later */
};
/* [worker] Tells all whose watch matches; a PLUG_APP_DISCONNECTED all that watch anything. False:
 * nobody was. */
bool app_tell(struct app_worker *worker, const struct app_tell_init *init);

/* --- within core/app ---------------------------------------------------------------------- */

/* What waits for one instance. It is there for as long as that is held. */
struct app_backlog {
  _Alignas(64) _Atomic int64_t n;
  _Atomic int64_t bytes;
  struct log_limit lost;
};
struct app_backlog *app_backlog(const struct app *app, const struct plugin_instance *instance);
/* What waits, counted in. */
void app_count(struct app_backlog *backlog, int64_t n, int64_t bytes); /* [any] */
/* [any] As much waits as may, for all instances together. Those at whose home a plugin hangs do not
 * count: nobody else is to suffer from them. */
bool app_is_full(const struct app *app);
/* [any] So much waits for one alone. */
bool app_backlog_is_full(const struct app *app, const struct app_backlog *backlog);
struct inbox *app_worker_inbox(const struct app_worker *worker);
struct list *app_worker_calls(struct app_worker *worker); /* [worker] struct app_call.link */

#endif
