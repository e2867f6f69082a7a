/* The event loop of a worker: epoll, and a descriptor by which other threads wake it. A watch costs
 * its connection one system call and 24 bytes, where a libuv handle costs four calls and 160 bytes;
 * with tens of thousands of connections that come and go it shows. Owns its descriptors; watches
 * belong to their owners. The worker's thread, but for poller_wake.
 *
 * Newcomers, who have not connected yet, are watched edge-triggered: the kernel reports each once,
 * and they stand in line here, of which a turn serves a few. So thousands that come at once keep no
 * message waiting longer than that takes. Who is told reads (or writes) until there is nothing
 * left, says that there may be more (poller_again), or changes what it waits for. Until its end a
 * peer that has closed is told again and again, as to others.
 *
 * Who settles is served at once from then on, but stays edge-triggered until it waits for something
 * else: that spares each connection a system call, and each message the kernel's second look. What
 * was left is told in the next turn, and nobody stands in line for it. */
#ifndef NET_POLLER_H
#define NET_POLLER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#define POLLER_EVENTS    512
/* Newcomers served in a turn: about half a millisecond, with what each may cost. */
#define POLLER_NEWCOMERS 32

struct watch {
  int fd;
  uint16_t events; /* what is waited for: EPOLLIN, EPOLLOUT; 0: nothing, not even errors */
  bool shared : 1; /* set before poller_add: others watch the same socket, and few of all are told;
                    * it waits for one thing or for nothing */
  bool newcomer : 1; /* set before poller_add: it stands in line until it has settled */
  bool edge : 1;     /* the poller's: the kernel tells of what has come, not of what is there */
  void (*ready)(struct watch *watch, uint32_t events);
  struct tls_stream *tls; /* what is on the socket, and goes where that goes; NULL: nothing */
};

/* Of a descriptor. */
struct poller_place {
  struct watch *watch; /* or NULL */
  uint32_t ready;      /* what it is to be told when its turn in the line comes */
  int next;            /* the descriptor behind it in the line */
};

struct poller_line {
  int first, last; /* descriptors */
};

struct poller {
  int fd;
  struct poller_place *places; /* by descriptor, which is what the kernel gives back */
  int n_places;
  struct poller_line newcomers;             /* of whom a turn serves a few */
  struct poller_line again;                 /* of others, all of whom the next turn serves */
  struct epoll_event events[POLLER_EVENTS]; /* of this wait */
  int n;
  _Alignas(64) struct watch wake; /* in a line of their own: others look at them */
  _Atomic int woken;
};

/* 0, or an errno. */
int poller_init(struct poller *poller);
void poller_fini(struct poller *poller);

/* Level-triggered, but for newcomers. False with errno set. */
bool poller_add(struct poller *poller, struct watch *watch, uint32_t events);
/* Changes what is waited for; what is there of it is told anew. */
bool poller_want(struct poller *poller, struct watch *watch, uint32_t events);
/* events may be ready still: who is edge-triggered is told so in its turn, as others are anyway. */
void poller_again(struct poller *poller, struct watch *watch, uint32_t events);
/* No newcomer any more; what it has left is told anew. False with errno set. */
bool poller_settle(struct poller *poller, struct watch *watch);
/* to takes the place of from, whose descriptor it has, its events, and what is on the socket. */
void poller_move(struct poller *poller, struct watch *from, struct watch *to);
/* Right before its descriptor is closed, with which the kernel forgets it. What was ready for it in
 * this turn is not called any more. */
void poller_remove(struct poller *poller, struct watch *watch);

/* Waits (timeout_ms: -1 for as long as it takes) until watches are ready. */
void poller_wait(struct poller *poller, int timeout_ms);
/* Calls those that are. */
void poller_dispatch(struct poller *poller);

/* [any] The current wait, or else the next one, returns at once. */
void poller_wake(struct poller *poller);

#endif
