/* Ranges of IP addresses: "10.0.0.0/8", "2001:db8::/32", or one address. Owns the list's memory.
 * Read-only once filled: any thread. */
#ifndef CONFIG_CIDR_H
#define CONFIG_CIDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <plugboard/abi.h>

struct cidr {
  uint8_t address[16]; /* IPv6; IPv4 as ::ffff:a.b.c.d */
  uint8_t bits;        /* of these that count: 0..128 */
};

struct cidr_list {
  struct cidr *items;
  size_t n;
};

/* NULL, or what is wrong with the text. */
const char *cidr_parse(struct plug_str text, struct cidr *cidr);
bool cidr_list_has(const struct cidr_list *list, const uint8_t address[16]);

#endif
