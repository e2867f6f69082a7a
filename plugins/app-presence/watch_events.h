/* How many events a room gets: at most so many in any second. What is more is merged into the last
 * one, which says the last count and how many changes it stands for, and comes as soon as it may:
 * within a second. Owns the text of the event that waits. Its owner's thread. */
#ifndef WATCH_EVENTS_H
#define WATCH_EVENTS_H

#include <plugboard/ext/presence.h>

#include <stdbool.h>

struct watch_event {
  uint32_t kind;
  struct plug_str user, info;
  uint64_t users, merged; /* changes that it stands for, itself included */
};

struct watch_events {
  uint64_t max;
  uint64_t *sent_ms; /* a ring of the last max */
  uint64_t n_sent;   /* since the start */
  bool waits;
  struct watch_event last; /* while it waits; its texts in text */
  char *text;
};

bool watch_events_init(struct watch_events *events, uint64_t max);
void watch_events_fini(struct watch_events *events);

/* A change has come. True: *out is to be sent now. */
bool watch_events_offer(struct watch_events *events, const struct plug_presence_change *change,
                        uint64_t now_ms, struct watch_event *out);
/* True: *out, which has waited, is to be sent now; valid until the next call. */
bool watch_events_due(struct watch_events *events, uint64_t now_ms, struct watch_event *out);

#endif
