/* IP addresses of both kinds as 16 bytes: IPv6, and IPv4 as ::ffff:a.b.c.d (RFC 4291 2.5.5.2). Owns
 * nothing. Any thread. */
#ifndef BASE_IP_H
#define BASE_IP_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <plugboard/abi.h>

/* What stands before the four bytes of an IPv4 address. */
extern const uint8_t ip_v4_prefix[12];

static inline bool ip_is_v4(const uint8_t address[16])
{
  return memcmp(address, ip_v4_prefix, sizeof ip_v4_prefix) == 0;
}

void ip_set_v4(uint8_t address[16], const void *v4); /* v4: four bytes */

/* "192.0.2.1" or "2001:db8::1"; false, and address as it was, for anything else. */
bool ip_parse(struct plug_str text, uint8_t address[16]);

#endif
