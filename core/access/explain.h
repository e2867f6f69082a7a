/* `plugboard --explain-access`: which rule decides, said in a sentence. No I/O; starting thread. */
#ifndef ACCESS_EXPLAIN_H
#define ACCESS_EXPLAIN_H

#include "access/rules.h"
#include "base/buf.h"

struct explain_request {
  const struct rules *rules;
  const struct rules_world *world;
  uint64_t max_destination_length;
  const char *const *words; /* USER ROLE... ACTION DESTINATION */
  size_t n_words;
};

/* Writes the answer. PLUG_OK: allowed; PLUG_DENY; PLUG_EINVAL: the words are wrong, and out says
 * how; PLUG_ENOMEM. */
plug_status explain_access(const struct explain_request *request, struct buf *out);

#endif
