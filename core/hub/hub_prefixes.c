#include "hub/hub_prefixes.h"

uint8_t hub_prefixes_find(const struct hub_prefixes *prefixes, struct plug_str topic)
{
  if (!topic.len || topic.ptr[0] != '/') /* "user:HASH/...": no client writes such a one */
    return HUB_PREFIX_USER;
  size_t i = destination_longest(&prefixes->configured, topic);
  bool counts = i < prefixes->configured.n && i < HUB_PREFIXES_MAX - HUB_PREFIX_FIRST;
  return counts ? (uint8_t)(HUB_PREFIX_FIRST + i) : HUB_PREFIX_OTHER;
}
