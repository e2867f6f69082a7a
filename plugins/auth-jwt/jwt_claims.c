#include "jwt_claims.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "jwt_text.h"
#include "strict_json.h"

/* The year 5138: what is later is no time in seconds but in milliseconds, or no time at all. */
#define MAX_NUMERIC_DATE 1e11

/* A NumericDate may have a fraction. found is false when the claim is not there. */
static enum jwt_reason take_date(json_t *claims, const char *name, double *at, bool *found,
                                 struct jwt_fault *fault)
{
  const json_t *value = json_object_get(claims, name);
  *found = value != NULL && !json_is_null(value);
  if (!*found)
    return JWT_OK;
  if (!json_is_number(value))
    return jwt_fail(fault, JWT_MALFORMED, "the claim %s is not a number", name);
  *at = json_number_value(value);
  if (!(fabs(*at) < MAX_NUMERIC_DATE))
    return jwt_fail(fault, JWT_MALFORMED, "the claim %s is not a time in seconds", name);
  return JWT_OK;
}

static enum jwt_reason check_times(const struct jwt_policy *policy, json_t *claims, double now,
                                   int64_t *expires_ms, struct jwt_fault *fault)
{
  double exp = 0, nbf = 0, iat = 0, leeway = (double)policy->leeway_s;
  bool has_exp, has_nbf, has_iat;
  enum jwt_reason reason;
  *expires_ms = 0;
  if ((reason = take_date(claims, "exp", &exp, &has_exp, fault)) != JWT_OK ||
      (reason = take_date(claims, "nbf", &nbf, &has_nbf, fault)) != JWT_OK ||
      (reason = take_date(claims, "iat", &iat, &has_iat, fault)) != JWT_OK)
    return reason;
  if (!has_exp && !policy->allow_no_expiry)
    return jwt_fail(fault, JWT_CLAIM, "the token has no exp and would never end");
  if (has_exp && now >= exp + leeway)
    return jwt_fail(fault, JWT_EXPIRED, "the token expired %.0f s ago", now - exp);
  if (has_nbf && now < nbf - leeway)
    return jwt_fail(fault, JWT_NOT_YET, "the token is valid in %.0f s", nbf - now);
  if (has_iat && policy->refuse_future && now < iat - leeway)
    return jwt_fail(fault, JWT_NOT_YET, "the token is issued in %.0f s", iat - now);
  if (has_exp)
    *expires_ms = (int64_t)((exp + leeway) * 1000);
  return JWT_OK;
}

static enum jwt_reason check_issuer(const struct jwt_policy *policy, json_t *claims,
                                    struct jwt_fault *fault)
{
  char shown[JWT_SHOWN_SIZE];
  struct plug_str iss = strict_json_str(claims, "iss");
  if (policy->issuers.n == 0)
    return JWT_OK;
  if (iss.ptr == NULL)
    return jwt_fail(fault, JWT_ISSUER, "the token names no issuer (iss), expected %.150s",
                    policy->issuers.v[0]);
  if (!jwt_texts_have(&policy->issuers, iss))
    return jwt_fail(fault, JWT_ISSUER, "the issuer is %s, expected %.150s", jwt_show(shown, iss),
                    policy->issuers.v[0]);
  return JWT_OK;
}

static enum jwt_reason check_audience(const struct jwt_policy *policy, json_t *claims,
                                      struct jwt_fault *fault)
{
  char shown[JWT_SHOWN_SIZE];
  json_t *aud = json_object_get(claims, "aud"), *one;
  struct plug_str first = strict_json_value_str(aud);
  size_t i;
  if (policy->audiences.n == 0)
    return JWT_OK;
  if (first.ptr != NULL && jwt_texts_have(&policy->audiences, first))
    return JWT_OK;
  json_array_foreach(aud, i, one)
  {
    struct plug_str text = strict_json_value_str(one);
    if (text.ptr == NULL)
      return jwt_fail(fault, JWT_MALFORMED, "the claim aud holds something that is no string");
    if (jwt_texts_have(&policy->audiences, text))
      return JWT_OK;
    if (first.ptr == NULL)
      first = text;
  }
  if (first.ptr == NULL)
    return jwt_fail(fault, JWT_AUDIENCE, "the token names no audience (aud), expected %.150s",
                    policy->audiences.v[0]);
  return jwt_fail(fault, JWT_AUDIENCE, "the audience is %s%s, expected %.150s",
                  jwt_show(shown, first), json_array_size(aud) > 1 ? " and others" : "",
                  policy->audiences.v[0]);
}

/* Whom the token was given to: azp, else client_id. Providers whose aud says little have these. */
static enum jwt_reason check_client(const struct jwt_policy *policy, json_t *claims,
                                    struct jwt_fault *fault)
{
  char shown[JWT_SHOWN_SIZE];
  if (policy->clients.n == 0)
    return JWT_OK;
  struct plug_str client = strict_json_str(claims, "azp");
  if (json_object_get(claims, "azp") == NULL)
    client = strict_json_str(claims, "client_id");
  if (client.ptr == NULL)
    return jwt_fail(fault, JWT_CLIENT,
                    "the token names no client (azp, client_id), expected %.150s",
                    policy->clients.v[0]);
  if (!jwt_texts_have(&policy->clients, client))
    return jwt_fail(fault, JWT_CLIENT, "the client is %s, expected %.150s", jwt_show(shown, client),
                    policy->clients.v[0]);
  return JWT_OK;
}

static struct plug_str without_application(struct plug_str typ)
{
  static const char prefix[] = "application/";
  size_t n = sizeof prefix - 1;
  if (typ.len > n && jwt_str_eq_nocase((struct plug_str){typ.ptr, n}, jwt_str(prefix)))
    return (struct plug_str){typ.ptr + n, typ.len - n};
  return typ;
}

static bool is_one_of(struct plug_str text, const char *const *v, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (jwt_str_eq_nocase(text, jwt_str(v[i])))
      return true;
  return false;
}
#define IS_ONE_OF(text, v) is_one_of(text, v, sizeof(v) / sizeof *(v))

/* The header's typ. RFC 9068 calls access tokens at+jwt, most providers JWT or nothing, some write
 * nonsense: only what is known to be something else is refused. */
static enum jwt_reason check_type(const struct jwt_policy *policy, const struct jwt_token *token,
                                  struct jwt_fault *fault)
{
  static const char *const others[] = {"logout+jwt", "dpop+jwt", "secevent+jwt", "rt+jwt"};
  char shown[JWT_SHOWN_SIZE];
  struct plug_str typ = without_application(token->typ);
  bool good = true;
  if (policy->types.n == 0) {
    good = !IS_ONE_OF(typ, others) &&
           !(policy->kind == JWT_ID_TOKEN && jwt_str_eq_nocase(typ, jwt_str("at+jwt")));
  } else {
    good = false;
    for (size_t i = 0; i < policy->types.n && !good; i++) {
      struct plug_str want = without_application(jwt_str(policy->types.v[i]));
      good = token->typ.ptr == NULL ? jwt_str_is(want, "none") : jwt_str_eq_nocase(typ, want);
    }
  }
  if (good)
    return JWT_OK;
  return jwt_fail(fault, JWT_KIND, "the token's type (typ) is %s",
                  token->typ.ptr != NULL ? jwt_show(shown, token->typ) : "not given");
}

/* Claims by which providers tell their kinds of token apart: typ of Keycloak, token_use of Cognito.
 */
static enum jwt_reason check_kind(const struct jwt_policy *policy, json_t *claims,
                                  struct jwt_fault *fault)
{
  static const char *const never[] = {"Refresh", "Offline", "Logout", "Registration",
                                      "Initial-Access-Token"};
  char shown[JWT_SHOWN_SIZE];
  struct plug_str typ = strict_json_str(claims, "typ"), use = strict_json_str(claims, "token_use");
  const char *wanted = policy->kind == JWT_ID_TOKEN ? "id" : "access";
  if (policy->kind == JWT_ANY_TOKEN)
    return JWT_OK;
  if (IS_ONE_OF(typ, never) ||
      jwt_str_eq_nocase(typ, jwt_str(policy->kind == JWT_ID_TOKEN ? "Bearer" : "ID")))
    return jwt_fail(fault, JWT_KIND, "the claim typ is %s: not an %s token", jwt_show(shown, typ),
                    wanted);
  if (use.ptr != NULL && !jwt_str_is(use, wanted))
    return jwt_fail(fault, JWT_KIND, "the claim token_use is %s, expected %s", jwt_show(shown, use),
                    wanted);
  return JWT_OK;
}

/* Is the value, or an element of it, this text? */
static bool value_is(const json_t *value, const char *want)
{
  char number[32];
  size_t i;
  json_t *one;
  switch (json_typeof(value)) {
  case JSON_STRING:
    return jwt_str_is(strict_json_value_str(value), want);
  case JSON_TRUE:
    return strcmp(want, "true") == 0;
  case JSON_FALSE:
    return strcmp(want, "false") == 0;
  case JSON_INTEGER:
    snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return strcmp(want, number) == 0;
  case JSON_ARRAY:
    json_array_foreach(value, i, one)
    {
      if (!json_is_array(one) && value_is(one, want))
        return true;
    }
    return false;
  default:
    return false;
  }
}

static enum jwt_reason check_required(const struct jwt_policy *policy, json_t *claims,
                                      struct jwt_fault *fault)
{
  for (size_t i = 0; i < policy->n_require; i++) {
    const struct jwt_requirement *r = &policy->require[i];
    const json_t *value = jwt_path_find(&r->path, claims);
    if (value == NULL)
      return jwt_fail(fault, JWT_CLAIM, "the required claim %.100s is missing", r->path.text);
    if (r->value != NULL && !value_is(value, r->value))
      return jwt_fail(fault, JWT_CLAIM, "the claim %.100s is not %.100s", r->path.text, r->value);
  }
  return JWT_OK;
}

enum jwt_reason jwt_claims_check(const struct jwt_policy *policy, const struct jwt_token *token,
                                 json_t *claims, double now_s, int64_t *expires_ms,
                                 struct jwt_fault *fault)
{
  enum jwt_reason reason;
  if ((reason = check_type(policy, token, fault)) != JWT_OK ||
      (reason = check_kind(policy, claims, fault)) != JWT_OK ||
      (reason = check_issuer(policy, claims, fault)) != JWT_OK ||
      (reason = check_audience(policy, claims, fault)) != JWT_OK ||
      (reason = check_client(policy, claims, fault)) != JWT_OK ||
      (reason = check_times(policy, claims, now_s, expires_ms, fault)) != JWT_OK ||
      (reason = check_required(policy, claims, fault)) != JWT_OK)
    return reason;
  if (!policy->allow_bound && json_object_get(claims, "cnf") != NULL)
    return jwt_fail(fault, JWT_BOUND,
                    "the token is bound to a key of its owner (cnf: DPoP or mTLS), which cannot be "
                    "proved here; allow-bound-tokens accepts it as a bearer token");
  return JWT_OK;
}
