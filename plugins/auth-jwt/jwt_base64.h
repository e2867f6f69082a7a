/* Base64 as tokens and keys need it: base64url without padding, in its one canonical form, and the
 * looser forms in which people write secrets down. No state, no I/O. Any thread. */
#ifndef JWT_BASE64_H
#define JWT_BASE64_H

#include <plugboard/abi.h>
#include <stdbool.h>

/* Upper bound of the decoded length. */
static inline size_t jwt_base64_bound(size_t len)
{
  return len / 4 * 3 + 3;
}

/* RFC 7515: the URL alphabet, no padding, no blanks, unused bits 0; anything else is refused, so
 * that there is one text for each value. out holds jwt_base64_bound(in.len) bytes. */
bool jwt_base64url_decode(struct plug_str in, unsigned char *out, size_t *out_len);

/* Either alphabet, padding optional but complete when there is any, unused bits 0. */
bool jwt_base64_decode_any(struct plug_str in, unsigned char *out, size_t *out_len);

#endif
