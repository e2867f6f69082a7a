/* Tells when a backend is not worth asking: after so many failures in a row the breaker opens, for
 * a pause nobody is asked, then one call is let through whose outcome decides. No I/O, no clock:
 * times are given. One thread.
 *
 *   CLOSED -- failures in a row --> OPEN -- pause over, one call --> TRIAL -- success --> CLOSED
 *                                    ^                                 |
 *                                    +------------ failure ------------+
 */
#ifndef HOOK_BREAKER_H
#define HOOK_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum hook_breaker_state { HOOK_CLOSED, HOOK_OPEN, HOOK_TRIAL };

struct hook_breaker {
  enum hook_breaker_state state;
  uint64_t threshold, pause_ms;
  uint64_t failures; /* in a row */
  uint64_t until_ms; /* OPEN: of the pause */
  uint32_t round;    /* rises with each change of state */
};

void hook_breaker_init(struct hook_breaker *breaker, uint64_t threshold, uint64_t pause_ms);

/* Would a call be let through now? */
bool hook_breaker_lets(const struct hook_breaker *breaker, uint64_t now_ms);
/* Begins a call that is let through; its round is to be given back with its outcome. */
uint32_t hook_breaker_begin(struct hook_breaker *breaker);
/* True: the state is another one now. The outcome of a call that began before a change of state
 * says nothing about the time after it, and is left out. */
bool hook_breaker_end(struct hook_breaker *breaker, uint32_t round, bool good, uint64_t now_ms);

#endif
