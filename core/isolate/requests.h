/* Operations that a process has been asked for and has not answered: a number for each, which can
 * be answered once. Owns the table, not the operations. One thread at a time. */
#ifndef ISOLATE_REQUESTS_H
#define ISOLATE_REQUESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <plugboard/host.h>

struct request {
  struct plug_op *op;
  const struct plug_msg *msg; /* of a publish: lent for as long as it is open */
  uint32_t generation;
  uint32_t next_free; /* index + 1; 0: none */
  bool open;
};

struct requests {
  struct request *all;
  size_t n, cap, n_open;
  uint32_t free;
};

void requests_fini(struct requests *requests);
/* Never 0, never with WIRE_LANE in it; 0: out of memory. */
uint64_t requests_add(struct requests *requests, struct plug_op *op, const struct plug_msg *msg);
/* An open one; NULL: there is none of that number. Valid until the next is added. */
const struct request *requests_find(const struct requests *requests, uint64_t id);
/* Closes it. False: there is none of that number. */
bool requests_take(struct requests *requests, uint64_t id, struct plug_op **op);
/* Closes all, and gives their operations, which may be NULL, to fn. */
void requests_close_all(struct requests *requests, void (*fn)(void *ctx, struct plug_op *op),
                        void *ctx);

#endif
