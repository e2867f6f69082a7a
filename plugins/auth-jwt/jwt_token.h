/* A compact JWS (RFC 7515) taken apart and judged by its form: nothing in it is trusted yet. Owns
 * the decoded bytes and the header; the text stays the caller's. No I/O. Any thread. */
#ifndef JWT_TOKEN_H
#define JWT_TOKEN_H

#include <jansson.h>

#include "jwt_alg.h"
#include "jwt_fault.h"

enum {
  JWT_MAX_HEADER = 4096, /* bytes of decoded JSON; real ones have 40 to 200 */
  JWT_HEADER_DEPTH = 4,
  JWT_CLAIMS_DEPTH = 16,
  JWT_MAX_SIGNATURE = 1024, /* RSA of 8192 bits */
};

struct jwt_token {
  struct plug_str text;
  struct plug_str signed_part;        /* of text: what the signature is made over */
  struct plug_str payload, signature; /* decoded */
  json_t *header;
  enum jwt_alg alg;
  struct plug_str kid; /* ptr is NULL: none */
  struct plug_str typ; /* likewise */
  unsigned char *bytes;
  size_t n_bytes;
};

/* token is to be ended with jwt_token_fini whatever comes out. */
enum jwt_reason jwt_token_parse(struct jwt_token *token, struct plug_str text, size_t max_len,
                                struct jwt_fault *fault);
void jwt_token_fini(struct jwt_token *token);

/* Could s be meant as a compact JWS or JWE, and not as a password? */
bool jwt_token_looks_like(struct plug_str s);

#endif
