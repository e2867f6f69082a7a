/* plugctl token: makes a token for tests. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/command.h"
#include "cli/dial.h"
#include "cli/exits.h"
#include "cli/jwt.h"
#include "cli/say.h"
#include "whole_file.h"

enum { KEY_MAX = 65536 };

/* NAME=VALUE: the value is JSON, or else a text. */
static bool put_claim(json_t *claims, const char *text)
{
  const char *equals = strchr(text, '=');
  if (!equals || equals == text) {
    say_error("--claim wants NAME=VALUE, not '%s'", text);
    return false;
  }
  json_t *value = json_loads(equals + 1, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
  if (!value)
    value = json_string(equals + 1);
  if (!value || json_object_setn_new(claims, text, (size_t)(equals - text), value) != 0) {
    say_error("--claim '%s' is not UTF-8", text);
    return false;
  }
  return true;
}

static json_t *list_json(const struct text_list *list, bool one_as_text)
{
  if (!list->n)
    return NULL;
  if (list->n == 1 && one_as_text)
    return json_string(list->items[0]);
  json_t *array = json_array();
  for (size_t i = 0; i < list->n; i++)
    json_array_append_new(array, json_string(list->items[i]));
  return array;
}

static json_t *make_claims(const struct arguments *a)
{
  json_int_t now = (json_int_t)time(NULL);
  json_t *claims =
      json_pack("{s:s*, s:s*, s:o*, s:o*, s:I}", "sub", a->subject, "iss", a->issuer, "aud",
                list_json(&a->audiences, true), "roles", list_json(&a->roles, false), "iat", now);
  if (!claims) {
    say_error("an option is not UTF-8");
    return NULL;
  }
  if (a->expires_ms)
    json_object_set_new(claims, "exp", json_integer(now + a->expires_ms / 1000));
  for (size_t i = 0; i < a->claims.n; i++)
    if (!put_claim(claims, a->claims.items[i])) {
      json_decref(claims);
      return NULL;
    }
  return claims;
}

static enum exit_code make(const struct arguments *a, const struct jwt_signing *signing)
{
  char why[240];
  struct buf token = {0};
  json_t *claims = make_claims(a);
  enum exit_code code = EXIT_BAD_USAGE;
  if (claims && !jwt_make(&token, signing, claims, why)) {
    say_error("%s%s%s", a->key ? a->key : "", a->key ? ": " : "", why);
    code = EXIT_FAILED;
  } else if (claims && a->json) {
    json_t *text = json_stringn(token.data, token.len);
    code = say_json(json_pack("{s:o, s:O}", "token", text, "claims", claims)) ? EXIT_DONE
                                                                              : EXIT_FAILED;
  } else if (claims) {
    buf_put_char(&token, '\n');
    code = say_buf(&token) ? EXIT_DONE : EXIT_FAILED;
  }
  buf_free(&token);
  json_decref(claims);
  return code;
}

static int run_token(const struct arguments *a)
{
  struct jwt_signing signing = {.alg = a->alg, .kid = a->kid};
  char *read = NULL, *pem = NULL, why[240];
  const char *secret = NULL;
  size_t len;
  enum exit_code code = EXIT_FAILED;
  if ((a->secret || a->secret_file) && a->key) {
    say_error("a token is signed by --secret or by --key, not by both");
    return EXIT_BAD_USAGE;
  }
  if (a->key) {
    pem = whole_file_read(a->key, KEY_MAX, &len, NULL, why);
    if (!pem)
      say_error("%s: %s", a->key, why);
    else
      signing.pem = str_from(pem, len);
  } else if (dial_secret(a->secret, a->secret_file, "PLUGCTL_SECRET", &read, &secret) && !secret) {
    say_error("token wants --secret-file FILE, --secret TEXT or --key FILE");
    code = EXIT_BAD_USAGE;
  }
  signing.secret = str_of(secret);
  if (pem && !signing.pem.len)
    say_error("%s: it is empty", a->key);
  else if (pem || secret)
    code = make(a, &signing);
  if (pem)
    explicit_bzero(pem, len);
  free(pem);
  free(read);
  return (int)code;
}

static const struct option_spec specs[] = {
    {.name = "secret",
     .value = "TEXT",
     .kind = OPTION_TEXT,
     .at = AT(secret),
     .help = "sign with this secret (HS256); others on this machine can see it, so rather "
             "--secret-file or $PLUGCTL_SECRET"},
    {.name = "secret-file",
     .value = "FILE",
     .kind = OPTION_TEXT,
     .at = AT(secret_file),
     .help = "the secret is this file's first line"},
    {.name = "key",
     .letter = 'k',
     .value = "FILE",
     .kind = OPTION_TEXT,
     .at = AT(key),
     .help = "sign with this private key (PEM): RSA (RS256), EC (ES256, ES384, ES512 by the "
             "curve) or Ed25519 (EdDSA)"},
    {.name = "alg",
     .value = "NAME",
     .kind = OPTION_TEXT,
     .at = AT(alg),
     .words = "HS256 HS384 HS512 RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA",
     .help = "another algorithm that the secret or the key is for"},
    {.name = "kid",
     .value = "TEXT",
     .kind = OPTION_TEXT,
     .at = AT(kid),
     .help = "the key's id, for the token's header"},
    {.name = "sub",
     .letter = 's',
     .value = "NAME",
     .kind = OPTION_TEXT,
     .at = AT(subject),
     .help = "the claim sub: whose token it is"},
    {.name = "role",
     .letter = 'r',
     .value = "NAME",
     .kind = OPTION_LIST,
     .at = AT(roles),
     .help = "one of the claim roles; may be repeated"},
    {.name = "iss",
     .value = "TEXT",
     .kind = OPTION_TEXT,
     .at = AT(issuer),
     .help = "the claim iss"},
    {.name = "aud",
     .value = "TEXT",
     .kind = OPTION_LIST,
     .at = AT(audiences),
     .help = "the claim aud; may be repeated"},
    {.name = "expires",
     .letter = 'e',
     .value = "TIME",
     .kind = OPTION_DURATION,
     .at = AT(expires_ms),
     .max = INT64_C(315360000000),
     .usual = 3600000,
     .help = "the claim exp: how long from now; 0: no such claim"},
    {.name = "claim",
     .letter = 'c',
     .value = "NAME=VALUE",
     .kind = OPTION_LIST,
     .at = AT(claims),
     .help = "any other claim, or one of these again; VALUE is JSON, or else a "
             "text; may be repeated"},
    {.name = "json",
     .letter = 'j',
     .kind = OPTION_FLAG,
     .at = AT(json),
     .help = "print token and claims as JSON"},
};
static const struct option_group group = {"Token", specs, sizeof specs / sizeof *specs};

const struct command command_token = {
    .name = "token",
    .operands = "",
    .summary = "make a JSON Web Token for tests",
    .text = "Prints a token (JWT) that auth-jwt accepts when it has the same secret, or the public "
            "key. It has sub, iat and exp; other claims as asked for. For tests: real tokens come "
            "from who knows the users.",
    .examples = "plugctl token --secret-file secret --sub alice\n"
                "plugctl token --key private.pem --sub alice --role admin --expires 10m\n"
                "plugctl token --key ec.pem --sub svc --aud chat --claim 'rooms=[1,2]'\n"
                "plugctl sub --token $(plugctl token --secret-file secret) /topic/a",
    .groups = {&group},
    .run = run_token,
};
