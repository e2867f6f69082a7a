/* The keeper of this node's members against a model, in random schedules: a backend that takes its
 * time, refuses, times out and forgets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "presence/members.h"

#define TOPICS   4
#define SESSIONS 12
#define PENDING  64
#define OP_STEPS 6000

struct pending {
  struct members_batch *batch;
  bool answered; /* its deadline has passed */
};

struct world {
  struct presence_backend backend;
  struct members members;
  uint64_t now_ms, seed;
  bool wanted[TOPICS][SESSIONS], there[TOPICS][SESSIONS];
  bool lost[TOPICS][SESSIONS]; /* wanted when the backend lost it, and ever since */
  struct pending pending[PENDING];
  size_t n_pending, n_restored, n_joins, n_batches, n_refusals;
  size_t least_n, most_n;
  bool is_down, in_order; /* answers at once, and with success */
};

static uint32_t roll(struct world *w, uint32_t below)
{
  w->seed = w->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (uint32_t)(w->seed >> 33) % below;
}

static void indices(const struct plug_member *v, size_t *topic, size_t *session)
{
  *topic = (size_t)(v->topic.ptr[0] - 'a');
  *session = (size_t)(v->member.ptr[0] - 'A');
}

static struct plug_member member_of(size_t topic, size_t session, char text[2])
{
  text[0] = (char)('a' + topic);
  text[1] = (char)('A' + session);
  return (struct plug_member){
      .topic = {text, 1}, .member = {text + 1, 1}, .user = STR("user"), .info = STR("i")};
}

static void apply(struct world *w, const struct members_batch *batch)
{
  for (size_t i = 0; i < batch->n; i++) {
    size_t topic, session;
    indices(&batch->v[i], &topic, &session);
    w->there[topic][session] = batch->is_join;
  }
}

static plug_status on_batch(void *ctx, const struct plug_member *v, size_t n,
                            struct members_batch *batch)
{
  struct world *w = ctx;
  assert_ptr_equal(v, batch->v);
  assert_int_equal(n, batch->n);
  assert_true(n > 0 && n <= MEMBERS_BATCH);
  w->n_batches++;
  if (n > w->most_n)
    w->most_n = n;
  for (size_t i = 0; i < n; i++) /* of one member nothing else is under way */
    for (size_t k = 0; k < w->n_pending; k++)
      for (size_t j = 0; j < w->pending[k].batch->n; j++)
        assert_false(str_eq(v[i].topic, w->pending[k].batch->v[j].topic) &&
                     str_eq(v[i].member, w->pending[k].batch->v[j].member));
  if (w->is_down)
    return PLUG_EUNAVAIL;
  if (w->in_order || w->n_pending == PENDING || roll(w, 4) == 0) {
    apply(w, batch);
    return PLUG_OK;
  }
  w->pending[w->n_pending++] = (struct pending){.batch = batch};
  return PLUG_PENDING;
}

static void on_restored(void *ctx)
{
  struct world *w = ctx;
  w->n_restored++;
  for (size_t t = 0; t < TOPICS; t++)
    for (size_t s = 0; s < SESSIONS; s++)
      assert_true(!w->lost[t][s] || w->there[t][s] || w->n_refusals);
}

static void begin(struct world *w, uint64_t seed)
{
  *w = (struct world){.seed = seed, .now_ms = 1000};
  w->backend = (struct presence_backend){.change = on_batch, .restored = on_restored, .ctx = w};
  members_init(&w->members, &w->backend, 1000000);
}

static void release(struct world *w, size_t number, plug_status status, bool applied)
{
  struct pending one = w->pending[number];
  w->pending[number] = w->pending[--w->n_pending];
  if (applied)
    apply(w, one.batch);
  if (!one.answered)
    members_answered(one.batch, status);
  members_released(one.batch, status, w->now_ms);
}

static void check(const struct world *w)
{
  for (size_t t = 0; t < TOPICS; t++)
    for (size_t s = 0; s < SESSIONS; s++)
      assert_int_equal(w->there[t][s], w->wanted[t][s]);
}

/* What a backend does when all is well; then everything has to be as it is wanted. */
static void calm(struct world *w)
{
  w->is_down = false;
  w->in_order = true;
  while (w->n_pending)
    release(w, 0, PLUG_OK, true);
  for (int i = 0; i < 1000; i++) {
    w->now_ms += 100;
    members_pump(&w->members, w->now_ms);
    if (members_idle(&w->members))
      break;
  }
  assert_true(members_idle(&w->members));
  assert_false(w->members.restoring);
  w->in_order = false;
  check(w);
}

static void lose(struct world *w)
{
  /* nothing of before completes with success after it (see the seam of the extension) */
  while (w->n_pending)
    release(w, 0, PLUG_EUNAVAIL, roll(w, 2));
  memset(w->there, 0, sizeof w->there);
  memcpy(w->lost, w->wanted, sizeof w->lost);
  members_lost(&w->members);
}

static void step(struct world *w)
{
  char text[2];
  size_t topic = roll(w, TOPICS), session = roll(w, SESSIONS);
  struct plug_member member = member_of(topic, session, text);
  switch (roll(w, 12)) {
  case 0:
  case 1:
  case 2:
    w->wanted[topic][session] = true;
    members_join(&w->members, &member, NULL);
    break;
  case 3:
  case 4:
  case 5:
    w->wanted[topic][session] = w->lost[topic][session] = false;
    assert_int_equal(members_leave(&w->members, &member, NULL), PLUG_OK);
    break;
  case 6:
    if (w->n_pending)
      release(w, roll(w, (uint32_t)w->n_pending), PLUG_OK, true);
    break;
  case 7: /* failed, and not done */
    if (w->n_pending)
      release(w, roll(w, (uint32_t)w->n_pending), PLUG_EUNAVAIL, false);
    break;
  case 8: /* a deadline passes; the outcome comes later */
    if (w->n_pending) {
      struct pending *one = &w->pending[roll(w, (uint32_t)w->n_pending)];
      if (!one->answered)
        members_answered(one->batch, PLUG_ETIMEDOUT);
      one->answered = true;
    }
    break;
  case 9:
    if (roll(w, 20) == 0)
      lose(w);
    else if (roll(w, 20) == 0)
      w->is_down = !w->is_down;
    break;
  default:
    w->now_ms += roll(w, 300);
    members_pump(&w->members, w->now_ms);
    break;
  }
  size_t n = 0;
  for (size_t t = 0; t < TOPICS; t++)
    for (size_t s = 0; s < SESSIONS; s++)
      n += w->wanted[t][s];
  assert_int_equal(w->members.n_wanted, n);
}

static void random_schedules_end_as_wanted(void **state)
{
  (void)state;
  for (uint64_t seed = 1; seed <= 12; seed++) {
    struct world w;
    begin(&w, seed);
    for (int i = 0; i < OP_STEPS; i++) {
      step(&w);
      if (i % 1000 == 999)
        calm(&w);
    }
    lose(&w);
    size_t before = w.n_restored;
    calm(&w);
    assert_true(w.n_restored > before);
    members_leave_all(&w.members);
    memset(w.wanted, 0, sizeof w.wanted);
    memset(w.lost, 0, sizeof w.lost);
    calm(&w);
    assert_int_equal(w.members.map.count, 0);
    members_fini(&w.members);
  }
}

/* --- one thing at a time ------------------------------------------------------------------- */

struct waiter {
  struct presence_wait wait;
  plug_status status;
  int n;
};

static void on_answer(struct presence_wait *wait, plug_status status)
{
  struct waiter *waiter = container_of(wait, struct waiter, wait);
  waiter->status = status;
  waiter->n++;
}

static struct waiter waiter_new(void)
{
  struct waiter waiter = {.wait = {.answer = on_answer}};
  return waiter;
}

static plug_status refuse_b(void *ctx, const struct plug_member *v, size_t n,
                            struct members_batch *batch)
{
  struct world *w = ctx;
  w->n_batches++;
  for (size_t i = 0; i < n; i++)
    if (v[i].topic.ptr[0] == 'b' && batch->is_join) {
      w->n_refusals++;
      return PLUG_EINVAL;
    }
  apply(w, batch);
  return PLUG_OK;
}

static plug_status take_time(void *ctx, const struct plug_member *v, size_t n,
                             struct members_batch *batch)
{
  struct world *w = ctx;
  (void)v, (void)n;
  assert_true(w->n_pending < PENDING);
  w->pending[w->n_pending++] = (struct pending){.batch = batch};
  return PLUG_PENDING;
}

static void one_that_is_refused_does_not_keep_the_others_out(void **state)
{
  struct world w;
  struct waiter waiters[3];
  char text[3][2];
  (void)state;
  begin(&w, 1);
  w.backend.change = refuse_b;
  for (size_t i = 0; i < 3; i++) {
    struct plug_member member = member_of(i, 0, text[i]);
    waiters[i] = waiter_new();
    list_init(&waiters[i].wait.link);
    assert_int_equal(members_join(&w.members, &member, &waiters[i].wait), PLUG_PENDING);
    assert_int_equal(waiters[i].n, 0);
  }
  members_pump(&w.members, w.now_ms);
  assert_true(w.there[0][0] && !w.there[1][0] && w.there[2][0]);
  assert_int_equal(w.n_batches, 4); /* all, then one by one */
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(waiters[i].n, 1);
    assert_int_equal(waiters[i].status, i == 1 ? PLUG_EINVAL : PLUG_OK);
  }
  assert_int_equal(members_next_ms(&w.members), UINT64_MAX); /* it is not asked for for ever */
  /* But whoever asks again is answered again. */
  struct waiter again = waiter_new();
  struct plug_member refused = member_of(1, 0, text[1]);
  assert_int_equal(members_join(&w.members, &refused, &again.wait), PLUG_PENDING);
  members_pump(&w.members, w.now_ms);
  assert_int_equal(again.n, 1);
  assert_int_equal(again.status, PLUG_EINVAL);
  members_lost(&w.members);
  members_pump(&w.members, w.now_ms);
  assert_int_equal(w.n_restored, 1);
  members_fini(&w.members);
}

static void answers_are_given_once(void **state)
{
  struct world w;
  char text[2];
  struct waiter join = waiter_new(), again = waiter_new(), leave = waiter_new();
  struct plug_member member = member_of(0, 0, text);
  (void)state;
  begin(&w, 1);
  w.members.max = 1;
  assert_int_equal(members_leave(&w.members, &member, &leave.wait), PLUG_OK); /* it is not there */
  assert_int_equal(members_join(&w.members, &member, &join.wait), PLUG_PENDING);
  assert_int_equal(members_leave(&w.members, &member, &leave.wait), PLUG_OK); /* nobody has asked */
  assert_int_equal(join.n, 1);
  assert_int_equal(join.status, PLUG_ECANCELED);
  join.n = 0;
  assert_int_equal(members_join(&w.members, &member, &join.wait), PLUG_PENDING);
  char other_text[2];
  struct plug_member other = member_of(1, 0, other_text);
  assert_int_equal(members_join(&w.members, &other, NULL), PLUG_ETOOBIG);
  w.is_down = true;
  members_pump(&w.members, w.now_ms);
  assert_int_equal(join.n, 1);
  assert_int_equal(join.status, PLUG_EUNAVAIL);
  assert_true(members_next_ms(&w.members) > w.now_ms);
  w.is_down = false;
  w.in_order = true;
  assert_int_equal(members_join(&w.members, &member, &again.wait), PLUG_PENDING);
  w.now_ms = members_next_ms(&w.members);
  members_pump(&w.members, w.now_ms);
  assert_int_equal(again.n, 1);
  assert_int_equal(again.status, PLUG_OK);
  assert_int_equal(members_join(&w.members, &member, &join.wait), PLUG_OK); /* there already */
  assert_int_equal(members_leave(&w.members, &member, &leave.wait), PLUG_PENDING);
  members_pump(&w.members, w.now_ms);
  assert_int_equal(leave.n, 1);
  assert_int_equal(leave.status, PLUG_OK);
  assert_int_equal(w.members.map.count, 0);
  members_fini(&w.members);
}

/* Whoever changes his mind leaves nobody waiting. */
static void the_contrary_answers_who_waits(void **state)
{
  struct world w;
  char text[2];
  struct waiter join = waiter_new(), leave = waiter_new();
  struct plug_member member = member_of(0, 0, text);
  (void)state;
  begin(&w, 1);
  w.in_order = true;
  assert_int_equal(members_join(&w.members, &member, NULL), PLUG_PENDING);
  members_pump(&w.members, w.now_ms);
  assert_int_equal(members_leave(&w.members, &member, &leave.wait), PLUG_PENDING);
  assert_int_equal(members_join(&w.members, &member, &join.wait), PLUG_OK);
  assert_int_equal(leave.n, 1);
  assert_int_equal(leave.status, PLUG_ECANCELED);
  /* Or while it is under way, and then fails: it may be there or not, and is joined again. */
  leave = waiter_new();
  assert_int_equal(members_leave(&w.members, &member, &leave.wait), PLUG_PENDING);
  w.backend.change = take_time;
  members_pump(&w.members, w.now_ms);
  assert_int_equal(members_join(&w.members, &member, &join.wait), PLUG_PENDING);
  release(&w, 0, PLUG_EUNAVAIL, true);
  assert_int_equal(leave.n, 1);
  assert_int_equal(leave.status, PLUG_EUNAVAIL);
  assert_int_equal(join.n, 0);
  w.backend.change = refuse_b; /* which takes this one */
  w.now_ms = members_next_ms(&w.members);
  members_pump(&w.members, w.now_ms);
  assert_int_equal(join.n, 1);
  assert_int_equal(join.status, PLUG_OK);
  assert_true(w.there[0][0]);
  members_fini(&w.members);
}

/* A batch with one that is refused, of whom one has left before that is known. */
static void who_has_left_a_refused_batch_is_answered(void **state)
{
  struct world w;
  char text[2][2];
  struct waiter join = waiter_new(), other = waiter_new(), leave = waiter_new();
  struct plug_member a = member_of(0, 0, text[0]), b = member_of(1, 0, text[1]);
  (void)state;
  begin(&w, 1);
  assert_int_equal(members_join(&w.members, &a, &join.wait), PLUG_PENDING);
  assert_int_equal(members_join(&w.members, &b, &other.wait), PLUG_PENDING);
  w.backend.change = take_time;
  members_pump(&w.members, w.now_ms);
  assert_int_equal(w.n_pending, 1);
  assert_int_equal(members_leave(&w.members, &a, &leave.wait), PLUG_PENDING);
  release(&w, 0, PLUG_EINVAL, false);
  assert_int_equal(join.n, 1);
  assert_int_equal(join.status, PLUG_ECANCELED);
  assert_int_equal(other.n + leave.n, 0);
  w.backend.change = refuse_b;
  members_pump(&w.members, w.now_ms);
  assert_int_equal(leave.n, 1);
  assert_int_equal(leave.status, PLUG_OK);
  assert_int_equal(other.n, 1);
  assert_int_equal(other.status, PLUG_EINVAL);
  members_fini(&w.members);
}

static void batches_are_bounded(void **state)
{
  struct world w;
  (void)state;
  begin(&w, 1);
  w.backend.change = refuse_b; /* which takes all of these */
  char name[16];
  for (int i = 0; i < 1700; i++) {
    int len = snprintf(name, sizeof name, "A%d", i);
    struct plug_member member = {
        .topic = STR("a"), .member = {name, (size_t)len}, .user = STR("u")};
    assert_int_equal(members_join(&w.members, &member, NULL), PLUG_PENDING);
  }
  members_pump(&w.members, w.now_ms);
  assert_int_equal(w.n_batches, 4);
  members_lost(&w.members);
  members_pump(&w.members, w.now_ms);
  assert_int_equal(w.n_batches, 8);
  assert_int_equal(w.n_restored, 1);
  members_fini(&w.members);
}

/* The younger of two keepers has what both have joined; of the elder one only the rest leaves. */
static void a_successor_keeps_what_it_has_joined_too(void **state)
{
  struct world w;
  char ab[2], aa[2];
  int elder, younger;
  (void)state;
  begin(&w, 1);
  const struct plug_member both = member_of(0, 0, aa), elders = member_of(0, 1, ab);
  const struct plug_member *joined[] = {&both, &elders};
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(members_join(&w.members, joined[i], NULL), PLUG_PENDING);
    members_own(&w.members, joined[i], &elder);
  }
  assert_int_equal(members_join(&w.members, &both, NULL), PLUG_PENDING);
  members_own(&w.members, &both, &younger);
  assert_false(members_is_own(&w.members, &both, &elder));
  assert_true(members_is_own(&w.members, &elders, &elder));
  assert_true(members_is_own(&w.members, &both, &younger));
  members_leave_of(&w.members, &elder);
  assert_int_equal(w.members.n_wanted, 1);
  members_leave_of(&w.members, &elder); /* nothing is left of it */
  assert_int_equal(w.members.n_wanted, 1);
  members_leave_of(&w.members, &younger);
  assert_int_equal(w.members.n_wanted, 0);
  assert_true(members_idle(&w.members));
  members_fini(&w.members);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_schedules_end_as_wanted),
      cmocka_unit_test(one_that_is_refused_does_not_keep_the_others_out),
      cmocka_unit_test(answers_are_given_once),
      cmocka_unit_test(the_contrary_answers_who_waits),
      cmocka_unit_test(who_has_left_a_refused_batch_is_answered),
      cmocka_unit_test(batches_are_bounded),
      cmocka_unit_test(a_successor_keeps_what_it_has_joined_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
