#include "config/cidr.h"

#include "base/ip.h"
#include "base/str.h"

static void set_bit_off(uint8_t *address, unsigned bit)
{
  address[bit / 8] = (uint8_t)(address[bit / 8] & ~(0x80u >> bit % 8));
}

const char *cidr_parse(struct plug_str text, struct cidr *cidr)
{
  const char *slash = text.len ? memchr(text.ptr, '/', text.len) : NULL;
  size_t len = slash ? (size_t)(slash - text.ptr) : text.len;
  if (!ip_parse(str_from(text.ptr, len), cidr->address))
    return "is no IP address and no range of them, as in 10.0.0.0/8";
  unsigned base = memchr(text.ptr, ':', len) ? 0 : 96; /* as it is written */
  uint64_t bits = 128 - base;
  if (slash && (!str_to_u64(str_from(slash + 1, text.len - len - 1), &bits) || bits > 128 - base))
    return base ? "has no length from 0 to 32 behind its '/'"
                : "has no length from 0 to 128 behind its '/'";
  cidr->bits = (uint8_t)(bits + base);
  struct cidr whole = *cidr;
  for (unsigned bit = cidr->bits; bit < 128; bit++)
    set_bit_off(cidr->address, bit);
  if (memcmp(&whole, cidr, sizeof whole) != 0)
    return "is no range: the address has bits set behind its length";
  return NULL;
}

static bool has(const struct cidr *cidr, const uint8_t address[16])
{
  unsigned whole = cidr->bits / 8, rest = cidr->bits % 8;
  if (memcmp(cidr->address, address, whole) != 0)
    return false;
  return !rest || (cidr->address[whole] ^ address[whole]) >> (8 - rest) == 0;
}

bool cidr_list_has(const struct cidr_list *list, const uint8_t address[16])
{
  for (size_t i = 0; i < list->n; i++)
    if (has(&list->items[i], address))
      return true;
  return false;
}
