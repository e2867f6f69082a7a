/* The PROXY protocol. What is read is within what was given, and more bytes change no verdict. */
#include <stdint.h>
#include <stdlib.h>

#include "net/proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  struct proxy_header header, part;
  const char *bytes = (const char *)data;
  enum proxy_result whole = proxy_header_read(bytes, len, &header);
  if (whole == PROXY_DONE && (header.len > len || header.len > PROXY_HEADER_MAX))
    abort();
  for (size_t n = 0; n < len; n++) {
    enum proxy_result result = proxy_header_read(bytes, n, &part);
    if (result == PROXY_DONE && (whole != PROXY_DONE || part.len != header.len))
      abort();
    if (result == PROXY_BAD && whole != PROXY_BAD)
      abort();
  }
  return 0;
}
