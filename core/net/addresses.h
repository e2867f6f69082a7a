/* How many connections each client address has, and how fast new ones come: what one of them may
 * cost the others. IPv4 addresses count singly, IPv6 by their first 64 bits, which is what one
 * customer gets. Owns its entries; an address without connections is forgotten once its rate allows
 * a full burst again. Any thread: workers share one, behind a mutex per part of it. */
#ifndef NET_ADDRESSES_H
#define NET_ADDRESSES_H

#include <stdbool.h>
#include <stdint.h>

struct addresses;

enum addresses_verdict { ADDRESS_OK, ADDRESS_TOO_MANY, ADDRESS_TOO_FAST };

/* max: connections at a time, 0: any number. per_minute: new ones, 0: any number; a burst of as
 * many as a minute's is allowed. NULL when out of memory. */
struct addresses *addresses_new(uint64_t max, uint64_t per_minute);
/* Other limits from now on; nobody who is there has to go. */
void addresses_limit(struct addresses *addresses, uint64_t max, uint64_t per_minute);
/* False: connections need not be counted. */
bool addresses_have_limits(const struct addresses *addresses);
void addresses_free(struct addresses *addresses);

/* A new connection from there. ADDRESS_OK: counted; addresses_leave when it ends. Out of memory it
 * is let in and counted as far as possible. */
enum addresses_verdict addresses_enter(struct addresses *addresses, const uint8_t address[16],
                                       uint64_t now_ms);
/* Would one more connection come too fast? Nothing is counted. */
bool addresses_are_spent(struct addresses *addresses, const uint8_t address[16], uint64_t now_ms);
void addresses_leave(struct addresses *addresses, const uint8_t address[16], uint64_t now_ms);

#endif
