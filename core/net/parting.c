#include "net/parting.h"

#include <stdio.h>

#include "base/hash.h"
#include "net/conn.h"
#include "session/restart.h"

/* How often those whose turn has come are looked at: is all that they were owed there? */
#define LOOK_MS 10u

/* By which a timer may be late. */
#define LATE_MS (2 * WHEEL_TICK_MS)

/* How long the end of a session that outlives its sockets waits for its client's next request. */
#define FETCH_MS 1000u

/* A number that nobody foresees, of 0 to below so many; below 1 is 0. */
static uint64_t random_below(uint64_t key, uint64_t limit)
{
  return limit ? hash_bytes(&key, sizeof key) % limit : 0;
}

static void on_timer(struct timer *timer, uint64_t now_ms);

void parting_init(struct parting *parting, struct net_env *env,
                  void (*over)(struct parting *parting))
{
  *parting = (struct parting){.env = env, .over = over};
  timer_init(&parting->timer, on_timer);
}

void parting_shut(struct net_env *env)
{
  uint64_t seconds = (env->settings->drain_reconnect_ms + 999) / 1000;
  env->shut = true;
  snprintf(env->retry_after, sizeof env->retry_after, "retry-after: %llu\r\n",
           (unsigned long long)(seconds ? seconds : 1));
}

/* --- one session -------------------------------------------------------------------------- */

/* A tenth more or less: whoever counts on the even pace of the closes gets it of the returns. */
static uint32_t reconnect_ms(const struct conn *conn)
{
  uint64_t wanted = conn->env->settings->drain_reconnect_ms;
  uint64_t key = conn->session.number ^ conn->env->now_ms << 20;
  return (uint32_t)(wanted - wanted / 10 + random_below(key, wanted / 5 + 1));
}

void parting_close(struct conn *conn)
{
  restart_close(&conn->session, reconnect_ms(conn));
  conn_arm(conn);
}

static bool owes(const struct conn *conn)
{
  return conn->session.state == SESSION_LEAVING || conn->held || restart_owes(&conn->session);
}

static void retire(struct conn *conn)
{
  conn->parting = PARTING_RETIRED;
  conn_update_reading(conn);
}

/* Its turn has come. */
static void take_turn(struct parting *parting, struct conn *conn)
{
  const struct parting_plan *plan = &parting->plan;
  struct session *session = &conn->session;
  uint64_t now = parting->env->now_ms, left = plan->end_ms - now;
  uint64_t overlap = plan->overlap_ms < left ? plan->overlap_ms : left;
  if (session->state != SESSION_CONNECTED || !session->notices || !overlap) {
    retire(conn);
    return;
  }
  /* They wait as long as those who are closed: else both would come at once. */
  uint32_t wait = reconnect_ms(conn);
  conn->parting = PARTING_TOLD;
  conn->parting_ms = now + overlap;
  restart_notify(session, wait < overlap / 2 ? wait : (uint32_t)(overlap / 2), overlap);
}

/* False: it is open still, or what it has been told may still have to be fetched. */
static bool look_at(struct parting *parting, struct conn *conn)
{
  struct session *session = &conn->session;
  uint64_t now = parting->env->now_ms;
  if (conn->parting == PARTING_TOLD && session->state != SESSION_CLOSED && now >= conn->parting_ms)
    retire(conn);
  if (conn->parting == PARTING_RETIRED && session->state != SESSION_CLOSED && !owes(conn)) {
    parting_close(conn);
    conn->parting_ms = now + FETCH_MS;
  }
  return session->state == SESSION_CLOSED && (!conn->carrier->outlives || now >= conn->parting_ms);
}

/* --- all of them -------------------------------------------------------------------------- */

/* Evenly, each within the first half of its share of the time: no second has more of them than
 * the pace allows. */
static uint64_t due_ms(const struct parting *parting, uint64_t turn)
{
  uint64_t span = parting->plan.span_ms, n = parting->n_turns;
  uint64_t jitter = random_below(turn ^ (uintptr_t)parting, span / n / 2 + 1);
  return parting->begin_ms + turn * span / n + jitter;
}

static bool is_anybody_left(const struct parting *parting)
{
  return parting->scan.next != &parting->env->conns;
}

/* Who comes late, for the worker was busy, does not catch up: that would be the rush which is not
 * wanted. As long as there is time. */
static void shift(struct parting *parting)
{
  const struct parting_plan *plan = &parting->plan;
  uint64_t now = parting->env->now_ms, last = plan->end_ms - plan->span_ms;
  if (parting->n_done >= parting->n_turns || due_ms(parting, parting->n_done) + LATE_MS >= now)
    return;
  parting->begin_ms += now - due_ms(parting, parting->n_done) - LATE_MS;
  if (parting->begin_ms > last)
    parting->begin_ms = last;
}

static void give_turns(struct parting *parting)
{
  struct net_env *env = parting->env;
  bool ends = env->now_ms >= parting->plan.end_ms;
  shift(parting);
  while (is_anybody_left(parting) && (ends || parting->n_done >= parting->n_turns ||
                                      due_ms(parting, parting->n_done) <= env->now_ms)) {
    parting->n_done++;
    take_turn(parting, conn_scan_next(&parting->scan, env));
  }
}

/* How many are open of those who have had their turn. */
static uint64_t look_at_all(struct parting *parting)
{
  uint64_t n_open = 0;
  for (struct list *node = parting->env->conns.next; node != parting->scan.next; node = node->next)
    if (!look_at(parting, container_of(node, struct conn, link)))
      n_open++;
  return n_open;
}

static void on_timer(struct timer *timer, uint64_t now_ms)
{
  struct parting *parting = container_of(timer, struct parting, timer);
  struct net_env *env = parting->env;
  /* What was published before a session is closed belongs to it. */
  hub_take_all(&env->hub, env->inbox);
  give_turns(parting);
  uint64_t n_open = look_at_all(parting);
  bool left = is_anybody_left(parting);
  if ((!n_open && !left) || now_ms >= parting->plan.end_ms) {
    parting_stop(parting);
    parting->over(parting);
    return;
  }
  uint64_t due = left && parting->n_done < parting->n_turns ? due_ms(parting, parting->n_done)
                                                            : parting->plan.end_ms;
  if (n_open && now_ms + LOOK_MS < due)
    due = now_ms + LOOK_MS;
  if (due > parting->plan.end_ms)
    due = parting->plan.end_ms;
  timers_arm(&env->timers, &parting->timer, due > now_ms ? due : now_ms + 1);
}

void parting_begin(struct parting *parting, const struct parting_plan *plan)
{
  struct net_env *env = parting->env;
  parting->plan = *plan;
  parting->begin_ms = env->now_ms;
  parting->n_turns = env->n_conns;
  parting->scanning = parting->n_turns != 0;
  if (parting->scanning) {
    conn_scan_begin(&parting->scan, env);
    timers_arm(&env->timers, &parting->timer, due_ms(parting, 0));
  } else {
    parting->over(parting);
  }
}

void parting_stop(struct parting *parting)
{
  timers_stop(&parting->env->timers, &parting->timer);
  if (parting->scanning)
    conn_scan_end(&parting->scan);
  parting->scanning = false;
}
