/* Paths as they are compared: escapes, dots and slashes. */
#include "http/http_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"

#define N(array) (sizeof(array) / sizeof(*(array)))

static void expect(struct plug_str raw, struct plug_str expected)
{
  char *out = malloc(raw.len), *copy = malloc(raw.len); /* exactly what it may use */
  assert_true(out && copy);
  memcpy(copy, raw.ptr, raw.len);
  struct plug_str got = http_path_normalise(str_from(copy, raw.len), out);
  assert_ptr_equal(got.ptr, out);
  assert_true(got.len <= raw.len);
  if (!str_eq(got, expected))
    fail_msg("%.*s: expected %.*s, got %.*s", STR_ARG(raw), STR_ARG(expected), STR_ARG(got));
  free(out);
  free(copy);
}

static void paths_are_resolved_as_in_rfc_3986_5_2_4(void **state)
{
  (void)state;
  static const char *const rows[][2] = {
      {"/", "/"},
      {"/a", "/a"},
      {"/a/", "/a/"},
      {"/a/b", "/a/b"},
      {"/a/b/", "/a/b/"},
      /* the RFC's own examples (5.2.4, 5.4) */
      {"/a/b/c/./../../g", "/a/g"},
      {"/b/c/..", "/b/"},
      {"/b/c/.", "/b/c/"},
      {"/b/c/./g", "/b/c/g"},
      {"/b/c/../g", "/b/g"},
      {"/b/c/../../g", "/g"},
      {"/b/c/../../../g", "/g"},
      {"/b/c/../../../../g", "/g"},
      {"/b/c/g.", "/b/c/g."},
      {"/b/c/.g", "/b/c/.g"},
      {"/b/c/g..", "/b/c/g.."},
      {"/b/c/..g", "/b/c/..g"},
      {"/b/c/./g/.", "/b/c/g/"},
      {"/b/c/g/../h", "/b/c/h"},
      {"/.", "/"},
      {"/..", "/"},
      {"/./", "/"},
      {"/../", "/"},
      {"/../..", "/"},
      {"/../../a", "/a"},
      {"/a/..", "/"},
      {"/a/../", "/"},
      {"/a/../..", "/"},
      {"/a/./b", "/a/b"},
      {"/...", "/..."},
      {"/a/.../b", "/a/.../b"},
      {"/.a/..b/c.", "/.a/..b/c."},
      /* several slashes are one */
      {"//", "/"},
      {"///", "/"},
      {"//a", "/a"},
      {"/a//b", "/a/b"},
      {"/a///b//", "/a/b/"},
      {"/a//../b", "/b"},
      {"//../a", "/a"},
      {"/a/.//b", "/a/b"},
      /* escapes count as what they stand for */
      {"/%61", "/a"},
      {"/%41%42", "/AB"},
      {"/a%20b", "/a b"},
      {"/a%2fb", "/a/b"},
      {"/a%2Fb", "/a/b"},
      {"/a%2f%2fb", "/a/b"},
      {"/%2e", "/"},
      {"/%2E%2e/a", "/a"},
      {"/a/%2e%2e/b", "/b"},
      {"/a/.%2e/b", "/b"},
      {"/a/%2e./b", "/b"},
      {"/a%2f..%2fb", "/b"},
      {"/a/..%2f..%2f..%2fb", "/b"},
      {"/a/%2e%2e%2fb", "/b"},
      {"%2fa", "/a"},
      /* and only once */
      {"/%2561", "/%61"},
      {"/a/%252e%252e/b", "/a/%2e%2e/b"},
      {"/%25", "/%"},
      /* other characters stay */
      {"/a\\..\\b", "/a\\..\\b"},
      {"/a+b", "/a+b"},
      {"/A", "/A"},
      {"/%c3%A9", "/\xc3\xa9"},
      {"/a%3fb%23c", "/a?b#c"},
      {"/;/../a", "/a"},
      {"/..;/a", "/..;/a"},
  };
  for (size_t i = 0; i < N(rows); i++)
    expect(str_of(rows[i][0]), str_of(rows[i][1]));
  expect(STR("/a%00b"), STR("/a\0b"));
  expect(STR("/%00/.."), STR("/"));
  expect(STR("/..%00/a"), STR("/..\0/a"));
}

static void every_escape_is_its_byte(void **state)
{
  (void)state;
  static const char *const digits[] = {"0123456789abcdef", "0123456789ABCDEF"};
  for (unsigned c = 0; c < 256; c++)
    for (size_t k = 0; k < N(digits); k++) {
      const char raw[] = {'/', 'a', '%', digits[k][c >> 4], digits[k][c & 15], 'b'};
      const char plain[] = {'/', 'a', (char)c, 'b'};
      expect(str_from(raw, sizeof raw), str_from(plain, sizeof plain));
    }
}

/* Every path of up to seven characters out of a slash, a dot, a letter, and an escaped dot and
 * slash, against a resolver that keeps a list of segments. */
static struct plug_str resolve(const char *plain, size_t len, char *out)
{
  struct plug_str segments[16];
  size_t n = 0, out_len = 0;
  bool folder = true;
  for (size_t i = 0; i < len;) {
    size_t start = i;
    while (i < len && plain[i] != '/')
      i++;
    struct plug_str segment = str_from(plain + start, i - start);
    folder = i < len || segment.len == 0;
    i++;
    if (segment.len == 0)
      continue;
    bool dot = str_eq(segment, STR(".")), dots = str_eq(segment, STR(".."));
    if (dots && n)
      n--;
    if (!dot && !dots)
      segments[n++] = segment;
    folder = folder || dot || dots;
  }
  if (len && plain[len - 1] == '/')
    folder = true;
  for (size_t i = 0; i < n; i++) {
    out[out_len++] = '/';
    memcpy(out + out_len, segments[i].ptr, segments[i].len);
    out_len += segments[i].len;
  }
  if (folder || n == 0)
    out[out_len++] = '/';
  return str_from(out, out_len);
}

static void all_short_paths_are_resolved_like_a_list_of_segments(void **state)
{
  (void)state;
  static const char *const letters[] = {"/", ".", "a", "%2e", "%2f"};
  static const char plain_letters[] = "/.a./";
  enum { LEN = 6 };
  size_t total = 1;
  for (size_t i = 0; i < LEN; i++)
    total *= N(letters);
  for (size_t len = 0; len <= LEN; len++) {
    for (size_t number = 0; number < total; number++) {
      char raw[32] = "/", plain[16] = "/", out[32];
      size_t left = number;
      for (size_t i = 0; i < len; i++, left /= N(letters)) {
        strcat(raw, letters[left % N(letters)]);
        plain[i + 1] = plain_letters[left % N(letters)];
      }
      plain[len + 1] = '\0';
      if (left)
        break; /* the rest has more characters */
      expect(str_of(raw), resolve(plain, len + 1, out));
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(paths_are_resolved_as_in_rfc_3986_5_2_4),
      cmocka_unit_test(every_escape_is_its_byte),
      cmocka_unit_test(all_short_paths_are_resolved_like_a_list_of_segments),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
