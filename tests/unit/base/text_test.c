#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"

static void expect(const char *text, size_t len, enum text_kind kind, const char *wanted)
{
  struct buf out = {0};
  text_put_shown(&out, str_from(text, len), kind);
  buf_put_char(&out, '\0');
  assert_string_equal(out.data, wanted);
  buf_free(&out);
}

#define EXPECT(text, kind, wanted) expect(text, sizeof text - 1, kind, wanted)

static void what_moves_a_terminal_is_written_out(void **state)
{
  (void)state;
  EXPECT("gr\xc3\xbc\xc3\x9f", TEXT_LINE, "gr\xc3\xbc\xc3\x9f");
  EXPECT("\x1b[2J\r\a\x7f", TEXT_LINE, "\\x1b[2J\\x0d\\x07\\x7f");
  EXPECT("\xc2\x9b"
         "2J\xc2\x80\xc2\xa0",
         TEXT_LINE, "\\u009b2J\\u0080\xc2\xa0");
  EXPECT("a\xff\xc3", TEXT_LINE, "a\\xff\\xc3");
  EXPECT("a\0b", TEXT_LINE, "a\\x00b");
  EXPECT("a\nb", TEXT_LINE, "a\\x0ab");
  EXPECT("a\nb", TEXT_LINES, "a\nb");
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(what_moves_a_terminal_is_written_out)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
