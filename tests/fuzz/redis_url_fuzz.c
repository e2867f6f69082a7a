/* The url option, channel names and globs: no input may break them. */
#include <stdint.h>
#include <stdlib.h>

#include "redis_glob.h"
#include "redis_sentinel.h"
#include "redis_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const struct plug_str input = {(const char *)data, size};
  struct redis_url url;
  struct redis_addr addr;
  const char *why = NULL;
  char text[REDIS_ADDR_TEXT];
  if (redis_url_parse(input, &url, &why) == PLUG_OK) {
    redis_addr_text(&url.addr, text);
    redis_url_fini(&url);
  } else if (why == NULL) {
    abort();
  }
  if (redis_sentinel_parse_switch(input, "m", &addr) && addr.port == 0)
    abort();

  /* A name without special characters is its own glob. */
  struct redis_buf glob = {0}, channel = {0};
  if (size > 0) {
    redis_glob_put(&glob, redis_str("p"), input);
    redis_channel_put(&channel, redis_str("p"), input);
    int special = 0;
    for (size_t i = 0; i < size; i++)
      special |= memchr("*?[]\\{", data[i], 6) != NULL;
    if (!special && !redis_str_eq(redis_buf_str(&glob), redis_buf_str(&channel)))
      abort();
  }
  redis_buf_fini(&glob);
  redis_buf_fini(&channel);
  return 0;
}
