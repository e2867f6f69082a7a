#include "base/hash.h"

#include <string.h>
#include <sys/random.h>

static uint64_t seed[2] = {0x706c7567626f6172u, 0x6420737469636b73u};

void hash_seed(void)
{
  /* Without entropy the fixed seed stays, which costs resistance to floods and nothing else. */
  uint64_t fresh[2];
  if (getrandom(fresh, sizeof fresh, GRND_NONBLOCK) == (ssize_t)sizeof fresh)
    memcpy(seed, fresh, sizeof seed);
}

static inline uint64_t rotate(uint64_t x, int bits)
{
  return (x << bits) | (x >> (64 - bits));
}

struct sip {
  uint64_t v0, v1, v2, v3;
};

static inline void sip_round(struct sip *s)
{
  s->v0 += s->v1;
  s->v1 = rotate(s->v1, 13) ^ s->v0;
  s->v0 = rotate(s->v0, 32);
  s->v2 += s->v3;
  s->v3 = rotate(s->v3, 16) ^ s->v2;
  s->v0 += s->v3;
  s->v3 = rotate(s->v3, 21) ^ s->v0;
  s->v2 += s->v1;
  s->v1 = rotate(s->v1, 17) ^ s->v2;
  s->v2 = rotate(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t word)
{
  s->v3 ^= word;
  sip_round(s);
  s->v0 ^= word;
}

uint64_t hash_bytes(const void *bytes, size_t len)
{
  struct sip s = {seed[0] ^ 0x736f6d6570736575u, seed[1] ^ 0x646f72616e646f6du,
                  seed[0] ^ 0x6c7967656e657261u, seed[1] ^ 0x7465646279746573u};
  const unsigned char *p = bytes;
  size_t left = len;
  for (; left >= 8; left -= 8, p += 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    sip_word(&s, word);
  }
  uint64_t last = (uint64_t)len << 56;
  for (size_t i = 0; i < left; i++)
    last |= (uint64_t)p[i] << (8 * i);
  sip_word(&s, last);
  s.v2 ^= 0xff;
  sip_round(&s);
  sip_round(&s);
  sip_round(&s);
  return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
