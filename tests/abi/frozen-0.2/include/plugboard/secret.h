/* SPDX-License-Identifier: MIT
 *
 * plugboard/secret.h: convenience for code that handles secrets: comparing without telling by the
 * time it takes where two differ, and wiping in a way that no compiler leaves out. Inline, no ABI.
 */
#ifndef PLUGBOARD_SECRET_H
#define PLUGBOARD_SECRET_H

#include <plugboard/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

/* 1 if both are equal, else 0. The time depends on their lengths only. */
static inline int plug_secret_equal(struct plug_str a, struct plug_str b)
{
  volatile unsigned char differ = (unsigned char)(a.len != b.len);
  for (size_t i = 0; i < a.len && i < b.len; i++)
    differ = (unsigned char)(differ | (unsigned char)(a.ptr[i] ^ b.ptr[i]));
  return differ == 0;
}

static inline void plug_secret_wipe(void *bytes, size_t len)
{
  volatile unsigned char *at = (volatile unsigned char *)bytes;
  while (len--)
    *at++ = 0;
}

#ifdef __cplusplus
}
#endif
#endif
