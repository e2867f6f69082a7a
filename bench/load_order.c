#include "load_order.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS = ORDER_WINDOW / 64 };

bool order_init(struct order *order, size_t n_streams, bool may_be_late)
{
  size_t n = n_streams ? n_streams : 1;
  *order = (struct order){0};
  order->next = calloc(n, sizeof *order->next);
  if (may_be_late)
    order->had = calloc(n, WORDS * sizeof *order->had);
  if (order->next && (order->had || !may_be_late))
    return true;
  order_fini(order);
  return false;
}

void order_fini(struct order *order)
{
  free(order->next);
  free(order->had);
  *order = (struct order){0};
}

static uint64_t *word_of(struct order *order, size_t stream, uint32_t seq)
{
  return &order->had[stream * WORDS + seq / 64 % WORDS];
}

static uint64_t bit_of(uint32_t seq)
{
  return UINT64_C(1) << seq % 64;
}

enum arrival order_note(struct order *order, size_t stream, uint32_t seq)
{
  uint32_t *next = &order->next[stream];
  bool late = seq < *next;
  if (!order->had) {
    if (late)
      return ARRIVED_TWICE;
    *next = seq + 1;
    return ARRIVED;
  }
  if (late) {
    uint64_t *word = word_of(order, stream, seq);
    if (*next - seq > ORDER_WINDOW || *word & bit_of(seq))
      return ARRIVED_TWICE;
    *word |= bit_of(seq);
    return ARRIVED_LATE;
  }
  if (seq - *next >= ORDER_WINDOW)
    memset(&order->had[stream * WORDS], 0, WORDS * sizeof *order->had);
  else
    for (uint32_t missing = *next; missing < seq; missing++)
      *word_of(order, stream, missing) &= ~bit_of(missing);
  *word_of(order, stream, seq) |= bit_of(seq);
  *next = seq + 1;
  return ARRIVED;
}
