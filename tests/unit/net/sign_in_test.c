/* The try page's sign-in: which names pass, how they are read, and what a token is. */
#include "net/sign_in.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/str.h"

#define N(array) (sizeof(array) / sizeof(*(array)))

static void sane_names_pass(void **state)
{
  (void)state;
  static const char *const names[] = {
      "a", "Ada", "Ada Lovelace", "O'Neill", "x_1.y-2", "J\xc3\xbcrgen", "\xed\x99\x8d\xea\xb8\xb8",
      "\xe6\x97\xa5\xe6\x9c\xac", "\xf0\x9f\x90\x99", "12345678901234567890123456789012",
      /* 32 letters of two bytes each */
      "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3"
      "\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
      "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"};
  for (size_t i = 0; i < N(names); i++)
    if (sign_in_name_fault(str_of(names[i])))
      fail_msg("%s: %s", names[i], sign_in_name_fault(str_of(names[i])));
}

static void others_are_told_why(void **state)
{
  (void)state;
  static const struct {
    const char *name, *fault;
  } cases[] = {
      {"", "The name is empty."},
      {" ", "A name neither starts with a blank nor has two side by side."},
      {" a", "A name neither starts with a blank nor has two side by side."},
      {"a  b", "A name neither starts with a blank nor has two side by side."},
      {"a ", "A name does not end with a blank."},
      {"123456789012345678901234567890123", "A name has at most 32 characters."},
      {"a/b", "A name has letters and digits, and in between blanks and . _ - '"},
      {"a\tb", "A name has letters and digits, and in between blanks and . _ - '"},
      {"<b>", "A name has letters and digits, and in between blanks and . _ - '"},
      {"a\x7f", "A name has letters and digits, and in between blanks and . _ - '"},
      {"a\"b", "A name has letters and digits, and in between blanks and . _ - '"},
      {"a\xc2\x85z", "A name has letters and digits, and in between blanks and . _ - '"},
      {"a\xe2\x80\xaez", "A name has letters and digits, and in between blanks and . _ - '"},
      {"a\xe2\x80\x8bz", "A name has letters and digits, and in between blanks and . _ - '"},
      {"a\xef\xbb\xbfz", "A name has letters and digits, and in between blanks and . _ - '"},
      {"a\xf3\xa0\x80\x81z", "A name has letters and digits, and in between blanks and . _ - '"},
      {"a\xff", "The name is not UTF-8."},
      {"a\xc3", "The name is not UTF-8."},
      {"a\xed\xa0\x80", "The name is not UTF-8."},
  };
  for (size_t i = 0; i < N(cases); i++) {
    const char *fault = sign_in_name_fault(str_of(cases[i].name));
    assert_non_null(fault);
    assert_string_equal(fault, cases[i].fault);
  }
  assert_non_null(sign_in_name_fault(str_from("a\0b", 3)));
}

static void a_query_gives_one_name(void **state)
{
  (void)state;
  char name[SIGN_IN_NAME_MAX];
  size_t len;
  static const struct {
    const char *query, *name;
  } good[] = {{"name=Ada", "Ada"},
              {"x=1&name=J%C3%bcrgen+K", "J\xc3\xbcrgen K"},
              {"name=", ""},
              {"nam=x&name=a%26b&", "a&b"}};
  for (size_t i = 0; i < N(good); i++) {
    const char *fault = sign_in_read_name(str_of(good[i].query), name, &len);
    if (fault)
      fail_msg("%s: %s", good[i].query, fault);
    assert_true(str_eq(str_from(name, len), str_of(good[i].name)));
  }
  static const struct {
    const char *query, *fault;
  } bad[] = {{"", "There is no name: POST to this path with ?name=NAME."},
             {"names=x", "There is no name: POST to this path with ?name=NAME."},
             {"name=a&name=b", "There is more than one name."},
             {"name=%4", "The query has an escape that is none."},
             {"name=%4g", "The query has an escape that is none."},
             {"name=%", "The query has an escape that is none."}};
  for (size_t i = 0; i < N(bad); i++)
    assert_string_equal(sign_in_read_name(str_of(bad[i].query), name, &len), bad[i].fault);
  char text[5 + SIGN_IN_NAME_MAX + 1] = "name=";
  memset(text + 5, 'a', SIGN_IN_NAME_MAX + 1);
  assert_null(sign_in_read_name(str_from(text, 5 + SIGN_IN_NAME_MAX), name, &len));
  assert_int_equal(len, SIGN_IN_NAME_MAX);
  assert_string_equal(sign_in_read_name(str_from(text, sizeof text), name, &len),
                      "The name is too long.");
}

/* "-" and "_" back to what EVP_DecodeBlock knows, with padding. */
static size_t decode(struct plug_str part, unsigned char *out)
{
  unsigned char padded[1024];
  assert_true(part.len + 4 < sizeof padded);
  size_t n = 0;
  for (; n < part.len; n++) {
    char c = part.ptr[n];
    assert_true(c != '=' && c != '+' && c != '/');
    padded[n] = c == '-' ? '+' : c == '_' ? '/' : (unsigned char)c;
  }
  size_t padding = (4 - n % 4) % 4;
  for (size_t i = 0; i < padding; i++)
    padded[n++] = '=';
  int len = EVP_DecodeBlock(out, padded, (int)n);
  assert_true(len >= 0);
  return (size_t)len - padding;
}

static void a_token_is_signed_and_says_who(void **state)
{
  (void)state;
  struct plug_str secret = STR("0123456789abcdef0123456789abcdef"), part;
  struct buf out = {0};
  unsigned char bytes[1024], mac[EVP_MAX_MD_SIZE];
  unsigned mac_len;
  buf_put_str(&out, STR("before "));
  assert_true(sign_in_put_token(&out, secret, STR("O'Neill \xc3\xa4"), 1700000000));
  struct plug_str token = str_from(out.data + 7, out.len - 7), rest = token;
  assert_true(str_split(&rest, '.', &part));
  size_t n = decode(part, bytes);
  assert_true(str_eq(str_from((char *)bytes, n), STR("{\"alg\":\"HS256\",\"typ\":\"JWT\"}")));
  assert_true(str_split(&rest, '.', &part));
  n = decode(part, bytes);
  assert_true(str_eq(str_from((char *)bytes, n),
                     STR("{\"iss\":\"plugboard-try-page\",\"aud\":\"plugboard-try-page\","
                         "\"sub\":\"O'Neill \xc3\xa4\",\"name\":\"O'Neill \xc3\xa4\","
                         "\"iat\":1700000000,\"exp\":1700043200}")));
  size_t signed_len = (size_t)(rest.ptr - token.ptr) - 1;
  HMAC(EVP_sha256(), secret.ptr, (int)secret.len, (const unsigned char *)token.ptr, signed_len, mac,
       &mac_len);
  n = decode(rest, bytes);
  assert_int_equal(n, mac_len);
  assert_memory_equal(bytes, mac, n);
  buf_free(&out);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sane_names_pass),
      cmocka_unit_test(others_are_told_why),
      cmocka_unit_test(a_query_gives_one_name),
      cmocka_unit_test(a_token_is_signed_and_says_who),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
