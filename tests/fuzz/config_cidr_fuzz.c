/* A range of addresses, written, and an address of 16 bytes in front of it. What the range has is
 * compared bit by bit, and what is written out again means the same. */
#include <arpa/inet.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/str.h"
#include "config/cidr.h"

static unsigned bit_of(const uint8_t *address, unsigned bit)
{
  return address[bit / 8] >> (7 - bit % 8) & 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size < 16)
    return 0;
  struct cidr cidr;
  const char *fault = cidr_parse(str_from((const char *)data + 16, size - 16), &cidr);
  if (fault) {
    invariant(fault[0]);
    return 0;
  }
  invariant(cidr.bits <= 128);
  bool has = true, own = true;
  for (unsigned bit = 0; bit < 128; bit++) {
    if (bit >= cidr.bits)
      own = own && !bit_of(cidr.address, bit);
    else
      has = has && bit_of(cidr.address, bit) == bit_of(data, bit);
  }
  const struct cidr_list list = {&cidr, 1};
  invariant(own);
  invariant(cidr_list_has(&list, data) == has);
  invariant(cidr_list_has(&list, cidr.address));

  char text[INET6_ADDRSTRLEN + 5];
  struct cidr again;
  invariant(inet_ntop(AF_INET6, cidr.address, text, INET6_ADDRSTRLEN));
  size_t len = strlen(text);
  snprintf(text + len, sizeof text - len, "/%u", cidr.bits);
  invariant(!cidr_parse(str_of(text), &again));
  invariant(again.bits == cidr.bits && memcmp(again.address, cidr.address, 16) == 0);
  return 0;
}
