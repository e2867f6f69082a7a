#include "jwt_token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "jwt_text.h"
#include "strict_json.h"

static size_t count_dots(struct plug_str s)
{
  size_t n = 0;
  for (const char *dot; s.len > 0 && (dot = memchr(s.ptr, '.', s.len)) != NULL; n++) {
    s.len -= (size_t)(dot + 1 - s.ptr);
    s.ptr = dot + 1;
  }
  return n;
}

bool jwt_token_looks_like(struct plug_str s)
{
  /* An object, '{' and a quote or white space, begins so in base64url. */
  size_t dots = count_dots(s);
  return s.len > 4 && s.ptr[0] == 'e' && (s.ptr[1] == 'y' || s.ptr[1] == 'w') &&
         (dots == 2 || dots == 4);
}

/* Header parameters that say where a key is, or that change what is signed. A key that the token
 * brings along proves nothing; parameters behind "crit" must be understood, and none is. */
static enum jwt_reason refuse_parameters(const json_t *header, struct jwt_fault *fault)
{
  static const char *const refused[] = {"crit", "jku", "jwk", "x5u", "x5c", "b64", "zip", "enc"};
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
    if (json_object_get(header, refused[i]) != NULL)
      return jwt_fail(fault, JWT_UNSUPPORTED, "the header parameter \"%s\" is not accepted",
                      refused[i]);
  struct plug_str cty = strict_json_str(header, "cty");
  if (cty.ptr != NULL && (jwt_str_eq_nocase(cty, jwt_str("JWT")) ||
                          jwt_str_eq_nocase(cty, jwt_str("application/jwt"))))
    return jwt_fail(fault, JWT_UNSUPPORTED, "a token within the token (cty is JWT)");
  return JWT_OK;
}

/* A member that must be a string if it is there at all. */
static enum jwt_reason take_string(const json_t *header, const char *key, struct plug_str *out,
                                   struct jwt_fault *fault)
{
  const json_t *value = json_object_get(header, key);
  if (value == NULL)
    return JWT_OK;
  *out = strict_json_value_str(value);
  return out->ptr != NULL ? JWT_OK
                          : jwt_fail(fault, JWT_MALFORMED,
                                     "the header parameter \"%s\" is not a "
                                     "string",
                                     key);
}

static enum jwt_reason read_header(struct jwt_token *token, struct plug_str json,
                                   struct jwt_fault *fault)
{
  char why[160], shown[JWT_SHOWN_SIZE];
  int line;
  struct plug_str alg = {NULL, 0};
  enum jwt_reason reason;
  token->header = strict_json_parse(json, JWT_HEADER_DEPTH, why, &line);
  if (token->header == NULL)
    return jwt_fail(fault, JWT_MALFORMED, "the token's header: %s", why);
  if ((reason = take_string(token->header, "kid", &token->kid, fault)) != JWT_OK ||
      (reason = take_string(token->header, "typ", &token->typ, fault)) != JWT_OK ||
      (reason = take_string(token->header, "alg", &alg, fault)) != JWT_OK)
    return reason;
  if (alg.ptr == NULL)
    return jwt_fail(fault, JWT_MALFORMED, "the token's header names no algorithm");
  if (!jwt_alg_find(alg, &token->alg))
    return jwt_fail(fault, JWT_ALGORITHM, "the algorithm \"%s\" is not accepted",
                    jwt_show(shown, alg));
  return refuse_parameters(token->header, fault);
}

/* Decodes one part into token->bytes at *used. */
static bool decode(struct jwt_token *token, struct plug_str part, size_t *used,
                   struct plug_str *out)
{
  unsigned char *at = token->bytes + *used;
  if (!base64url_decode(part, at, &out->len))
    return false;
  out->ptr = (const char *)at;
  *used += out->len;
  return true;
}

enum jwt_reason jwt_token_parse(struct jwt_token *token, struct plug_str text, size_t max_len,
                                struct jwt_fault *fault)
{
  memset(token, 0, sizeof *token);
  token->text = text;
  if (text.len > max_len)
    return jwt_fail(fault, JWT_TOO_LARGE, "a token of %zu bytes is longer than max-token-size, %zu",
                    text.len, max_len);
  size_t dots = count_dots(text);
  if (dots == 4)
    return jwt_fail(fault, JWT_ENCRYPTED,
                    "an encrypted token (JWE): have the provider sign it instead");
  if (dots == 0)
    return jwt_fail(
        fault, JWT_OPAQUE,
        "an opaque token, not a JWT: ask the provider for a JWT (audience or resource)");
  if (dots != 2)
    return jwt_fail(fault, JWT_MALFORMED, "a token of %zu parts, not three", dots + 1);

  const char *dot1 = memchr(text.ptr, '.', text.len);
  const char *rest = dot1 + 1, *end = text.ptr + text.len;
  const char *dot2 = memchr(rest, '.', (size_t)(end - rest));
  struct plug_str header64 = {text.ptr, (size_t)(dot1 - text.ptr)};
  struct plug_str payload64 = {rest, (size_t)(dot2 - rest)};
  struct plug_str signature64 = {dot2 + 1, (size_t)(end - dot2 - 1)};
  struct plug_str header = {NULL, 0};
  size_t used = 0;
  token->signed_part = (struct plug_str){text.ptr, (size_t)(dot2 - text.ptr)};
  if (header64.len > JWT_MAX_HEADER / 3 * 4)
    return jwt_fail(fault, JWT_MALFORMED, "the token's header is longer than %d bytes",
                    JWT_MAX_HEADER);
  if (signature64.len > JWT_MAX_SIGNATURE / 3 * 4 + 4)
    return jwt_fail(fault, JWT_MALFORMED, "the token's signature is longer than %d bytes",
                    JWT_MAX_SIGNATURE);
  token->n_bytes =
      base64_bound(header64.len) + base64_bound(payload64.len) + base64_bound(signature64.len);
  token->bytes = malloc(token->n_bytes);
  if (token->bytes == NULL)
    return jwt_fail(fault, JWT_NO_MEMORY, "out of memory");
  if (!decode(token, header64, &used, &header))
    return jwt_fail(fault, JWT_MALFORMED, "the token's header is not base64url");
  if (!decode(token, payload64, &used, &token->payload))
    return jwt_fail(fault, JWT_MALFORMED, "the token's claims are not base64url");
  if (!decode(token, signature64, &used, &token->signature))
    return jwt_fail(fault, JWT_MALFORMED, "the token's signature is not base64url");
  enum jwt_reason reason = read_header(token, header, fault);
  if (reason == JWT_OK && token->signature.len == 0)
    return jwt_fail(fault, JWT_MALFORMED, "the token has no signature");
  return reason;
}

void jwt_token_fini(struct jwt_token *token)
{
  json_decref(token->header);
  if (token->bytes != NULL)
    explicit_bzero(token->bytes, token->n_bytes); /* header and claims of somebody */
  free(token->bytes);
  memset(token, 0, sizeof *token);
}
