/* The log function that libwebsockets calls is ours: asked for with errors that the library itself
 * reports. */
#include "net/lws_log.h"

#include "../base/capture.h"

#include <libwebsockets.h>
#include <string.h>

#include "base/log.h"

/* Asks the library about a protocol that it does not know. */
static void make_an_error(void)
{
  static const struct lws_protocols known[] = {{"known", lws_callback_http_dummy, 0, 0, 0, NULL, 0},
                                               {NULL, NULL, 0, 0, 0, NULL, 0}};
  static const struct lws_protocols unknown = {.name = "unknown"};
  struct lws_context_creation_info info = {.port = CONTEXT_PORT_NO_LISTEN, .protocols = known};
  struct lws_context *context = lws_create_context(&info);
  assert_non_null(context);
  struct lws_vhost *vhost = lws_get_vhost_by_name(context, "default");
  assert_non_null(lws_protocol_vh_priv_zalloc(vhost, &known[0], 1)); /* before that it is silent */
  assert_null(lws_protocol_vh_priv_get(vhost, &unknown));
  lws_context_destroy(context);
}

/* What it writes to standard error. */
static const char *complaint(void)
{
  capture_begin();
  make_an_error();
  return capture_end();
}

static void errors_of_the_library_are_lines_of_the_log(void **state)
{
  (void)state;
  log_setup(LOG_INFO, false);
  lws_log_begin();
  const char *said = complaint();
  assert_non_null(strstr(said, " error net: libwebsockets: "));
  for (const char *line = said; *line; line = strchr(line, '\n') + 1) {
    const char *level = strchr(line, ' ');
    assert_non_null(level);
    assert_int_equal(strncmp(level, " error net: libwebsockets: ", 27), 0);
    assert_non_null(strchr(line, '\n'));
  }
}

static void a_muted_library_says_nothing(void **state)
{
  (void)state;
  lws_log_mute();
  assert_string_equal(complaint(), "");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(errors_of_the_library_are_lines_of_the_log),
      cmocka_unit_test(a_muted_library_says_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
