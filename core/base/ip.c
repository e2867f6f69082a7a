#include "base/ip.h"

#include <arpa/inet.h>

const uint8_t ip_v4_prefix[12] = {[10] = 0xff, [11] = 0xff};

void ip_set_v4(uint8_t address[16], const void *v4)
{
  memcpy(address, ip_v4_prefix, sizeof ip_v4_prefix);
  memcpy(address + sizeof ip_v4_prefix, v4, 4);
}

bool ip_parse(struct plug_str text, uint8_t address[16])
{
  char copy[INET6_ADDRSTRLEN];
  uint8_t v4[4];
  if (text.len == 0 || text.len >= sizeof copy || memchr(text.ptr, '\0', text.len))
    return false;
  memcpy(copy, text.ptr, text.len);
  copy[text.len] = '\0';
  if (inet_pton(AF_INET, copy, v4) == 1) {
    ip_set_v4(address, v4);
    return true;
  }
  return inet_pton(AF_INET6, copy, address) == 1;
}
