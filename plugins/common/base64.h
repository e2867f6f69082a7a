/* Base64, read strictly: nothing but the alphabet and the padding, and unused bits are 0. That of
 * JSON and of signatures, that of tokens, and the looser forms in which people write secrets down.
 * No state, no I/O. Any thread. */
#ifndef BASE64_H
#define BASE64_H

#include <plugboard/abi.h>
#include <stdbool.h>

/* Upper bound of the decoded length. */
static inline size_t base64_bound(size_t len)
{
  return len / 4 * 3 + 3;
}

/* RFC 4648, section 4: complete padding; there is one text for each value. out holds
 * base64_bound(in.len) bytes. */
bool base64_decode(struct plug_str in, unsigned char *out, size_t *out_len);

/* RFC 7515: the URL alphabet, no padding, no blanks, unused bits 0; anything else is refused, so
 * that there is one text for each value. out holds base64_bound(in.len) bytes. */
bool base64url_decode(struct plug_str in, unsigned char *out, size_t *out_len);

/* Either alphabet, padding optional but complete when there is any, unused bits 0. */
bool base64_decode_any(struct plug_str in, unsigned char *out, size_t *out_len);

#endif
