#include "sockjs/sockjs_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"

static void paths_are_told_apart(void **state)
{
  (void)state;
  static const struct {
    const char *path;
    enum sockjs_place place;
  } rows[] = {
      {"", SOCKJS_GREETING},
      {"/", SOCKJS_GREETING},
      {"//", SOCKJS_NOWHERE},
      {"///", SOCKJS_NOWHERE},
      {"/a", SOCKJS_NOWHERE},
      {"/a.html", SOCKJS_NOWHERE},
      {"/a/a", SOCKJS_NOWHERE},
      {"/a/a/", SOCKJS_NOWHERE},
      {"/info", SOCKJS_INFO},
      {"/info/", SOCKJS_NOWHERE},
      {"/websocket", SOCKJS_RAW_WEBSOCKET},
      {"/iframe.html", SOCKJS_IFRAME},
      {"/iframe-.html", SOCKJS_IFRAME},
      {"/iframe-a.html", SOCKJS_IFRAME},
      {"/iframe-0.1.2abc-dirty.2144.html", SOCKJS_IFRAME},
      {"/iframe.htm", SOCKJS_NOWHERE},
      {"/iframe", SOCKJS_NOWHERE},
      {"/iframe.HTML", SOCKJS_NOWHERE},
      {"/IFRAME.html", SOCKJS_NOWHERE},
      {"/iframe.xml", SOCKJS_NOWHERE},
      {"/iframex.html", SOCKJS_NOWHERE},
      {"/iframe-/.html", SOCKJS_NOWHERE},
      {"/a/b/xhr", SOCKJS_SESSION},
      {"/_/_/xhr", SOCKJS_SESSION},
      {"/abcdefgh_i-j%20/abcdefg_i-j%20/xhr", SOCKJS_SESSION},
      {"/a/b/xhr/", SOCKJS_NOWHERE},
      {"/a/b/xhr/c", SOCKJS_NOWHERE},
      {"//b/xhr", SOCKJS_NOWHERE},
      {"/a//xhr", SOCKJS_NOWHERE},
      {"//a/b/xhr", SOCKJS_NOWHERE},
      {"/a./b/xhr", SOCKJS_NOWHERE},
      {"/a/b./xhr", SOCKJS_NOWHERE},
      {"/./../xhr", SOCKJS_NOWHERE},
      {"/a/b;jsessionid=1/xhr", SOCKJS_NOWHERE},
      {"/a/b/xhr;jsessionid=1", SOCKJS_NOWHERE},
      {"/a/b/XHR", SOCKJS_NOWHERE},
      {"/a/b/xhr_poll", SOCKJS_NOWHERE},
      {"a/b/xhr", SOCKJS_NOWHERE},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct sockjs_url url;
    sockjs_url_read(str_of(rows[i].path), &url);
    if (url.place != rows[i].place)
      fail_msg("'%s' is %d", rows[i].path, (int)url.place);
  }
}

static void sessions_are_named_by_the_second_part(void **state)
{
  (void)state;
  struct sockjs_url url;
  sockjs_url_read(STR("/000/a%41/xhr_send"), &url);
  assert_true(str_eq(url.session, STR("a%41")));
  assert_int_equal(url.transport, SOCKJS_XHR_SEND);
  char longest[SOCKJS_ID_MAX + 16] = "/0/";
  memset(longest + 3, 'x', SOCKJS_ID_MAX + 1);
  strcpy(longest + 3 + SOCKJS_ID_MAX, "/xhr");
  sockjs_url_read(str_of(longest), &url);
  assert_int_equal(url.place, SOCKJS_SESSION);
  strcpy(longest + 3 + SOCKJS_ID_MAX, "x/xhr");
  sockjs_url_read(str_of(longest), &url);
  assert_int_equal(url.place, SOCKJS_NOWHERE);
}

static void transports_have_names(void **state)
{
  (void)state;
  for (int i = 0; i < SOCKJS_TRANSPORTS; i++) {
    enum sockjs_transport found;
    assert_true(
        sockjs_transport_find(str_of(sockjs_transport_name((enum sockjs_transport)i)), &found));
    assert_int_equal(found, i);
  }
  assert_true(sockjs_transport_is_get(SOCKJS_JSONP));
  assert_false(sockjs_transport_is_get(SOCKJS_JSONP_SEND));
  assert_true(sockjs_transport_sends(SOCKJS_JSONP_SEND));
  assert_true(sockjs_transport_streams(SOCKJS_HTMLFILE));
  assert_false(sockjs_transport_streams(SOCKJS_XHR));
}

static void callbacks_are_plain_names(void **state)
{
  (void)state;
  char out[SOCKJS_CALLBACK_MAX + 1];
  assert_int_equal(sockjs_url_callback(STR(""), out), SOCKJS_CALLBACK_MISSING);
  assert_int_equal(sockjs_url_callback(STR("c="), out), SOCKJS_CALLBACK_MISSING);
  assert_int_equal(sockjs_url_callback(STR("cc=a&t=1"), out), SOCKJS_CALLBACK_MISSING);
  assert_int_equal(sockjs_url_callback(STR("t=1&c=%63allback"), out), SOCKJS_CALLBACK_VALID);
  assert_string_equal(out, "callback");
  assert_int_equal(sockjs_url_callback(STR("c=_jp.a_1&x"), out), SOCKJS_CALLBACK_VALID);
  assert_string_equal(out, "_jp.a_1");
  static const char *const bad[] = {"c=a(", "c=a%3Cscript%3E", "c=a+b", "c=%00", "c=a%", "c=a;b"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_int_equal(sockjs_url_callback(str_of(bad[i]), out), SOCKJS_CALLBACK_INVALID);
  char query[SOCKJS_CALLBACK_MAX + 4] = "c=";
  memset(query + 2, 'a', SOCKJS_CALLBACK_MAX + 1);
  assert_int_equal(sockjs_url_callback(str_from(query, SOCKJS_CALLBACK_MAX + 3), out),
                   SOCKJS_CALLBACK_INVALID);
}

static void forms_are_decoded(void **state)
{
  (void)state;
  char out[32];
  struct plug_str value;
  assert_true(sockjs_form_find(STR("a=1&d=%5B%22x+y%22%5D&e"), STR("d"), &value));
  size_t n = sockjs_form_decode(value, out);
  assert_true(str_eq(str_from(out, n), STR("[\"x y\"]")));
  n = sockjs_form_decode(STR("%zz%4"), out);
  assert_true(str_eq(str_from(out, n), STR("%zz%4")));
  assert_false(sockjs_form_find(STR("p=p&dd=1&d"), STR("d"), &value));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(paths_are_told_apart),
      cmocka_unit_test(sessions_are_named_by_the_second_part),
      cmocka_unit_test(transports_have_names),
      cmocka_unit_test(callbacks_are_plain_names),
      cmocka_unit_test(forms_are_decoded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
