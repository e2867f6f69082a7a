/* Heads that are known from before give what reading them anew gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stomp/stomp_parser.h"

static const struct stomp_limits usual = {
    .frame_bytes = 1000, .n_headers = 16, .header_bytes = 200};

/* All that a stream gave, as text; how many of its frames had a head that was known. */
struct seen {
  struct buf text;
  unsigned n_known;
};

static void put_seen(struct seen *seen, const struct stomp_frame *frame)
{
  buf_putf(&seen->text, "%s", stomp_command_text(frame->command));
  for (size_t i = 0; i < frame->n_headers; i++)
    buf_putf(&seen->text, "|%.*s=%.*s", STR_ARG(frame->headers[i].name),
             STR_ARG(frame->headers[i].value));
  buf_putf(&seen->text, "|%zu:%.*s;", frame->body.len, STR_ARG(frame->body));
  seen->n_known += frame->head != NULL;
}

/* From memory of exactly that size, so that a sanitizer sees every stray access. */
static void feed(struct seen *seen, struct stomp_scratch *scratch,
                 const struct stomp_limits *limits, const char *bytes, size_t len)
{
  struct stomp_parser parser;
  struct stomp_frame frame;
  struct stomp_parse_error error;
  char *chunk = malloc(len ? len : 1);
  assert_non_null(chunk);
  memcpy(chunk, bytes, len);
  stomp_parser_init(&parser, limits, scratch);
  stomp_parser_set_version(&parser, STOMP_1_2);
  stomp_parser_feed(&parser, chunk, len);
  enum stomp_event event;
  while ((event = stomp_parser_next(&parser, &frame, &error)) == STOMP_EVENT_FRAME)
    put_seen(seen, &frame);
  if (event == STOMP_EVENT_ERROR)
    buf_putf(&seen->text, "error %s", error.message);
  else
    buf_putf(&seen->text, "%zu left", parser.pending.len);
  stomp_parser_fini(&parser);
  free(chunk);
}

static unsigned seen_after(const char *first, size_t first_len, const struct stomp_limits *limits,
                           const char *second, size_t second_len)
{
  struct stomp_scratch *known = calloc(1, sizeof *known), *fresh = calloc(1, sizeof *fresh);
  struct seen before = {0}, as_known = {0}, as_new = {0};
  assert_non_null(known);
  assert_non_null(fresh);
  feed(&before, known, &usual, first, first_len);
  feed(&as_known, known, limits, second, second_len);
  feed(&as_new, fresh, limits, second, second_len);
  buf_put_char(&as_known.text, '\0');
  buf_put_char(&as_new.text, '\0');
  assert_string_equal(as_known.text.data, as_new.text.data);
  unsigned n_known = as_known.n_known;
  buf_free(&before.text);
  buf_free(&as_known.text);
  buf_free(&as_new.text);
  free(known);
  free(fresh);
  return n_known;
}

#define AFTER(first, second) seen_after(first, sizeof first, &usual, second, sizeof second)

static void the_same_head_is_known(void **state)
{
  (void)state;
  assert_int_equal(AFTER("SEND\ndestination:/topic/a\n\nx", "SEND\ndestination:/topic/a\n\nyz"), 1);
  assert_int_equal(AFTER("SEND\r\ndestination:/topic/a\r\ncontent-length:3\r\n\r\nabc",
                         "SEND\r\ndestination:/topic/a\r\ncontent-length:3\r\n\r\nd\0f"),
                   1);
  assert_int_equal(AFTER("SEND\na:b\n\n", "\n\nSEND\na:b\n\n"), 1);
}

static void another_content_length_is_no_other_head(void **state)
{
  (void)state;
  static const char first[] = "SEND\ndestination:/topic/a\ncontent-length:3\ntype:x\nlast:y\n\nabc";
  for (size_t n = 0; n < 300; n++) {
    char bytes[512];
    int len = snprintf(bytes, sizeof bytes,
                       "SEND\ndestination:/topic/a\ncontent-length:%zu\ntype:x\nlast:y\n\n%.*s", n,
                       (int)n, "");
    memset(bytes + len, 'b', n);
    bytes[(size_t)len + n] = '\0';
    size_t whole = (size_t)len + n + 1;
    assert_int_equal(seen_after(first, sizeof first, &usual, bytes, whole), 1);
    /* Cut off, and with something else where the NUL belongs. */
    assert_int_equal(seen_after(first, sizeof first, &usual, bytes, whole - 1), 0);
    bytes[whole - 1] = 'b';
    assert_int_equal(seen_after(first, sizeof first, &usual, bytes, whole), 0);
  }
}

static void anything_else_is_read(void **state)
{
  (void)state;
  static const char first[] = "SEND\ndestination:/topic/a\ncontent-length:3\n\nabc";
  for (size_t i = 0; i < sizeof first - 4; i++) {
    char changed[sizeof first];
    memcpy(changed, first, sizeof first);
    for (unsigned c = 0; c < 256; c++) {
      changed[i] = (char)c;
      unsigned n = seen_after(first, sizeof first, &usual, changed, sizeof changed);
      assert_int_equal(n, changed[i] == first[i]);
    }
  }
  static const char *const lengths[] = {
      "", "x", "03", "003", "3x", "-3", "0000000003", "00000000003", "99999999999999999999", " 3"};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    char bytes[128];
    int len = snprintf(bytes, sizeof bytes, "SEND\ndestination:/topic/a\ncontent-length:%s\n\nabc",
                       lengths[i]);
    seen_after(first, sizeof first, &usual, bytes, (size_t)len + 1);
    seen_after(bytes, (size_t)len + 1, &usual, first, sizeof first);
  }
}

static void limits_are_those_of_who_reads(void **state)
{
  (void)state;
  static const char first[] = "SEND\ndestination:/topic/a\ncontent-length:12\nx:y\n\nabcdefghijkl";
  for (size_t bytes = 1; bytes <= sizeof first + 1; bytes++) {
    struct stomp_limits tight = usual;
    tight.frame_bytes = bytes;
    assert_int_equal(seen_after(first, sizeof first, &tight, first, sizeof first),
                     bytes >= sizeof first);
    tight = usual;
    tight.n_headers = bytes % 5;
    assert_int_equal(seen_after(first, sizeof first, &tight, first, sizeof first), bytes % 5 >= 3);
    tight = usual;
    tight.header_bytes = bytes;
    seen_after(first, sizeof first, &tight, first, sizeof first);
  }
}

static void what_is_secret_or_escaped_is_not_kept(void **state)
{
  (void)state;
#define NOT_KEPT(head) assert_int_equal(AFTER(head "\n\nx", head "\n\nx"), 0)
  NOT_KEPT("SEND\ndestination:/topic/a\nPasscode:x");
  NOT_KEPT("SEND\ndestination:/topic/a\nauthorization:Bearer x");
  NOT_KEPT("SEND\ndestination:/topic/a\nx:\\c");
  NOT_KEPT("SEND\ndestination:/topic/\xc3\xa4");
  NOT_KEPT("SUBSCRIBE\ndestination:/topic/a\nid:1\n\n\0");
  static const struct plug_str names[] = {{"x-token", 7}};
  struct stomp_limits with = usual;
  with.credentials = names;
  with.n_credentials = 1;
  static const char bytes[] = "SEND\nX-Token:y\n\nSEND\nX-Token:y\n\n";
  struct stomp_scratch *scratch = calloc(1, sizeof *scratch);
  struct seen seen = {0};
  assert_non_null(scratch);
  feed(&seen, scratch, &with, bytes, sizeof bytes);
  feed(&seen, scratch, &with, bytes, sizeof bytes);
  assert_int_equal(seen.n_known, 0);
  buf_free(&seen.text);
  free(scratch);
}

static void where_headers_are_is_noted(void **state)
{
  (void)state;
  static const char bytes[] =
      "SEND\ncontent-type:a\nreceipt:r\ndestination:/d\ndestination:/e\ntransaction:t\n\n";
  struct stomp_scratch *scratch = calloc(1, sizeof *scratch);
  struct seen seen = {0};
  assert_non_null(scratch);
  feed(&seen, scratch, &usual, bytes, sizeof bytes);
  const struct stomp_head *head = stomp_head_of(scratch->heads, 0);
  assert_int_equal(head->len, sizeof bytes - 1);
  assert_int_equal(head->content_type, 0);
  assert_int_equal(head->receipt, 1);
  assert_int_equal(head->destination, 2);
  assert_int_equal(head->transaction, 4);
  assert_int_equal(head->content_length, -1);
  buf_free(&seen.text);
  free(scratch);
}

/* Who has another head each time is not made to pay for keeping all of them. */
static void heads_that_do_not_come_back_are_soon_not_kept(void **state)
{
  (void)state;
  struct stomp_scratch *scratch = calloc(1, sizeof *scratch);
  struct seen seen = {0};
  unsigned n_kept = 0;
  assert_non_null(scratch);
  for (unsigned i = 100; i < 420; i++) {
    char bytes[64];
    int len = snprintf(bytes, sizeof bytes, "SEND\nreceipt:%u\n\n", i);
    feed(&seen, scratch, &usual, bytes, (size_t)len + 1);
    n_kept += memcmp(stomp_head_of(scratch->heads, 0)->text, bytes, (size_t)len) == 0;
  }
  assert_int_equal(seen.n_known, 0);
  assert_in_range(n_kept, 4, 20);
  buf_free(&seen.text);
  free(scratch);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_same_head_is_known),
      cmocka_unit_test(another_content_length_is_no_other_head),
      cmocka_unit_test(anything_else_is_read),
      cmocka_unit_test(limits_are_those_of_who_reads),
      cmocka_unit_test(what_is_secret_or_escaped_is_not_kept),
      cmocka_unit_test(where_headers_are_is_noted),
      cmocka_unit_test(heads_that_do_not_come_back_are_soon_not_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
