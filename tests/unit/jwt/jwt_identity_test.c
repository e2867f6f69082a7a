/* Claim paths, required claims, and what of the claims becomes the identity. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base64.h"
#include "signer.h"
#include "strict_json.h"

static void paths(void **state)
{
  (void)state;
  static const char claims[] =
      "{\"roles\":1,\"realm_access\":{\"roles\":2},\"resource_access\":{\"chat.example\":{"
      "\"roles\":3}},"
      "\"cognito:groups\":4,\"https://chat.example/roles\":5,\"a.b\":6,\"a\":{\"b\":7},\"x\":null,"
      "\"urn:x:y\":{\"z\":8},\"with blank\":9}";
  static const struct {
    const char *path;
    int value; /* 0: not there; -1: no path */
  } cases[] = {
      {"roles", 1},
      {" roles ", 1},
      {"realm_access.roles", 2},
      {"realm_access.rolls", 0},
      {"resource_access.\"chat.example\".roles", 3},
      {"\"resource_access\".\"chat.example\".\"roles\"", 3},
      {"cognito:groups", 4},
      {"\"cognito:groups\"", 4},
      {"https://chat.example/roles", 5},
      {"\"https://chat.example/roles\"", 5},
      {"a.b", 7},
      {"\"a.b\"", 6},
      {"x", 0},
      {"x.y", 0},
      {"roles.x", 0},
      {"urn:x:y.z", 8},
      {"with blank", 9},
      {"Roles", 0},
      {"", -1},
      {"a..b", -1},
      {".a", -1},
      {"a.", -1},
      {"\"a", -1},
      {"a\"b\"", -1},
      {"\"a\"b", -1},
      {"\"\"", -1},
      {"a.\"\"", -1},
      {"a.b.c.d.e.f.g.h", 0},
      {"a.b.c.d.e.f.g.h.i", -1},
  };
  char why[160];
  int line;
  json_t *json = strict_json_parse(jwt_str(claims), 16, why, &line);
  assert_non_null(json);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct jwt_path path;
    bool good = jwt_path_parse(&path, jwt_str(cases[i].path), why);
    if (good != (cases[i].value >= 0))
      fail_msg("%s: %s", cases[i].path, why);
    if (!good)
      continue;
    const json_t *value = jwt_path_find(&path, json);
    if ((value == NULL ? 0 : json_integer_value(value)) != cases[i].value)
      fail_msg("%s", cases[i].path);
    jwt_path_fini(&path);
  }
  json_decref(json);
}

static void lists(void **state)
{
  (void)state;
  struct jwt_paths list;
  struct plug_str bad;
  jwt_algs algs;
  char why[160], text[128];
  assert_true(jwt_paths_parse(&list, jwt_str(" roles,, \"a,b\".c , https://x/y"), why));
  assert_int_equal(list.n, 3);
  assert_string_equal(list.v[1].names[0], "a,b");
  assert_string_equal(list.v[2].names[0], "https://x/y");
  jwt_paths_fini(&list);
  assert_true(jwt_algs_parse(jwt_str("RS256, ES, Ed25519"), &algs, &bad));
  jwt_algs_text(algs, text);
  assert_string_equal(text, "RS256, ES256, ES384, ES512, EdDSA");
  assert_false(jwt_algs_parse(jwt_str("RS256, none"), &algs, &bad));
  assert_true(jwt_str_is(bad, "none"));
  assert_false(jwt_algs_parse(jwt_str("rs256"), &algs, &bad));
  assert_true(jwt_algs_parse(jwt_str("HS, RS, PS, ES, EdDSA"), &algs, &bad));
  assert_int_equal(algs, JWT_ALGS_ALL);
  jwt_algs_text(algs, text);
  assert_non_null(strstr(text, "EdDSA"));
}

static void base64(void **state)
{
  (void)state;
  static const struct {
    const char *text, *value; /* NULL: refused */
    const char *loose, *plain;
  } cases[] = {
      {"", "", "", ""},
      {"Zg", "f", "f", NULL},
      {"Zm8", "fo", "fo", NULL},
      {"Zm9v", "foo", "foo", "foo"},
      {"Zm9vYg", "foob", "foob", NULL},
      {"Zg==", NULL, "f", "f"},
      {"Zm8=", NULL, "fo", "fo"},
      {"Zg=", NULL, NULL, NULL},
      {"Zm9v====", NULL, NULL, NULL},
      {"Z", NULL, NULL, NULL},
      {"Zh", NULL, NULL, NULL},
      {"Zm9", NULL, NULL, NULL},
      {"-_-_", "\xfb\xff\xbf", "\xfb\xff\xbf", NULL},
      {"+/+/", NULL, "\xfb\xff\xbf", "\xfb\xff\xbf"},
      {"Zm 9v", NULL, NULL, NULL},
      {"Zm9v\n", NULL, NULL, NULL},
      {"Zh==", NULL, NULL, NULL},
      {"Zm9=", NULL, NULL, NULL},
      {"====", NULL, NULL, NULL},
      {"A===", NULL, NULL, NULL},
      {"=", NULL, NULL, NULL},
      {"Zm=v", NULL, NULL, NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (int form = 0; form < 3; form++) {
      unsigned char out[32];
      size_t len = 99;
      const char *wants[] = {cases[i].value, cases[i].loose, cases[i].plain}, *want = wants[form];
      bool (*const forms[])(struct plug_str, unsigned char *,
                            size_t *) = {base64url_decode, base64_decode_any, base64_decode};
      bool good = forms[form](jwt_str(cases[i].text), out, &len);
      if (good != (want != NULL) || (good && (len != strlen(want) || memcmp(out, want, len) != 0)))
        fail_msg("\"%s\"", cases[i].text);
    }
}

/* Sets up a policy from option texts, checks one token, and leaves the verdict. */
struct options {
  const char *user, *roles, *attributes, *permissions, *require, *client, *types;
  enum jwt_token_kind kind;
  bool allow_bound, refuse_future, need_expiry;
};

static struct signer signer;
static struct jwt_keyset *keys;
static struct jwt_policy policy;
static struct jwt_verdict verdict;

static enum jwt_reason check(struct options o, const char *header, const char *claims)
{
  char why[160];
  policy_init(&policy);
  if (o.user != NULL) {
    jwt_paths_fini(&policy.user);
    assert_true(jwt_paths_parse(&policy.user, jwt_str(o.user), why));
  }
  if (o.roles != NULL)
    assert_true(jwt_paths_parse(&policy.roles, jwt_str(o.roles), why));
  if (o.attributes != NULL)
    assert_true(jwt_policy_attributes(&policy, jwt_str(o.attributes), why));
  if (o.permissions != NULL)
    policy.has_permissions = jwt_path_parse(&policy.permissions, jwt_str(o.permissions), why);
  if (o.require != NULL && !jwt_policy_require(&policy, jwt_str(o.require), why))
    fail_msg("%s", why);
  if (o.client != NULL)
    assert_true(jwt_texts_parse(&policy.clients, jwt_str(o.client)));
  if (o.types != NULL)
    assert_true(jwt_texts_parse(&policy.types, jwt_str(o.types)));
  policy.kind = o.kind;
  policy.allow_bound = o.allow_bound;
  policy.refuse_future = o.refuse_future;
  policy.allow_no_expiry = !o.need_expiry;
  char *text = sign(&signer, header != NULL ? header : "{\"alg\":\"HS256\"}", claims);
  enum jwt_reason reason = jwt_check(&policy, keys, jwt_str(text), 1700000000, &verdict);
  free(text);
  return reason;
}

static void end(void)
{
  jwt_verdict_fini(&verdict);
  jwt_policy_fini(&policy);
}

static void expect(enum jwt_reason wanted, struct options o, const char *claims)
{
  enum jwt_reason reason = check(o, NULL, claims);
  if (reason != wanted)
    fail_msg("%s: reason %d (%s)", claims, reason, verdict.fault.detail);
  end();
}

static void required_claims(void **state)
{
  (void)state;
  struct options o = {.require = "type=access"};
  expect(JWT_OK, o, "{\"sub\":\"a\",\"type\":\"access\"}");
  expect(JWT_OK, o, "{\"sub\":\"a\",\"type\":[\"x\",\"access\"]}");
  expect(JWT_CLAIM, o, "{\"sub\":\"a\",\"type\":\"refresh\"}");
  expect(JWT_CLAIM, o, "{\"sub\":\"a\",\"type\":null}");
  expect(JWT_CLAIM, o, "{\"sub\":\"a\",\"type\":[[\"access\"]]}");
  expect(JWT_CLAIM, o, "{\"sub\":\"a\",\"type\":{\"access\":1}}");
  expect(JWT_CLAIM, o, "{\"sub\":\"a\"}");
  o.require = "n=7, ok=true, deep.er=x, any, \"https://x/y\"=\"a,b\", no=";
  expect(JWT_OK, o,
         "{\"sub\":\"a\",\"n\":7,\"ok\":true,\"deep\":{\"er\":\"x\"},\"any\":0,\"https://x/"
         "y\":\"a,b\",\"no\":\"\"}");
  expect(JWT_CLAIM, o,
         "{\"sub\":\"a\",\"n\":7,\"ok\":false,\"deep\":{\"er\":\"x\"},\"any\":0,\"https://x/"
         "y\":\"a,b\",\"no\":\"\"}");
  expect(JWT_CLAIM, o,
         "{\"sub\":\"a\",\"n\":7,\"ok\":true,\"deep\":{\"er\":\"x\"},\"any\":0,\"https://x/"
         "y\":\"a\",\"no\":\"\"}");
}

static void kinds_and_clients(void **state)
{
  (void)state;
  struct options o = {.client = "web, app"};
  expect(JWT_OK, o, "{\"sub\":\"a\",\"azp\":\"web\"}");
  expect(JWT_OK, o, "{\"sub\":\"a\",\"client_id\":\"app\"}");
  expect(JWT_CLIENT, o, "{\"sub\":\"a\",\"azp\":\"other\",\"client_id\":\"app\"}");
  expect(JWT_CLIENT, o, "{\"sub\":\"a\",\"azp\":[\"web\"]}");
  expect(JWT_CLIENT, o, "{\"sub\":\"a\",\"aud\":\"web\"}");
  o = (struct options){.kind = JWT_ID_TOKEN};
  expect(JWT_OK, o, "{\"sub\":\"a\",\"typ\":\"ID\"}");
  expect(JWT_OK, o, "{\"sub\":\"a\",\"token_use\":\"id\"}");
  expect(JWT_KIND, o, "{\"sub\":\"a\",\"token_use\":\"access\"}");
  expect(JWT_KIND, o, "{\"sub\":\"a\",\"typ\":\"Bearer\"}");
  expect(JWT_KIND, o, "{\"sub\":\"a\",\"typ\":\"Refresh\"}");
  assert_int_equal(check(o, "{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", "{\"sub\":\"a\"}"), JWT_KIND);
  end();
  o.kind = JWT_ANY_TOKEN;
  expect(JWT_OK, o, "{\"sub\":\"a\",\"typ\":\"Refresh\",\"token_use\":\"x\"}");
  o = (struct options){.types = "at+jwt"};
  expect(JWT_KIND, o, "{\"sub\":\"a\"}");
  assert_int_equal(
      check(o, "{\"alg\":\"HS256\",\"typ\":\"application/AT+jwt\"}", "{\"sub\":\"a\"}"), JWT_OK);
  end();
  assert_int_equal(check(o, "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", "{\"sub\":\"a\"}"), JWT_KIND);
  end();
  o.types = "none, JWT";
  expect(JWT_OK, o, "{\"sub\":\"a\"}");
  o = (struct options){.allow_bound = true};
  expect(JWT_OK, o, "{\"sub\":\"a\",\"cnf\":{\"jkt\":\"x\"}}");
  o = (struct options){.refuse_future = true};
  expect(JWT_NOT_YET, o, "{\"sub\":\"a\",\"iat\":1700000061}");
  expect(JWT_OK, o, "{\"sub\":\"a\",\"iat\":1700000060}");
  o = (struct options){.need_expiry = true};
  expect(JWT_CLAIM, o, "{\"sub\":\"a\"}");
  expect(JWT_CLAIM, o, "{\"sub\":\"a\",\"exp\":null}");
  expect(JWT_OK, o, "{\"sub\":\"a\",\"exp\":1700000001}");
}

static void users(void **state)
{
  (void)state;
  struct options o = {.user = "preferred_username, \"cognito:username\", sub"};
  assert_int_equal(check(o, NULL, "{\"sub\":\"u1\",\"cognito:username\":\"bob\"}"), JWT_OK);
  assert_true(jwt_str_is(verdict.identity.who.user, "bob"));
  end();
  assert_int_equal(check(o, NULL, "{\"sub\":42}"), JWT_OK);
  assert_true(jwt_str_is(verdict.identity.who.user, "42"));
  end();
  assert_int_equal(check(o, NULL, "{\"name\":\"x\"}"), JWT_USER);
  assert_non_null(strstr(verdict.fault.detail, "preferred_username, cognito:username, sub"));
  end();
  char claims[400];
  for (int n = 255; n <= 256; n++) {
    snprintf(claims, sizeof claims, "{\"sub\":\"%0*d\"}", n, 1);
    expect(n == 255 ? JWT_OK : JWT_USER, (struct options){0}, claims);
  }
}

static void check_roles(const char *list, const char *claims, const char *wanted)
{
  char got[200] = "";
  struct options o = {.roles = list};
  assert_int_equal(check(o, NULL, claims), JWT_OK);
  for (size_t i = 0; i < verdict.identity.who.n_roles; i++) {
    const struct plug_str *role = &verdict.identity.who.roles[i];
    snprintf(got + strlen(got), sizeof got - strlen(got), "%.*s|", (int)role->len, role->ptr);
  }
  assert_string_equal(got, wanted);
  end();
}

static void roles(void **state)
{
  (void)state;
  check_roles(
      "realm_access.roles, scope",
      "{\"sub\":\"a\",\"realm_access\":{\"roles\":[\"x\",\"y z\",\"\"]},\"scope\":\" a  b \"}",
      "x|y z|a|b|");
  check_roles("roles", "{\"sub\":\"a\"}", "");
  check_roles("roles", "{\"sub\":\"a\",\"roles\":[]}", "");
  check_roles("roles", "{\"sub\":\"a\",\"roles\":\"\"}", "");
  check_roles("roles", "{\"sub\":\"a\",\"roles\":null}", "");
  check_roles("cognito:groups", "{\"sub\":\"a\",\"cognito:groups\":[\"g\"]}", "g|");
  struct options o = {.roles = "roles"};
  expect(JWT_CLAIM, o, "{\"sub\":\"a\",\"roles\":7}");
  expect(JWT_CLAIM, o, "{\"sub\":\"a\",\"roles\":{\"admin\":true}}");
  expect(JWT_CLAIM, o, "{\"sub\":\"a\",\"roles\":[\"x\",7]}");
  expect(JWT_CLAIM, o, "{\"sub\":\"a\",\"roles\":[\"x\\n\"]}");
  expect(JWT_CLAIM, o, "{\"sub\":\"a\",\"roles\":\"x\\ny\"}");
  char *many = malloc(20000);
  for (size_t n = 1024; n <= 1025; n++) {
    strcpy(many, "{\"sub\":\"a\",\"roles\":\"");
    for (size_t i = 0; i < n; i++)
      strcat(many, "r ");
    strcat(many, "\"}");
    expect(n == 1024 ? JWT_OK : JWT_CLAIM, o, many);
  }
  free(many);
}

static void attributes(void **state)
{
  (void)state;
  struct options o = {.attributes = "userId, org=tenant.id, \"https://x/plan\", tags, raw"};
  char got[300] = "";
  assert_int_equal(check(o, NULL,
                         "{\"sub\":\"a\",\"userId\":9007199254740993,\"tenant\":{\"id\":\"t1\"},"
                         "\"https://x/plan\":true,\"tags\":[\"x\",2,[3]],\"raw\":{\"b\":0.1}}"),
                   JWT_OK);
  for (size_t i = 0; i < verdict.identity.who.n_attrs; i++) {
    const struct plug_kv *kv = &verdict.identity.who.attrs[i];
    snprintf(got + strlen(got), sizeof got - strlen(got), "%.*s=%.*s|", (int)kv->key.len,
             kv->key.ptr, (int)kv->value.len, kv->value.ptr);
  }
  assert_string_equal(
      got,
      "userId=9007199254740993|org=t1|https://x/plan=true|tags=x|tags=2|tags=[3]|raw={\"b\":0.1}|");
  end();
}

static void check_permissions(const char *claims, bool limited, const char *wanted)
{
  char got[300] = "";
  struct options o = {.permissions = "may"};
  assert_int_equal(check(o, NULL, claims), JWT_OK);
  assert_int_equal((verdict.identity.who.flags & PLUG_IDENTITY_LIMITED) != 0, limited);
  for (size_t i = 0; i < verdict.identity.who.n_permissions; i++) {
    const struct plug_permission *p = &verdict.identity.who.permissions[i];
    snprintf(got + strlen(got), sizeof got - strlen(got), "%u%.*s|", p->actions,
             (int)p->pattern.len, p->pattern.ptr);
  }
  assert_string_equal(got, wanted);
  end();
}

static void permissions(void **state)
{
  (void)state;
  check_permissions("{\"sub\":\"a\"}", false, "");
  check_permissions("{\"sub\":\"a\",\"may\":null}", false, "");
  check_permissions("{\"sub\":\"a\",\"may\":[]}", true, "");
  check_permissions("{\"sub\":\"a\",\"may\":{}}", true, "");
  check_permissions("{\"sub\":\"a\",\"may\":\"/a subscribe:/b/** send:/c\"}", true,
                    "3/a|1/b/**|2/c|");
  check_permissions("{\"sub\":\"a\",\"may\":[\"/a b\"]}", true, "3/a b|");
  check_permissions("{\"sub\":\"a\",\"may\":{\"subscribe\":[\"/a\"],\"send\":\"/b /c\",\"x\":1}}",
                    true, "1/a|2/b|2/c|");
  struct options o = {.permissions = "may"};
  expect(JWT_CLAIM, o, "{\"sub\":\"a\",\"may\":7}");
  expect(JWT_CLAIM, o, "{\"sub\":\"a\",\"may\":[7]}");
  expect(JWT_CLAIM, o, "{\"sub\":\"a\",\"may\":[\"a\"]}");
  expect(JWT_CLAIM, o, "{\"sub\":\"a\",\"may\":[\"\"]}");
  expect(JWT_CLAIM, o, "{\"sub\":\"a\",\"may\":{\"send\":[\"subscribe:/a\"]}}");
  expect(JWT_CLAIM, o, "{\"sub\":\"a\",\"may\":{\"send\":{\"a\":1}}}");
}

static int set_up(void **state)
{
  (void)state;
  signer_init(&signer, "HS256");
  keys = signer_keys(&signer, NULL, NULL);
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  jwt_keyset_unref(keys);
  signer_fini(&signer);
  return 0;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(paths),
      cmocka_unit_test(lists),
      cmocka_unit_test(base64),
      cmocka_unit_test(required_claims),
      cmocka_unit_test(kinds_and_clients),
      cmocka_unit_test(users),
      cmocka_unit_test(roles),
      cmocka_unit_test(attributes),
      cmocka_unit_test(permissions),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
