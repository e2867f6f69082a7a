#include "cli/stamp.h"

static void put_letters(uint8_t *out, uint64_t value, int n)
{
  for (int i = n - 1; i >= 0; i--, value >>= 4)
    out[i] = (uint8_t)('a' + (value & 15));
}

void stamp_put(uint8_t *out, const struct stamp *stamp)
{
  out[0] = 'S';
  put_letters(out + 1, stamp->slot, 3);
  put_letters(out + 4, stamp->seq, 8);
  put_letters(out + 12, stamp->time_ns, 16);
}
