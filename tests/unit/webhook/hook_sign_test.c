/* Signatures against vectors that others have made: Python's hmac, openssl, and the example of the
 * Standard Webhooks specification. */
#include "hook_sign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct plug_str str(const char *text)
{
  return (struct plug_str){text, strlen(text)};
}

static void check(const char *secret, const char *id, const char *timestamp, struct plug_str body,
                  const char *expected)
{
  struct hook_key key;
  char why[160], out[HOOK_SIGNATURE_SIZE];
  assert_true(hook_key_take(&key, str(secret), why));
  assert_true(hook_sign(&key, id, timestamp, body, out));
  assert_string_equal(out, expected);
  hook_key_fini(&key);
  assert_null(key.bytes);
}

static void vectors(void **state)
{
  char bytes[256], longest[HOOK_KEY_MAX + 1];
  (void)state;
  for (int i = 0; i < 256; i++)
    bytes[i] = (char)i;
  memset(longest, 'k', HOOK_KEY_MAX);
  longest[HOOK_KEY_MAX] = '\0';
  check("0123456789abcdefghijklmn", "msg_1", "1700000000", str("{}"),
        "v1,/K1l9UQlQFiC9vWSzcBzVntnxjzzMzUqATYiwF20DiY=");
  check("0123456789abcdefghijklmn", "msg_2", "1", (struct plug_str){bytes, sizeof bytes},
        "v1,5XY9LeAgGIeV+NzMo7GDzFVfqiRbRNRevUWEmZIH/eo=");
  check(longest, "id", "0", (struct plug_str){NULL, 0},
        "v1,7EkAsOUFgg56jZGwAxZXSHjDrG8UT1I8iWqJekLMmuE=");
  check("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330",
        str("{\"test\": 2432232314}"), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

static void refused(void **state)
{
  static const struct {
    const char *secret, *why;
  } cases[] = {
      {"", "the secret has 0 bytes, fewer than 24: whoever sees a request could find it by trying "
           "(openssl rand -base64 32 makes a good one)"},
      {"12345678901234567890123", "the secret has 23 bytes, fewer than 24: whoever sees a request "
                                  "could find it by trying (openssl rand -base64 32 makes a good "
                                  "one)"},
      {"whsec_", "what follows whsec_ in the secret is not base64"},
      {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "what follows whsec_ in the secret is not base64"},
      {"whsec_MfKQ!r8GKYqrTwjUPD8ILPZIo2LaLaSw", "what follows whsec_ in the secret is not base64"},
      {"whsec_MfKQ 9r8GKYqrTwjUPD8ILPZIo2LaLa=", "what follows whsec_ in the secret is not base64"},
      {"whsec_    MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
       "what follows whsec_ in the secret is not base64"},
      {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n\n\n\n",
       "what follows whsec_ in the secret is not base64"},
      {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMf==",
       "what follows whsec_ in the secret is not base64"},
      {"whsec_QUJD", "the secret has 3 bytes, fewer than 24: whoever sees a request could find it "
                     "by trying (openssl rand -base64 32 makes a good one)"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct hook_key key;
    char why[160];
    assert_false(hook_key_take(&key, str(cases[i].secret), why));
    assert_string_equal(why, cases[i].why);
    assert_null(key.bytes);
  }
  char *longer = calloc(1, HOOK_KEY_MAX + 1), why[160];
  struct hook_key key;
  assert_false(hook_key_take(&key, (struct plug_str){longer, HOOK_KEY_MAX + 1}, why));
  assert_string_equal(why, "the secret is longer than 1024 bytes");
  free(longer);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(vectors),
      cmocka_unit_test(refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
