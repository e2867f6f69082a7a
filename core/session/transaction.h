/* Transactions (STOMP 1.2 BEGIN, COMMIT, ABORT): frames that are held back until COMMIT. Owns
 * copies of the frames. The session's thread. */
#ifndef SESSION_TRANSACTION_H
#define SESSION_TRANSACTION_H

#include "base/list.h"
#include "stomp/stomp.h"

struct held_frame {
  struct list link;
  struct stomp_frame frame; /* slices of this allocation */
  size_t bytes;             /* of the allocation: what counts against the limit */
};

struct transaction {
  struct list link; /* in the session's list */
  struct list held; /* struct held_frame, oldest first */
  uint64_t bytes;
  size_t id_len;
  char id[];
};

/* A copy, in no list, for free(); NULL when out of memory. */
struct held_frame *held_frame_new(const struct stomp_frame *frame);

struct transaction *transaction_new(struct plug_str id);
void transaction_free(struct transaction *transaction);
struct transaction *transaction_find(struct list *transactions, struct plug_str id);
/* What holding the frame would cost. */
size_t transaction_frame_bytes(const struct stomp_frame *frame);
/* Copies the frame; false when out of memory. */
bool transaction_hold(struct transaction *transaction, const struct stomp_frame *frame);

#endif
