/* The node's interest table: which topics and patterns which workers want, what the broker has been
 * asked for, and the one path on which messages come in. Owns its entries. Functions are tagged
 * [worker], [control] or [any].
 *
 *   worker: first subscription ---- interest_join ---> entry NEW ------ change ----> control thread
 *                                                      entry ASKED <--- broker->subscribe
 *   worker: INBOX_INTEREST <------ interest_answer --- entry CONFIRMED / FAILED
 *   worker: last one gone --------- interest_leave --> (grace period) ------------>
 * broker->unsubscribe
 *
 * Exact topics are spread over shards, each with a mutex that protects its map and the mutable
 * members of its entries; patterns have a shard of their own. A shard's mutex is held while a
 * message is put into the inboxes of the workers that want it: this gives all subscribers of a
 * topic one order, whichever threads publish. Nothing is called back with a mutex held, and no
 * second lock is taken under one. */
#ifndef HUB_INTEREST_H
#define HUB_INTEREST_H

#include <stdbool.h>

#include <plugboard/broker.h>

#include "base/list.h"
#include "base/map.h"
#include "base/mpsc.h"
#include "hub/inbox.h"

#define INTEREST_WORKERS_MAX 64 /* a worker is a bit of a 64-bit mask */

enum interest_state {
  INTEREST_NEW,       /* the broker has not been asked */
  INTEREST_ASKED,     /* no answer yet */
  INTEREST_CONFIRMED, /* messages arrive */
  INTEREST_FAILED,    /* the broker refused; the workers have been told */
};

/* A broker's part of an interest; all of it is the broker's. */
#define INTEREST_HOLDS 2
struct interest_hold {
  struct list link;  /* all that it knows, oldest first */
  struct list ask;   /* those to ask the plugin for, or to give back to it */
  struct list grace; /* those that nobody wants any more */
  uint64_t grace_until_ms;
  bool held;       /* the broker has it: it must stay, even when it is removed */
  bool in_flight;  /* part of a batch that the plugin has not answered */
  bool owed;       /* likewise, and its deadline has passed: nobody waits for the answer */
  bool orphan;     /* likewise, and nobody wants it any more: it goes when the answer comes */
  bool unanswered; /* nobody wants it, but the answer is to come */
  bool alone;      /* to be asked for in a batch of its own */
  bool restoring;  /* the backend is to have it, and has not confirmed it yet */
  bool confirmed;  /* the plugin's last answer is that it delivers */
  bool failed;     /* it is that it does not */
};

struct interest {
  struct map_entry by_name; /* key points at name */
  struct map_entry by_id;   /* patterns only; key points at id */
  uint64_t id;              /* odd: a pattern. Never reused */
  bool is_pattern;
  /* under the shard's mutex */
  bool queued; /* stands in the queue of changes */
  uint8_t state;
  uint64_t workers; /* bit mask */
  struct mpsc_node change;
  bool removed; /* stands in no map any more */
  /* control thread only: what a broker knows of it, or two while one takes over from the other */
  struct interest_hold holds[INTEREST_HOLDS];
  char name[]; /* name_len bytes */
};

static inline struct plug_str interest_name(const struct interest *interest)
{
  return interest->by_name.key;
}

struct interest_table;

/* inbox_limit: how many items may wait for a worker; from a half on publishers are told to slow
 * down, beyond it messages are dropped. local_patterns: pattern subscriptions need no broker,
 * because all messages come through this table with interest 0. on_change: [any] called without
 * locks when the control thread should call interest_take_changes. */
struct interest_table *interest_table_new(unsigned n_workers, struct inbox *const *inboxes,
                                          uint64_t inbox_limit, void (*on_change)(void *ctx),
                                          void *ctx);
void interest_table_free(struct interest_table *table);
/* inbox_limit in bytes of messages; without, there is none. Before threads start. */
void interest_set_inbox_bytes(struct interest_table *table, uint64_t bytes);
/* [control] once workers run. */
void interest_set_local_patterns(struct interest_table *table, bool local);
/* [control] Patterns that no broker has been asked for, since they were local, are changes. */
void interest_queue_patterns(struct interest_table *table);

/* Which worker this thread is, so that it does not wake itself; -1 (the default) for others. */
void interest_bind_worker(int worker);
/* Whether this thread is one. */
bool interest_on_worker(void);

/* [worker] The worker wants name from now on: local publishes reach its inbox when this returns.
 * PLUG_OK: the broker has confirmed it long since. PLUG_PENDING: an INBOX_INTEREST will tell.
 * PLUG_ENOMEM. Not called twice without interest_leave between. */
plug_status interest_join(struct interest_table *table, unsigned worker, struct plug_str name,
                          bool is_pattern);
/* [worker] */
void interest_leave(struct interest_table *table, unsigned worker, struct plug_str name,
                    bool is_pattern);
/* The same for who knows hash_bytes of the name already. */
plug_status interest_join_hashed(struct interest_table *table, unsigned worker,
                                 struct plug_str name, uint64_t hash, bool is_pattern);
void interest_leave_hashed(struct interest_table *table, unsigned worker, struct plug_str name,
                           uint64_t hash, bool is_pattern);

/* [any] Puts msg into the inboxes of the workers that want it. interest: see
 * plug_broker_up.deliver. PLUG_EAGAIN: put, but a worker is behind. PLUG_ETOOBIG: dropped for a
 * worker whose inbox is full, and counted. PLUG_ENOMEM: likewise. */
plug_status interest_deliver(struct interest_table *table, uint64_t interest,
                             const struct plug_msg *msg);
/* [any] False: no worker wants a message whose topic has that hash (message_topic_hash). True: one
 * may. */
bool interest_is_heard(struct interest_table *table, uint64_t topic_hash);
/* [any] The workers that want it, a bit for each. */
uint64_t interest_workers(struct interest_table *table, struct plug_str name, bool is_pattern);
/* [any] Is some worker so far behind that publishers should wait? */
bool interest_congested(const struct interest_table *table);

/* --- the control thread's side --- */

enum interest_change {
  INTEREST_CHANGE_NONE,
  INTEREST_CHANGE_SUBSCRIBE, /* now ASKED: the broker is to be asked */
  INTEREST_CHANGE_UNUSED,    /* nobody wants it, the broker has it: wait for the grace period */
  INTEREST_CHANGE_WANTED,    /* wanted again, within the grace period or unanswered */
  INTEREST_CHANGE_GONE,      /* removed, the broker never had it; the caller frees it */
};

/* [control] The entries that changed since the last call, as a chain; NULL when none. */
struct interest *interest_take_changes(struct interest_table *table);
/* [control] The next in that chain. To be called before interest_judge. */
struct interest *interest_next_change(const struct interest *interest);
/* [control] What the change asks for. */
enum interest_change interest_judge(struct interest_table *table, struct interest *interest);
/* [control] The backend has forgotten it: back to ASKED for a replay, and the workers are told that
 * it is not confirmed any more (PLUG_PENDING). False if nobody wants it any
 * more; who joins later asks anew. */
bool interest_ask_again(struct interest_table *table, struct interest *interest);
/* [control] The broker's answer: tells the workers. */
void interest_answer(struct interest_table *table, struct interest *interest, plug_status status);
/* [control] The same for PLUG_OK where it may be no news: who wants it and knows that it is
 * confirmed is told nothing. */
void interest_confirm(struct interest_table *table, struct interest *interest);
/* [control] After the grace period: true if it is still unwanted; it is removed then, and the
 * caller tells the broker and frees it. */
bool interest_retire(struct interest_table *table, struct interest *interest);
/* [control] Once it is removed and no broker holds it. */
void interest_free(struct interest *interest);

#endif
