/* Reads what POST /api/publish is given: one message or a batch, judged as a whole and made into
 * messages that are ready for the broker. No I/O. A batch owns its messages. The thread that has
 * the world's scratch. */
#ifndef API_API_PUBLISH_H
#define API_API_PUBLISH_H

#include "api/api_fault.h"
#include "app/user.h"
#include "hub/destination.h"

/* What the reader has to know. */
struct api_world {
  const struct destination_rules *destinations;
  const struct user_names *users;
  size_t max_destination, max_batch;
  uint64_t max_payload; /* that the broker carries; 0: no limit */
  struct plug_kv *kv;   /* scratch for headers */
  size_t n_kv;
};

struct api_batch {
  const struct plug_msg **msgs;
  size_t n;
  bool single; /* it was no list */
};

/* False: nothing was made, and *fault says which field of which message is to blame. */
bool api_publish_read(const struct api_world *world, struct plug_str body, struct api_batch *batch,
                      struct api_fault *fault);
void api_batch_free(struct api_batch *batch);

#endif
