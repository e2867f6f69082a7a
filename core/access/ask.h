/* One question to the authorize function of the plugin that granted an identity: may this session
 * subscribe there, send there? Asked on the worker's thread where the plugin allows it, else at
 * home; the answer comes back through the worker's inbox unless it was there at once. */
#ifndef ACCESS_ASK_H
#define ACCESS_ASK_H

#include "access/identity.h"
#include "hub/inbox.h"

struct ask;

struct ask_answer {
  bool allowed;
  bool failed; /* nobody could say: a denial, too */
  struct plug_decision decision;
};

/* On the worker's thread; owner NULL: it was forgotten. Destination and tag as given. */
struct ask_result {
  unsigned action; /* as rule.h */
  bool is_pattern;
  struct plug_str destination, tag;
  struct ask_answer answer;
};
typedef void (*ask_fn)(void *owner, const struct ask_result *result);

struct ask_init {
  uint64_t session;
  uint64_t timeout_ms;
  struct identity *who; /* a reference is taken */
  unsigned action;
  bool is_pattern;
  struct plug_str destination, tag;
  struct inbox *inbox;
  ask_fn done;
  void *owner;
};

/* [worker] PLUG_OK: *answer is filled, done does not follow. PLUG_PENDING: *out is set, done
 * follows. PLUG_ENOMEM. */
plug_status ask_begin(const struct ask_init *init, struct ask **out, struct ask_answer *answer);

#endif
