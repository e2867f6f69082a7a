/* The event loop, with real descriptors. */
#include "net/poller.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"

#define N(array) (sizeof(array) / sizeof(*(array)))

static struct poller poller;

static int setup(void **state)
{
  (void)state;
  return poller_init(&poller);
}

static int teardown(void **state)
{
  (void)state;
  poller_fini(&poller);
  return 0;
}

/* One end of a socket pair, and what its watch was told. */
struct end {
  struct watch watch;
  int other;
  unsigned times;
  uint32_t events; /* of the last time */
  void (*then)(struct end *end);
  struct end *victim;
};

static void on_ready(struct watch *watch, uint32_t events)
{
  struct end *end = container_of(watch, struct end, watch);
  end->times++;
  end->events = events;
  if (end->then)
    end->then(end);
}

static void end_open(struct end *end)
{
  int pair[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
  *end = (struct end){.watch = {.fd = pair[0], .ready = on_ready}, .other = pair[1]};
}

static void end_close(struct end *end)
{
  poller_remove(&poller, &end->watch);
  close(end->watch.fd);
  if (end->other >= 0)
    close(end->other);
}

static void hang_up(struct end *end)
{
  close(end->other);
  end->other = -1;
}

static void send_byte(struct end *end)
{
  assert_int_equal(write(end->other, "x", 1), 1);
}

static void drop_byte(struct end *end)
{
  char byte;
  assert_int_equal(read(end->watch.fd, &byte, 1), 1);
}

/* One turn that does not wait; how many watches were ready. */
static int turn(void)
{
  poller_wait(&poller, 0);
  int n = poller.n;
  poller_dispatch(&poller);
  return n;
}

static void what_is_ready_is_told_until_it_is_read(void **state)
{
  (void)state;
  struct end end;
  end_open(&end);
  assert_true(poller_add(&poller, &end.watch, EPOLLIN));
  assert_int_equal(turn(), 0);
  send_byte(&end);
  for (unsigned i = 1; i <= 3; i++) {
    assert_int_equal(turn(), 1);
    assert_int_equal(end.times, i);
    assert_int_equal(end.events, EPOLLIN);
  }
  drop_byte(&end);
  assert_int_equal(turn(), 0);
  assert_int_equal(end.times, 3);
  end_close(&end);
}

static void what_is_waited_for_can_change(void **state)
{
  (void)state;
  struct end end;
  end_open(&end);
  send_byte(&end);
  static const uint32_t wanted[] = {EPOLLIN, EPOLLOUT, EPOLLIN | EPOLLOUT, 0, EPOLLOUT, 0,
                                    EPOLLIN, EPOLLIN,  EPOLLOUT,           0};
  assert_true(poller_add(&poller, &end.watch, 0));
  assert_int_equal(turn(), 0);
  for (size_t i = 0; i < N(wanted); i++) {
    end.times = 0;
    assert_true(poller_want(&poller, &end.watch, wanted[i]));
    assert_int_equal(end.watch.events, wanted[i]);
    assert_int_equal(turn(), wanted[i] ? 1 : 0);
    assert_int_equal(end.times, wanted[i] ? 1 : 0);
    if (wanted[i])
      assert_int_equal(end.events, wanted[i]);
  }
  end_close(&end);
}

static void who_waits_for_nothing_hears_of_no_hang_up(void **state)
{
  (void)state;
  struct end end;
  end_open(&end);
  assert_true(poller_add(&poller, &end.watch, EPOLLIN));
  assert_true(poller_want(&poller, &end.watch, 0));
  hang_up(&end);
  assert_int_equal(turn(), 0);
  assert_true(poller_want(&poller, &end.watch, EPOLLOUT));
  assert_int_equal(turn(), 1);
  assert_true(end.events & EPOLLHUP);
  assert_true(poller_want(&poller, &end.watch, 0));
  assert_int_equal(turn(), 0);
  assert_true(poller_want(&poller, &end.watch, EPOLLIN));
  assert_int_equal(turn(), 1);
  assert_true(end.events & EPOLLIN);
  assert_int_equal(end.times, 2);
  end_close(&end);
}

static void a_descriptor_that_cannot_be_waited_for_is_refused(void **state)
{
  (void)state;
  struct end end;
  end_open(&end);
  struct watch closed = {.fd = -1, .ready = on_ready};
  errno = 0;
  assert_false(poller_add(&poller, &closed, EPOLLIN));
  assert_int_equal(errno, EBADF);
  assert_int_equal(closed.events, 0);
  poller_remove(&poller, &closed);
  assert_false(poller_add(&poller, &closed, 0));
  assert_true(poller_add(&poller, &end.watch, EPOLLIN));
  struct watch again = {.fd = end.watch.fd, .ready = on_ready};
  assert_false(poller_add(&poller, &again, EPOLLIN));
  assert_int_equal(errno, EEXIST);
  end_close(&end);
}

/* --- changes while events are handed out -------------------------------------------------- */

/* Its memory may be another watch's by now, so nothing in it says that it is gone. */
static void make_undead(struct watch *watch)
{
  watch->events = EPOLLIN;
}

static void remove_victim(struct end *end)
{
  if (!end->victim)
    return;
  end_close(end->victim);
  make_undead(&end->victim->watch);
  end->victim = NULL;
}

/* Two that do something to each other: whichever is told first. */
static void open_rivals(struct end *a, struct end *b, void (*then)(struct end *end))
{
  end_open(a);
  end_open(b);
  a->victim = b;
  b->victim = a;
  a->then = b->then = then;
  assert_true(poller_add(&poller, &a->watch, EPOLLIN));
  assert_true(poller_add(&poller, &b->watch, EPOLLIN));
}

/* Whichever of two is told first takes the other away. */
static void what_is_removed_is_not_told_of_what_was_ready(void **state)
{
  (void)state;
  struct end a, b;
  open_rivals(&a, &b, remove_victim);
  send_byte(&a);
  send_byte(&b);
  assert_int_equal(turn(), 2);
  assert_int_equal(a.times + b.times, 1);
  end_close(a.times ? &a : &b);
  assert_int_equal(turn(), 0);
}

/* More newcomers than a turn serves, all of them ready. */
enum { CROWD = 3 * POLLER_NEWCOMERS };

static void open_crowd(struct end crowd[CROWD])
{
  for (size_t i = 0; i < CROWD; i++) {
    end_open(&crowd[i]);
    crowd[i].watch.newcomer = true;
    crowd[i].then = drop_byte;
    assert_true(poller_add(&poller, &crowd[i].watch, EPOLLIN));
    send_byte(&crowd[i]);
  }
}

static unsigned served(const struct end crowd[CROWD])
{
  unsigned n = 0;
  for (size_t i = 0; i < CROWD; i++)
    n += crowd[i].times;
  return n;
}

static void newcomers_are_served_a_few_in_a_turn(void **state)
{
  (void)state;
  static struct end crowd[CROWD];
  struct end settled;
  open_crowd(crowd);
  end_open(&settled);
  assert_true(poller_add(&poller, &settled.watch, EPOLLIN));
  send_byte(&settled);
  for (unsigned i = 1; i <= 3; i++) {
    (void)turn();
    assert_int_equal(settled.times, i);
    assert_int_equal(served(crowd), i * POLLER_NEWCOMERS);
  }
  for (size_t i = 0; i < CROWD; i++) {
    assert_int_equal(crowd[i].times, 1); /* whoever has waited longest is next */
    end_close(&crowd[i]);
  }
  end_close(&settled);
  assert_int_equal(turn(), 0);
}

static void who_settles_is_served_with_the_others(void **state)
{
  (void)state;
  static struct end crowd[CROWD];
  struct end end;
  open_crowd(crowd);
  end_open(&end);
  end.watch.newcomer = true;
  assert_true(poller_add(&poller, &end.watch, EPOLLIN | EPOLLOUT));
  assert_true(poller_settle(&poller, &end.watch));
  assert_true(poller_settle(&poller, &end.watch)); /* nothing more to do */
  assert_int_equal(end.watch.events, EPOLLIN | EPOLLOUT);
  (void)turn();
  assert_int_equal(end.times, 1);
  assert_int_equal(end.events, EPOLLOUT);
  assert_true(poller_want(&poller, &end.watch, 0));
  /* Who waits for nothing settles, too, and is found where he waits again. */
  assert_true(poller_want(&poller, &crowd[0].watch, 0));
  assert_true(poller_settle(&poller, &crowd[0].watch));
  assert_true(poller_want(&poller, &crowd[0].watch, EPOLLIN));
  unsigned before = crowd[0].times;
  send_byte(&crowd[0]);
  (void)turn();
  assert_int_equal(crowd[0].times, before + 1);
  for (size_t i = 0; i < CROWD; i++)
    end_close(&crowd[i]);
  end_close(&end);
}

static void a_newcomer_that_takes_a_place_is_one(void **state)
{
  (void)state;
  struct end end;
  end_open(&end);
  end.watch.newcomer = true;
  assert_true(poller_add(&poller, &end.watch, EPOLLIN));
  struct end next = end;
  next.watch.newcomer = false;
  poller_move(&poller, &end.watch, &next.watch);
  assert_true(next.watch.newcomer);
  send_byte(&next);
  (void)turn();
  assert_int_equal(next.times, 1);
  assert_true(poller_settle(&poller, &next.watch));
  send_byte(&next);
  (void)turn();
  assert_int_equal(next.times, 2);
  end = next;
  end.watch.edge = false;
  poller_move(&poller, &next.watch, &end.watch);
  assert_true(end.watch.edge); /* which the kernel has not been told otherwise */
  end_close(&end);
}

static void remove_itself(struct end *end)
{
  end_close(end);
}

static void what_is_told_may_remove_itself(void **state)
{
  (void)state;
  struct end ends[3];
  for (size_t i = 0; i < N(ends); i++) {
    end_open(&ends[i]);
    ends[i].then = remove_itself;
    assert_true(poller_add(&poller, &ends[i].watch, EPOLLIN));
    send_byte(&ends[i]);
  }
  assert_int_equal(turn(), 3);
  for (size_t i = 0; i < N(ends); i++)
    assert_int_equal(ends[i].times, 1);
  assert_int_equal(turn(), 0);
}

/* --- newcomers ----------------------------------------------------------------------------- */

static void newcomer_open(struct end *end, uint32_t events)
{
  end_open(end);
  end->watch.newcomer = true;
  assert_true(poller_add(&poller, &end->watch, events));
}

static void a_newcomer_is_told_once_of_what_has_come(void **state)
{
  (void)state;
  struct end end;
  newcomer_open(&end, EPOLLIN);
  send_byte(&end);
  for (int i = 0; i < 3; i++)
    (void)turn();
  assert_int_equal(end.times, 1);
  assert_int_equal(end.events, EPOLLIN);
  send_byte(&end);
  for (int i = 0; i < 3; i++)
    (void)turn();
  assert_int_equal(end.times, 2);
  end_close(&end);
}

static void say_there_is_more(struct end *end)
{
  if (end->times < 3)
    poller_again(&poller, &end->watch, EPOLLIN);
}

static void a_newcomer_that_has_left_something_is_told_again(void **state)
{
  (void)state;
  struct end end;
  newcomer_open(&end, EPOLLIN);
  end.then = say_there_is_more;
  send_byte(&end);
  for (unsigned i = 1; i <= 3; i++) {
    poller_wait(&poller, 60000); /* it does not wait */
    poller_dispatch(&poller);
    assert_int_equal(end.times, i);
    assert_int_equal(end.events, EPOLLIN);
  }
  (void)turn();
  assert_int_equal(end.times, 3);
  /* And so is who has settled. */
  end.then = NULL;
  assert_true(poller_settle(&poller, &end.watch));
  poller_again(&poller, &end.watch, EPOLLIN);
  assert_int_equal(turn(), 0); /* not by the kernel */
  assert_int_equal(end.times, 4);
  end_close(&end);
}

static void a_newcomer_that_changes_what_it_waits_for_is_told_anew(void **state)
{
  (void)state;
  struct end end;
  newcomer_open(&end, EPOLLIN);
  send_byte(&end);
  (void)turn();
  static const uint32_t wanted[] = {EPOLLIN | EPOLLOUT, EPOLLIN, EPOLLOUT, EPOLLIN, 0, EPOLLIN};
  for (size_t i = 0; i < N(wanted); i++) {
    end.times = 0;
    assert_true(poller_want(&poller, &end.watch, wanted[i]));
    (void)turn();
    (void)turn();
    assert_int_equal(end.times, wanted[i] ? 1 : 0);
    if (wanted[i])
      assert_int_equal(end.events, wanted[i]);
  }
  /* What stands in line already is what was waited for before. */
  poller_again(&poller, &end.watch, EPOLLIN);
  assert_true(poller_want(&poller, &end.watch, EPOLLOUT));
  end.times = 0;
  (void)turn();
  assert_int_equal(end.times, 1);
  assert_int_equal(end.events, EPOLLOUT);
  end_close(&end);
}

/* Whoever reads what came before it is told of the end all the same. */
static void a_newcomer_is_told_of_the_end_behind_what_it_reads(void **state)
{
  (void)state;
  struct end end;
  newcomer_open(&end, EPOLLIN);
  send_byte(&end);
  assert_int_equal(shutdown(end.other, SHUT_WR), 0);
  end.then = drop_byte;
  (void)turn();
  assert_int_equal(end.times, 1);
  end.then = NULL;
  for (unsigned i = 2; i <= 4; i++) {
    (void)turn();
    assert_int_equal(end.times, i);
    assert_int_equal(end.events, EPOLLIN);
  }
  assert_true(poller_want(&poller, &end.watch, EPOLLOUT)); /* which has not ended */
  (void)turn();
  (void)turn();
  assert_int_equal(end.times, 5);
  assert_int_equal(end.events, EPOLLOUT);
  assert_true(poller_want(&poller, &end.watch, 0));
  hang_up(&end);
  (void)turn();
  assert_int_equal(end.times, 5);
  end_close(&end);
  assert_int_equal(poller.newcomers.first, -1);
}

/* Behind a full turn of others, where it changes, leaves or moves before it has been served. */
static void stand_last(struct end crowd[CROWD], struct end *last)
{
  open_crowd(crowd);
  newcomer_open(last, EPOLLIN);
  send_byte(last);
  (void)turn();
  assert_int_equal(last->times, 0);
}

static void close_crowd(struct end crowd[CROWD])
{
  for (int i = 0; i < 3; i++)
    (void)turn();
  for (size_t i = 0; i < CROWD; i++) {
    assert_int_equal(crowd[i].times, 1);
    end_close(&crowd[i]);
  }
}

static void who_leaves_the_line_leaves_nothing_to_the_next_of_the_descriptor(void **state)
{
  (void)state;
  static struct end crowd[CROWD];
  struct end last, next;
  stand_last(crowd, &last);
  int fd = last.watch.fd;
  end_close(&last);
  make_undead(&last.watch);
  newcomer_open(&next, EPOLLIN);
  assert_int_equal(next.watch.fd, fd);
  close_crowd(crowd);
  assert_int_equal(last.times, 0);
  assert_int_equal(next.times, 0);
  send_byte(&next);
  (void)turn();
  assert_int_equal(next.times, 1);
  end_close(&next);
}

static void who_moves_takes_the_place_in_the_line(void **state)
{
  (void)state;
  static struct end crowd[CROWD];
  struct end last, next;
  stand_last(crowd, &last);
  next = last;
  poller_move(&poller, &last.watch, &next.watch);
  make_undead(&last.watch);
  close_crowd(crowd);
  assert_int_equal(last.times, 0);
  assert_int_equal(next.times, 1);
  end_close(&next);
}

/* Once, and not by the place in the line too. */
static void who_settles_leaves_the_line(void **state)
{
  (void)state;
  static struct end crowd[CROWD];
  struct end last;
  stand_last(crowd, &last);
  assert_true(poller_settle(&poller, &last.watch));
  last.then = drop_byte;
  (void)turn();
  assert_int_equal(last.times, 1);
  close_crowd(crowd);
  assert_int_equal(last.times, 1);
  end_close(&last);
}

/* Without another call for the kernel, which tells of what has come. */
static void who_settles_is_told_once_of_what_has_come(void **state)
{
  (void)state;
  struct end end;
  newcomer_open(&end, EPOLLIN);
  assert_true(poller_settle(&poller, &end.watch));
  assert_true(end.watch.edge);
  for (unsigned i = 1; i <= 3; i++) {
    send_byte(&end);
    assert_int_equal(turn(), 1);
    assert_int_equal(turn(), 0);
    assert_int_equal(end.times, i);
  }
  /* Who waits for something else, and then as before, is like all others. */
  assert_true(poller_want(&poller, &end.watch, 0));
  assert_true(poller_want(&poller, &end.watch, EPOLLIN));
  assert_false(end.watch.edge);
  assert_int_equal(turn(), 1);
  assert_int_equal(turn(), 1);
  assert_int_equal(end.times, 5);
  end_close(&end);
}

/* Newcomers, however many, do not stand before it. */
static void who_has_settled_and_left_something_is_told_in_the_next_turn(void **state)
{
  (void)state;
  static struct end crowd[CROWD];
  struct end end;
  newcomer_open(&end, EPOLLIN);
  assert_true(poller_settle(&poller, &end.watch));
  open_crowd(crowd);
  send_byte(&end);
  end.then = say_there_is_more;
  for (unsigned i = 1; i <= 3; i++) {
    (void)turn();
    assert_int_equal(end.times, i);
  }
  close_crowd(crowd);
  assert_int_equal(end.times, 3);
  end_close(&end);
  assert_int_equal(poller.again.first, -1);
}

static void who_has_settled_is_told_of_the_end_behind_what_it_reads(void **state)
{
  (void)state;
  struct end end;
  newcomer_open(&end, EPOLLIN);
  assert_true(poller_settle(&poller, &end.watch));
  send_byte(&end);
  assert_int_equal(shutdown(end.other, SHUT_WR), 0);
  end.then = drop_byte;
  (void)turn();
  end.then = NULL;
  for (unsigned i = 2; i <= 4; i++) {
    poller_wait(&poller, 60000); /* it does not wait */
    poller_dispatch(&poller);
    assert_int_equal(end.times, i);
    assert_int_equal(end.events, EPOLLIN);
  }
  end_close(&end);
  (void)turn();
  assert_int_equal(end.times, 4);
}

/* Whoever writes is not served amid newcomers, either, and what stood in line for it is told. */
static void who_settles_with_more_to_do_is_level_triggered(void **state)
{
  (void)state;
  struct end end;
  newcomer_open(&end, EPOLLIN);
  send_byte(&end);
  (void)turn();
  poller_again(&poller, &end.watch, EPOLLIN);
  assert_true(poller_settle(&poller, &end.watch));
  assert_false(end.watch.edge);
  assert_int_equal(turn(), 1);
  assert_int_equal(end.times, 2);
  end_close(&end);
  newcomer_open(&end, EPOLLIN | EPOLLOUT);
  assert_true(poller_settle(&poller, &end.watch));
  assert_false(end.watch.edge);
  end_close(&end);
}

static void who_stands_in_line_stands_there_once(void **state)
{
  (void)state;
  static struct end crowd[CROWD];
  struct end last;
  stand_last(crowd, &last);
  for (int i = 0; i < 3; i++) {
    send_byte(&last); /* reported each time */
    poller_wait(&poller, 0);
    poller_again(&poller, &last.watch, EPOLLIN);
    poller_dispatch(&poller);
  }
  (void)turn();
  assert_int_equal(last.times, 1);
  close_crowd(crowd);
  assert_int_equal(last.times, 1);
  end_close(&last);
}

static void remove_victim_and_itself(struct end *end)
{
  remove_victim(end);
  end_close(end);
}

static void newcomers_may_remove_each_other(void **state)
{
  (void)state;
  struct end a, b;
  newcomer_open(&a, EPOLLIN);
  newcomer_open(&b, EPOLLIN);
  a.victim = &b;
  b.victim = &a;
  a.then = b.then = remove_victim_and_itself;
  hang_up(&a); /* and so stands in line again while it is told */
  hang_up(&b);
  (void)turn();
  (void)turn();
  assert_int_equal(a.times + b.times, 1);
  assert_int_equal(poller.newcomers.first, -1);
}

/* --- changes between the wait and the handing out ------------------------------------------- */

/* Between the wait and the handing out, too. */
static void what_is_removed_after_the_wait_is_not_told(void **state)
{
  (void)state;
  struct end a, b;
  end_open(&a);
  end_open(&b);
  assert_true(poller_add(&poller, &a.watch, EPOLLIN));
  assert_true(poller_add(&poller, &b.watch, EPOLLIN));
  send_byte(&a);
  send_byte(&b);
  poller_wait(&poller, 0);
  end_close(&a);
  make_undead(&a.watch);
  poller_dispatch(&poller);
  assert_int_equal(a.times, 0);
  assert_int_equal(b.times, 1);
  end_close(&b);
}

static void want_nothing_of_victim(struct end *end)
{
  assert_true(poller_want(&poller, &end->victim->watch, 0));
}

static void who_has_come_to_wait_for_nothing_is_not_told(void **state)
{
  (void)state;
  struct end a, b;
  open_rivals(&a, &b, want_nothing_of_victim);
  hang_up(&a);
  hang_up(&b);
  assert_int_equal(turn(), 2);
  assert_int_equal(a.times + b.times, 1);
  end_close(&a);
  end_close(&b);
}

/* What was waited for at the time of the wait, and is not any more, is not told either. */
static void who_waits_for_something_else_is_told_of_that_only(void **state)
{
  (void)state;
  struct end end;
  end_open(&end);
  send_byte(&end);
  assert_true(poller_add(&poller, &end.watch, EPOLLIN));
  poller_wait(&poller, 0);
  assert_true(poller_want(&poller, &end.watch, EPOLLOUT));
  poller_dispatch(&poller);
  assert_int_equal(end.times, 0);
  assert_int_equal(turn(), 1);
  assert_int_equal(end.events, EPOLLOUT);
  end_close(&end);
}

static struct end *moved_to;

static void move_away(struct end *end)
{
  poller_move(&poller, &end->watch, &moved_to->watch);
}

static void a_descriptor_moves_to_another_watch(void **state)
{
  (void)state;
  struct end from, to = {.watch = {.ready = on_ready}, .other = -1};
  end_open(&from);
  to.watch.fd = from.watch.fd;
  moved_to = &to;
  from.then = move_away;
  assert_true(poller_add(&poller, &from.watch, EPOLLIN));
  send_byte(&from);
  assert_int_equal(turn(), 1); /* while it is being told */
  assert_int_equal(from.times, 1);
  assert_int_equal(to.times, 0);
  assert_int_equal(from.watch.events, 0);
  assert_int_equal(to.watch.events, EPOLLIN);
  assert_int_equal(turn(), 1);
  assert_int_equal(from.times, 1);
  assert_int_equal(to.times, 1);

  /* After the wait: what was ready is the new one's. */
  poller_wait(&poller, 0);
  poller_move(&poller, &to.watch, &from.watch);
  make_undead(&to.watch);
  from.then = NULL;
  poller_dispatch(&poller);
  assert_int_equal(from.times, 2);
  assert_int_equal(to.times, 1);

  /* One that waits for nothing. */
  assert_true(poller_want(&poller, &from.watch, 0));
  poller_move(&poller, &from.watch, &to.watch);
  assert_int_equal(turn(), 0);
  assert_true(poller_want(&poller, &to.watch, EPOLLIN));
  assert_int_equal(turn(), 1);
  assert_int_equal(to.times, 2);
  poller_remove(&poller, &to.watch);
  end_close(&from);
}

static void more_than_one_wait_takes_are_all_told(void **state)
{
  (void)state;
  enum { COUNT = POLLER_EVENTS + 40 };
  static struct end ends[COUNT];
  for (size_t i = 0; i < COUNT; i++) {
    ends[i] = (struct end){.watch = {.ready = on_ready}, .other = -1};
    ends[i].watch.fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_true(ends[i].watch.fd >= 0);
    assert_true(poller_add(&poller, &ends[i].watch, EPOLLIN));
  }
  assert_int_equal(turn(), POLLER_EVENTS);
  assert_int_equal(turn(), POLLER_EVENTS);
  for (size_t i = 0; i < COUNT; i++) {
    assert_in_range(ends[i].times, 1, 2); /* epoll goes round */
    end_close(&ends[i]);
  }
  assert_int_equal(turn(), 0);
}

/* --- time and other threads ---------------------------------------------------------------- */

static void a_wait_ends_no_earlier_than_its_time(void **state)
{
  (void)state;
  uint64_t before = clock_now_us();
  poller_wait(&poller, 30);
  assert_int_equal(poller.n, 0);
  assert_true(clock_now_us() - before >= 30000);
  poller_dispatch(&poller);
}

static void wakes_merge(void **state)
{
  (void)state;
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 1000; i++)
      poller_wake(&poller);
    poller_wait(&poller, -1); /* before it began */
    assert_int_equal(poller.n, 1);
    poller_wake(&poller);
    poller_dispatch(&poller);
    assert_int_equal(turn(), 0);
  }
}

static void *wake_later(void *unused)
{
  (void)unused;
  usleep(20000);
  poller_wake(&poller);
  return NULL;
}

static void another_thread_ends_a_wait(void **state)
{
  (void)state;
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, wake_later, NULL), 0);
  poller_wait(&poller, -1);
  assert_int_equal(poller.n, 1);
  poller_dispatch(&poller);
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_int_equal(turn(), 0);
}

static _Atomic unsigned produced;

static void *produce(void *unused)
{
  (void)unused;
  for (int i = 0; i < 5000; i++) {
    atomic_fetch_add(&produced, 1);
    poller_wake(&poller);
  }
  return NULL;
}

/* Whoever waits without a limit sees everything that was there before a wake. */
static void no_wake_is_lost(void **state)
{
  (void)state;
  pthread_t threads[3];
  unsigned seen = 0;
  atomic_store(&produced, 0);
  for (size_t i = 0; i < N(threads); i++)
    assert_int_equal(pthread_create(&threads[i], NULL, produce, NULL), 0);
  while (seen < N(threads) * 5000) {
    poller_wait(&poller, 60000);
    if (poller.n == 0)
      fail_msg("no wake in a minute, at %u", seen);
    poller_dispatch(&poller);
    seen = atomic_load(&produced);
  }
  for (size_t i = 0; i < N(threads); i++)
    assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void fini_may_be_called_twice(void **state)
{
  (void)state;
  poller_fini(&poller);
  poller_fini(&poller);
  assert_int_equal(poller_init(&poller), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(what_is_ready_is_told_until_it_is_read),
      TEST(what_is_waited_for_can_change),
      TEST(who_waits_for_nothing_hears_of_no_hang_up),
      TEST(a_descriptor_that_cannot_be_waited_for_is_refused),
      TEST(what_is_removed_is_not_told_of_what_was_ready),
      TEST(what_is_told_may_remove_itself),
      TEST(what_is_removed_after_the_wait_is_not_told),
      TEST(who_has_come_to_wait_for_nothing_is_not_told),
      TEST(who_waits_for_something_else_is_told_of_that_only),
      TEST(a_descriptor_moves_to_another_watch),
      TEST(more_than_one_wait_takes_are_all_told),
      TEST(a_wait_ends_no_earlier_than_its_time),
      TEST(wakes_merge),
      TEST(another_thread_ends_a_wait),
      TEST(no_wake_is_lost),
      TEST(newcomers_are_served_a_few_in_a_turn),
      TEST(who_settles_is_served_with_the_others),
      TEST(a_newcomer_that_takes_a_place_is_one),
      TEST(a_newcomer_is_told_once_of_what_has_come),
      TEST(a_newcomer_that_has_left_something_is_told_again),
      TEST(a_newcomer_that_changes_what_it_waits_for_is_told_anew),
      TEST(a_newcomer_is_told_of_the_end_behind_what_it_reads),
      TEST(who_leaves_the_line_leaves_nothing_to_the_next_of_the_descriptor),
      TEST(who_moves_takes_the_place_in_the_line),
      TEST(who_settles_leaves_the_line),
      TEST(who_settles_is_told_once_of_what_has_come),
      TEST(who_has_settled_and_left_something_is_told_in_the_next_turn),
      TEST(who_has_settled_is_told_of_the_end_behind_what_it_reads),
      TEST(who_settles_with_more_to_do_is_level_triggered),
      TEST(who_stands_in_line_stands_there_once),
      TEST(newcomers_may_remove_each_other),
      TEST(fini_may_be_called_twice),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
