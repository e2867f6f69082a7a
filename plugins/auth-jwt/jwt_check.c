#include "jwt_check.h"

#include <stdio.h>
#include <string.h>

#include "jwt_claims.h"
#include "jwt_text.h"
#include "strict_json.h"

/* The kid belongs into every line about a token whose header could be read. */
static void add_kid(struct jwt_verdict *verdict, const struct jwt_token *token)
{
  char shown[JWT_SHOWN_SIZE];
  struct jwt_fault *fault = &verdict->fault;
  size_t n = strlen(fault->detail);
  if (token->kid.ptr == NULL || strstr(fault->detail, "kid ") != NULL)
    return;
  snprintf(fault->detail + n, sizeof fault->detail - n, " (kid %s)", jwt_show(shown, token->kid));
}

static enum jwt_reason judge(const struct jwt_policy *policy, const struct jwt_keyset *keys,
                             const struct jwt_token *token, double now_s,
                             struct jwt_verdict *verdict)
{
  struct jwt_fault *fault = &verdict->fault;
  char why[160];
  int line;
  int64_t expires_ms;
  enum jwt_reason reason = jwt_keyset_verify(keys, token, policy->algs, fault);
  if (reason != JWT_OK)
    return reason;
  json_t *claims = strict_json_parse(token->payload, JWT_CLAIMS_DEPTH, why, &line);
  if (claims == NULL)
    return jwt_fail(fault, JWT_MALFORMED, "the token's claims: %s", why);
  reason = jwt_claims_check(policy, token, claims, now_s, &expires_ms, fault);
  if (reason == JWT_OK)
    reason = jwt_identity_make(&verdict->identity, policy, claims, expires_ms, fault);
  json_decref(claims);
  return reason;
}

enum jwt_reason jwt_check(const struct jwt_policy *policy, const struct jwt_keyset *keys,
                          struct plug_str text, double now_s, struct jwt_verdict *verdict)
{
  struct jwt_token token;
  memset(&verdict->identity, 0, sizeof verdict->identity);
  verdict->fault.reason = JWT_OK;
  verdict->fault.detail[0] = '\0';
  enum jwt_reason reason = jwt_token_parse(&token, text, policy->max_token, &verdict->fault);
  verdict->has_kid = token.kid.ptr != NULL;
  snprintf(verdict->kid, sizeof verdict->kid, "%s", verdict->has_kid ? token.kid.ptr : "");
  if (reason == JWT_OK)
    reason = judge(policy, keys, &token, now_s, verdict);
  if (reason != JWT_OK)
    add_kid(verdict, &token);
  jwt_token_fini(&token);
  return reason;
}

void jwt_verdict_fini(struct jwt_verdict *verdict)
{
  jwt_identity_fini(&verdict->identity);
}
