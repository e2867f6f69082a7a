/* The frames of RFC 6455 5, good and bad. Each stream is read at once, byte by byte and in two
 * parts at every place, and must come out the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/str.h"
#include "websocket/ws_reader.h"

#define N(array) (sizeof(array) / sizeof(*(array)))

/* --- making frames ------------------------------------------------------------------------- */

struct frame {
  unsigned opcode;
  bool not_final, not_masked;
  unsigned reserved; /* three bits */
  unsigned form;     /* bytes of the extended length: 2 or 8; 0: the shortest that does */
  struct plug_str payload;
};

static const uint8_t mask[4] = {0x00, 0xff, 0x35, 0xa0};

static void put_number(struct buf *out, uint64_t number, unsigned n)
{
  while (n--)
    buf_put_char(out, (char)(number >> 8 * n));
}

static void put_frame(struct buf *out, const struct frame *frame)
{
  size_t len = frame->payload.len;
  unsigned form = frame->form ? frame->form : len < 126 ? 0 : len < 65536 ? 2 : 8;
  unsigned short_len = form == 2 ? 126 : form == 8 ? 127 : (unsigned)len;
  buf_put_char(out, (char)((frame->not_final ? 0 : 0x80) | frame->reserved << 4 | frame->opcode));
  buf_put_char(out, (char)((frame->not_masked ? 0 : 0x80) | short_len));
  put_number(out, len, form);
  if (!frame->not_masked)
    buf_put(out, mask, sizeof mask);
  for (size_t i = 0; i < len; i++)
    buf_put_char(out, (char)(frame->payload.ptr[i] ^ (frame->not_masked ? 0 : mask[i % 4])));
  assert_false(out->failed);
}

/* --- reading them -------------------------------------------------------------------------- */

/* What came out, as text: "t(ab)" and "b(ab)" for a message that is whole, "[ping x]" and so on for
 * what came between. Pieces of a message are put together, so that splits do not show. */
struct run {
  struct ws_reader reader;
  struct buf log, message;
  bool ended;
};

static void log_item(struct run *run, enum ws_event event, const struct ws_item *item)
{
  static const char *const names[] = {[WS_GOT_PING] = "ping", [WS_GOT_PONG] = "pong"};
  switch (event) {
  case WS_GOT_DATA:
    buf_put(&run->message, item->bytes, item->len);
    if (!item->ends)
      return;
    buf_put_str(&run->log, item->binary ? STR("b(") : STR("t("));
    buf_put(&run->log, run->message.data, run->message.len);
    buf_put_str(&run->log, STR(")"));
    run->message.len = 0;
    return;
  case WS_GOT_PING:
  case WS_GOT_PONG:
    buf_putf(&run->log, "[%s %.*s]", names[event], (int)item->len, item->bytes);
    return;
  case WS_GOT_CLOSE:
    buf_putf(&run->log, "[close %u]", item->code);
    run->ended = true;
    return;
  default:
    buf_putf(&run->log, "[fault %u %s]", item->code, item->reason);
    run->ended = true;
  }
}

static void feed(struct run *run, const char *bytes, size_t len)
{
  char *copy = malloc(len ? len : 1), *at = copy;
  assert_non_null(copy);
  if (len)
    memcpy(copy, bytes, len);
  while (!run->ended) {
    struct ws_item item = {0};
    char *before = at;
    enum ws_event event = ws_reader_next(&run->reader, &at, copy + len, &item);
    assert_true(at >= before && at <= copy + len);
    if (event == WS_NEED_MORE) {
      assert_ptr_equal(at, copy + len);
      break;
    }
    if (event == WS_GOT_DATA && item.len)
      assert_true(item.bytes >= copy && item.bytes + item.len == at);
    log_item(run, event, &item);
  }
  free(copy);
}

static void finish(struct run *run, struct plug_str expected, const char *how, size_t split)
{
  if (!str_eq(str_from(run->log.data, run->log.len), expected))
    fail_msg("%s %zu: expected %.*s, got %.*s", how, split, STR_ARG(expected), (int)run->log.len,
             run->log.len ? run->log.data : "");
  ws_reader_fini(&run->reader);
  buf_free(&run->log);
  buf_free(&run->message);
}

static void expect_bytes(const char *bytes, size_t len, struct plug_str expected)
{
  struct run run = {0};
  feed(&run, bytes, len);
  finish(&run, expected, "at once", 0);

  run = (struct run){0};
  feed(&run, "", 0);
  for (size_t i = 0; i < len; i++)
    feed(&run, bytes + i, 1);
  finish(&run, expected, "byte by byte", 0);

  for (size_t split = 0; split <= len; split += len > 1000 && split > 20 ? len / 40 : 1) {
    run = (struct run){0};
    feed(&run, bytes, split);
    feed(&run, bytes + split, len - split);
    finish(&run, expected, "split at", split);
  }
}

static void expect(const struct frame *frames, size_t n, const char *expected)
{
  struct buf bytes = {0};
  for (size_t i = 0; i < n; i++)
    put_frame(&bytes, &frames[i]);
  expect_bytes(bytes.data, bytes.len, str_of(expected));
  buf_free(&bytes);
}

#define P(text)      .payload = {(text), sizeof(text) - 1}
#define TEXT_FRAME   .opcode = WS_TEXT
#define BINARY_FRAME .opcode = WS_BINARY
#define CONTINUED    .opcode = WS_CONTINUATION
#define PING_FRAME   .opcode = WS_PING
#define PONG_FRAME   .opcode = WS_PONG
#define CLOSE_FRAME  .opcode = WS_CLOSE

#define RESERVED_BIT   "[fault 1002 A reserved bit is set]"
#define OTHER_OPCODE   "[fault 1002 Unknown opcode]"
#define NOT_MASKED     "[fault 1002 A client's frames are masked]"
#define FRAGMENTED     "[fault 1002 A control frame is fragmented]"
#define LONG_CONTROL   "[fault 1002 A control frame is too long]"
#define NO_MESSAGE     "[fault 1002 There is no message to continue]"
#define WITHIN_ANOTHER "[fault 1002 A message begins within another]"
#define NOT_SHORTEST   "[fault 1002 A length is not in its shortest form]"
#define HIGHEST_BIT    "[fault 1002 A length has its highest bit set]"
#define HALF_A_CODE    "[fault 1002 A Close frame has half a code]"
#define BAD_CODE       "[fault 1002 A Close frame has a code that may not be sent]"
#define BAD_REASON     "[fault 1007 The reason in a Close frame is not UTF-8]"

/* --- streams ------------------------------------------------------------------------------- */

struct row {
  const struct frame *frames;
  size_t n;
  const char *expected;
};

#define ROW(expected, ...) \
  {(const struct frame[]){__VA_ARGS__}, N(((const struct frame[]){__VA_ARGS__})), expected}

static void messages_and_control_frames_come_out(void **state)
{
  (void)state;
  const struct row rows[] = {
      ROW("t(Hello)", {TEXT_FRAME, P("Hello")}),
      ROW("b(Hello)", {BINARY_FRAME, P("Hello")}),
      ROW("t()", {TEXT_FRAME}),
      ROW("b()", {BINARY_FRAME}),
      ROW("t(a)b(b)t(c)", {TEXT_FRAME, P("a")}, {BINARY_FRAME, P("b")}, {TEXT_FRAME, P("c")}),
      /* 5.4: fragments, empty ones among them */
      ROW("t(Hello)", {TEXT_FRAME, .not_final = true, P("Hel")}, {CONTINUED, P("lo")}),
      ROW("b(abc)t(d)", {BINARY_FRAME, .not_final = true, P("a")},
          {CONTINUED, .not_final = true, P("b")}, {CONTINUED, P("c")}, {TEXT_FRAME, P("d")}),
      ROW("t()", {TEXT_FRAME, .not_final = true}, {CONTINUED, .not_final = true}, {CONTINUED}),
      ROW("t(a)", {TEXT_FRAME, .not_final = true}, {CONTINUED, P("a")}),
      ROW("t(a)", {TEXT_FRAME, .not_final = true, P("a")}, {CONTINUED}),
      ROW("", {TEXT_FRAME, .not_final = true, P("a")}),
      /* 5.5: control frames, between messages and within them */
      ROW("[ping Hello]", {PING_FRAME, P("Hello")}),
      ROW("[ping ]", {PING_FRAME}),
      ROW("[pong Hello]", {PONG_FRAME, P("Hello")}),
      ROW("[pong ]", {PONG_FRAME}),
      ROW("[ping a][ping bb][pong ccc]", {PING_FRAME, P("a")}, {PING_FRAME, P("bb")},
          {PONG_FRAME, P("ccc")}),
      ROW("[ping p]t(ab)", {TEXT_FRAME, .not_final = true, P("a")}, {PING_FRAME, P("p")},
          {CONTINUED, P("b")}),
      ROW("[pong p][ping ]b(abc)", {BINARY_FRAME, .not_final = true, P("a")}, {PONG_FRAME, P("p")},
          {CONTINUED, .not_final = true, P("b")}, {PING_FRAME}, {CONTINUED, P("c")}),
      ROW("[close 1000]", {TEXT_FRAME, .not_final = true, P("a")}, {CLOSE_FRAME}),
      /* 5.5.1: nothing counts behind a Close */
      ROW("t(a)[close 1001]", {TEXT_FRAME, P("a")}, {CLOSE_FRAME, P("\x03\xe9")},
          {TEXT_FRAME, P("b")}),
      ROW("[close 1000]", {CLOSE_FRAME, P("\x03\xe8"
                                          "bye")}),
      ROW("[close 3000]", {CLOSE_FRAME, P("\x0b\xb8"
                                          "caf\xc3\xa9")}),
      ROW("[close 1000]", {CLOSE_FRAME, P("\x03\xe8\0")}),
      /* 5.2, 5.4, 5.5: what fails the connection */
      ROW(NO_MESSAGE, {CONTINUED, P("a")}),
      ROW(NO_MESSAGE, {CONTINUED, .not_final = true}),
      ROW("t(a)" NO_MESSAGE, {TEXT_FRAME, P("a")}, {CONTINUED, P("b")}),
      ROW("[ping a]" NO_MESSAGE, {PING_FRAME, P("a")}, {CONTINUED, P("b")}),
      ROW("t(a)" NO_MESSAGE, {TEXT_FRAME, .not_final = true, P("a")}, {CONTINUED}, {CONTINUED}),
      ROW(WITHIN_ANOTHER, {TEXT_FRAME, .not_final = true, P("a")}, {TEXT_FRAME, P("b")}),
      ROW(WITHIN_ANOTHER, {TEXT_FRAME, .not_final = true, P("a")}, {BINARY_FRAME, P("b")}),
      ROW("[ping ]" WITHIN_ANOTHER, {TEXT_FRAME, .not_final = true}, {PING_FRAME},
          {TEXT_FRAME, .not_final = true}),
      ROW(FRAGMENTED, {PING_FRAME, .not_final = true, P("a")}),
      ROW(FRAGMENTED, {PONG_FRAME, .not_final = true}),
      ROW(FRAGMENTED, {CLOSE_FRAME, .not_final = true, P("\x03\xe8")}),
      ROW(LONG_CONTROL, {PING_FRAME, .form = 2, P("a")}),
      ROW(LONG_CONTROL, {PING_FRAME, .form = 8, P("a")}),
      ROW(NOT_MASKED, {TEXT_FRAME, .not_masked = true, P("a")}),
      ROW(NOT_MASKED, {BINARY_FRAME, .not_masked = true}),
      ROW(NOT_MASKED, {CLOSE_FRAME, .not_masked = true}),
      ROW(NOT_MASKED, {PING_FRAME, .not_masked = true}),
      /* the first thing that is wrong is named */
      ROW(RESERVED_BIT, {TEXT_FRAME, .reserved = 4, .not_masked = true, P("a")}),
      ROW("[ping a]" RESERVED_BIT, {PING_FRAME, P("a")}, {TEXT_FRAME, .reserved = 1}),
      ROW(HALF_A_CODE, {CLOSE_FRAME, P("\x03")}),
      ROW(BAD_REASON, {CLOSE_FRAME, P("\x03\xe8\xff")}),
      ROW(BAD_REASON, {CLOSE_FRAME, P("\x03\xe8"
                                      "a\xc3")}),
      ROW(BAD_REASON, {CLOSE_FRAME, P("\x03\xe8\xed\xa0\x80")}),
      ROW(BAD_REASON, {CLOSE_FRAME, P("\x03\xe8\xc0\x80")}),
      ROW(BAD_CODE, {CLOSE_FRAME, P("\x03\xed\xff")}),
  };
  for (size_t i = 0; i < N(rows); i++)
    expect(rows[i].frames, rows[i].n, rows[i].expected);
}

/* The first two bytes of a frame, all of them, against RFC 6455 5.2's rules; first with no message
 * open, then within one. */
static const char *wrong_with(unsigned first, unsigned second, bool open)
{
  unsigned opcode = first & 15, length = second & 127;
  bool control = opcode >= 8, final = first & 128;
  if (first & 0x70)
    return RESERVED_BIT;
  if ((opcode >= 3 && opcode <= 7) || opcode >= 11)
    return OTHER_OPCODE;
  if (!(second & 128))
    return NOT_MASKED;
  if (control)
    return !final ? FRAGMENTED : length > 125 ? LONG_CONTROL : NULL;
  if (opcode == 0)
    return open ? NULL : NO_MESSAGE;
  return open ? WITHIN_ANOTHER : NULL;
}

static void every_first_two_bytes_are_judged_at_once(void **state)
{
  (void)state;
  for (int open = 0; open <= 1; open++)
    for (unsigned first = 0; first < 256; first++)
      for (unsigned second = 0; second < 256; second++)
        for (int apart = 0; apart <= 1; apart++) {
          struct run run = {0};
          char bytes[] = {(char)first, (char)second};
          const char *wrong = wrong_with(first, second, open);
          if (open)
            feed(&run, "\x01\x80mask", 6);
          feed(&run, bytes, apart ? 1 : 2);
          if (apart) {
            assert_false(run.ended);
            feed(&run, bytes + 1, 1);
          }
          assert_int_equal(run.ended, wrong != NULL);
          finish(&run, str_of(wrong ? wrong : ""), "first bytes", first << 8 | second);
        }
}

/* A payload of every length around the borders of the forms. */
static void every_length_has_its_form(void **state)
{
  (void)state;
  static const size_t lens[] = {0,   1,   2,   124,   125,   126,   127,
                                128, 255, 256, 65534, 65535, 65536, 65537};
  for (size_t i = 0; i < N(lens); i++) {
    char *payload = malloc(lens[i] + 1);
    assert_non_null(payload);
    for (size_t k = 0; k < lens[i]; k++)
      payload[k] = (char)('a' + k % 26);
    struct buf bytes = {0}, expected = {0};
    struct frame frame = {TEXT_FRAME, .payload = {payload, lens[i]}};
    put_frame(&bytes, &frame);
    buf_putf(&expected, "t(");
    buf_put(&expected, payload, lens[i]);
    buf_putf(&expected, ")");
    expect_bytes(bytes.data, bytes.len, str_from(expected.data, expected.len));
    for (unsigned form = 2; form <= 8; form += 6) {
      bool shortest = form == 2 ? lens[i] >= 126 && lens[i] <= 65535 : lens[i] >= 65536;
      if (form == 2 && lens[i] > 65535)
        continue;
      frame.form = form;
      bytes.len = 0;
      put_frame(&bytes, &frame);
      expect_bytes(bytes.data, bytes.len,
                   shortest ? str_from(expected.data, expected.len) : str_of(NOT_SHORTEST));
    }
    free(payload);
    buf_free(&bytes);
    buf_free(&expected);
  }
}

static void lengths_up_to_63_bits_are_announced(void **state)
{
  (void)state;
  static const struct {
    uint64_t len;
    const char *expected;
  } rows[] = {
      {65535, NOT_SHORTEST},     {65536, ""},
      {UINT32_MAX, ""},          {INT64_MAX, ""},
      {1ULL << 63, HIGHEST_BIT}, {UINT64_MAX, HIGHEST_BIT},
      {0, NOT_SHORTEST},
  };
  for (size_t i = 0; i < N(rows); i++) {
    struct buf bytes = {0};
    buf_put(&bytes, "\x82\xff", 2);
    put_number(&bytes, rows[i].len, 8);
    buf_put(&bytes, "maskabc", 7);
    expect_bytes(bytes.data, bytes.len, str_of(rows[i].expected));
    buf_free(&bytes);
  }
}

static void control_frames_of_every_length_come_whole(void **state)
{
  (void)state;
  static const unsigned opcodes[] = {WS_PING, WS_PONG};
  char payload[126];
  for (size_t i = 0; i < sizeof payload; i++)
    payload[i] = (char)('!' + i % 90);
  for (size_t k = 0; k < N(opcodes); k++)
    for (size_t len = 0; len <= sizeof payload; len++) {
      struct buf bytes = {0};
      char expected[160];
      const struct frame frame = {.opcode = opcodes[k], .payload = {payload, len}};
      const struct frame next = {TEXT_FRAME, P("next")};
      put_frame(&bytes, &frame);
      put_frame(&bytes, &next);
      snprintf(expected, sizeof expected, "[%s %.*s]t(next)",
               opcodes[k] == WS_PING ? "ping" : "pong", (int)len, payload);
      expect_bytes(bytes.data, bytes.len, str_of(len > WS_CONTROL_MAX ? LONG_CONTROL : expected));
      buf_free(&bytes);
    }
}

/* RFC 6455 7.4 and the registry of codes, as it is at the IANA. */
static bool may_be_sent(unsigned code)
{
  static const unsigned registered[] = {1000, 1001, 1002, 1003, 1007, 1008,
                                        1009, 1010, 1011, 1012, 1013, 1014};
  for (size_t i = 0; i < N(registered); i++)
    if (code == registered[i])
      return true;
  return code >= 3000 && code <= 4999;
}

static void every_close_code_is_judged(void **state)
{
  (void)state;
  for (unsigned code = 0; code <= 65535; code += code < 5100 ? 1 : 997) {
    char payload[] = {(char)(code >> 8), (char)code, 'x'}, expected[64];
    assert_int_equal(ws_close_code_is_valid(code), may_be_sent(code));
    snprintf(expected, sizeof expected, "[close %u]", code);
    const struct frame frame = {CLOSE_FRAME, .payload = {payload, code % 2 ? 2 : 3}};
    expect(&frame, 1, may_be_sent(code) ? expected : BAD_CODE);
  }
}

static void a_close_gives_code_and_reason(void **state)
{
  (void)state;
  struct buf bytes = {0};
  struct ws_reader reader = {0};
  struct ws_item item;
  const struct frame frame = {CLOSE_FRAME, P("\x03\xe9gone")};
  put_frame(&bytes, &frame);
  char *at = bytes.data;
  assert_int_equal(ws_reader_next(&reader, &at, bytes.data + bytes.len, &item), WS_GOT_CLOSE);
  assert_int_equal(item.code, 1001);
  assert_int_equal(item.len, 6);
  assert_memory_equal(item.bytes, "\x03\xe9gone", 6);
  ws_reader_fini(&reader);
  buf_free(&bytes);
}

/* Data comes as it arrives, whatever is still missing of its frame. */
static void pieces_come_as_they_arrive(void **state)
{
  (void)state;
  struct buf bytes = {0};
  struct ws_reader reader = {0};
  struct ws_item item;
  const struct frame frames[] = {{TEXT_FRAME, .not_final = true, P("abcdef")},
                                 {CONTINUED, P("gh")}};
  for (size_t i = 0; i < N(frames); i++)
    put_frame(&bytes, &frames[i]);
  static const struct {
    size_t end;
    const char *piece; /* NULL: nothing is given */
    bool ends;
  } steps[] = {{6, NULL, false},  {7, "a", false},   {7, NULL, false},  {10, "bcd", false},
               {12, "ef", false}, {17, NULL, false}, {18, NULL, false}, {19, "g", false},
               {20, "h", true},   {20, NULL, false}};
  char *at = bytes.data;
  for (size_t i = 0; i < N(steps); i++) {
    enum ws_event event = ws_reader_next(&reader, &at, bytes.data + steps[i].end, &item);
    assert_ptr_equal(at, bytes.data + steps[i].end);
    assert_int_equal(event, steps[i].piece ? WS_GOT_DATA : WS_NEED_MORE);
    if (!steps[i].piece)
      continue;
    assert_true(str_eq(str_from(item.bytes, item.len), str_of(steps[i].piece)));
    assert_int_equal(item.ends, steps[i].ends);
    assert_false(item.binary);
  }
  ws_reader_fini(&reader);
  buf_free(&bytes);
}

/* RFC 6455 5.3, byte by byte. */
static void unmasking_is_what_the_rfc_says(void **state)
{
  (void)state;
  static const uint8_t masks[][4] = {{0, 0, 0, 0}, {1, 2, 3, 4}, {0xff, 0x80, 0x7f, 0x01}};
  char plain[128], bytes[128];
  for (size_t m = 0; m < N(masks); m++)
    for (size_t align = 0; align < 16; align++)
      for (size_t len = 0; len <= 100; len++)
        for (uint8_t mask_at = 0; mask_at < 4; mask_at++) {
          for (size_t i = 0; i < sizeof plain; i++)
            bytes[i] = plain[i] = (char)(i * 37 + len);
          for (size_t i = 0; i < len; i++)
            plain[align + i] = (char)((uint8_t)plain[align + i] ^ masks[m][(mask_at + i) % 4]);
          uint8_t next = ws_unmask(bytes + align, len, masks[m], mask_at);
          assert_int_equal(next, (mask_at + len) % 4);
          assert_memory_equal(bytes, plain, sizeof plain);
        }
}

/* Whatever its place: who reads the text may trust it. */
static void a_byte_that_is_not_ascii_is_noticed(void **state)
{
  (void)state;
  for (size_t len = 1; len <= 200; len++)
    for (size_t odd = 0; odd <= len; odd++) { /* len: there is none */
      char payload[200];
      struct ws_reader reader = {0};
      struct ws_item item;
      struct buf bytes = {0};
      memset(payload, 'a', sizeof payload);
      if (odd < len)
        payload[odd] = (char)0xc3;
      put_frame(&bytes, &(struct frame){.opcode = WS_TEXT, .payload = str_from(payload, len)});
      char *at = bytes.data;
      assert_int_equal(ws_reader_next(&reader, &at, bytes.data + bytes.len, &item), WS_GOT_DATA);
      assert_int_equal(item.len, len);
      assert_memory_equal(item.bytes, payload, len);
      assert_int_equal(item.ascii, odd == len);
      buf_free(&bytes);
    }
}

/* What a server sends is not masked; whole, and byte by byte. */
static void frames_of_a_server_are_not_masked(void **state)
{
  (void)state;
  const struct frame frames[] = {
      {.opcode = WS_TEXT, .not_masked = true},
      {.opcode = WS_TEXT, .not_masked = true, .payload = STR("ab")},
      {.opcode = WS_PING, .not_masked = true, .payload = STR("p")},
      {.opcode = WS_TEXT, .not_final = true, .not_masked = true, .payload = STR("c")},
      {.opcode = WS_CONTINUATION, .not_masked = true, .payload = STR("d")},
      {.opcode = WS_BINARY, .payload = STR("x")},
  };
  for (unsigned step = 0; step < 2; step++) {
    struct run run = {.reader.from_server = true};
    struct buf bytes = {0};
    for (size_t i = 0; i < N(frames); i++)
      put_frame(&bytes, &frames[i]);
    for (size_t i = 0; step && i < bytes.len; i++)
      feed(&run, bytes.data + i, 1);
    if (!step)
      feed(&run, bytes.data, bytes.len);
    finish(&run, STR("t()t(ab)[ping p]t(cd)[fault 1002 A server's frames are not masked]"), "step",
           step);
    buf_free(&bytes);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(messages_and_control_frames_come_out),
      cmocka_unit_test(every_first_two_bytes_are_judged_at_once),
      cmocka_unit_test(every_length_has_its_form),
      cmocka_unit_test(lengths_up_to_63_bits_are_announced),
      cmocka_unit_test(control_frames_of_every_length_come_whole),
      cmocka_unit_test(every_close_code_is_judged),
      cmocka_unit_test(a_close_gives_code_and_reason),
      cmocka_unit_test(pieces_come_as_they_arrive),
      cmocka_unit_test(unmasking_is_what_the_rfc_says),
      cmocka_unit_test(a_byte_that_is_not_ascii_is_noticed),
      cmocka_unit_test(frames_of_a_server_are_not_masked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
