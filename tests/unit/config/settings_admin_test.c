/* [admin]: where operators are served, and who they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "config/settings.h"

#define TOKEN "0123456789abcdef"

static plug_status load(const char *text, struct settings *s, struct plug_err *err)
{
  struct config *config = config_new();
  assert_int_equal(config_read_text(config, "x.ini", str_of(text), err), PLUG_OK);
  plug_status status = settings_load(s, config, err);
  config_free(config);
  return status;
}

static void expect_bad(const char *text, const char *message)
{
  struct settings s;
  struct plug_err err = {0};
  assert_int_equal(load(text, &s, &err), PLUG_EINVAL);
  assert_string_equal(err.text, message);
}

static void load_good(const char *text, struct settings *s)
{
  struct plug_err err = {0};
  if (load(text, s, &err))
    fail_msg("%s", err.text);
}

static void it_is_off_by_itself(void **state)
{
  (void)state;
  struct settings s;
  load_good("", &s);
  assert_int_equal(s.n_admin_listen, 0);
  assert_int_equal(s.n_admin_tokens, 0);
  assert_null(s.admin_socket.path);
  settings_fini(&s);
}

static void an_address_needs_a_token_and_a_socket_none(void **state)
{
  (void)state;
  struct settings s;
  expect_bad("[admin]\nlisten = 127.0.0.1:9091\n",
             "x.ini:2: [admin] listen: '127.0.0.1:9091' would be open to everybody: there is "
             "neither 'token' nor 'token-file'");
  load_good("[admin]\nlisten = 127.0.0.1:9091\ntoken = " TOKEN "\nsocket = /run/a.sock\n", &s);
  assert_int_equal(s.n_admin_listen, 1);
  assert_int_equal(s.admin_listen[0].port, 9091);
  assert_int_equal(s.n_admin_tokens, 1);
  assert_string_equal(s.admin_tokens[0], TOKEN);
  assert_string_equal(s.admin_socket.path, "/run/a.sock");
  assert_int_equal(s.admin_socket.mode, 0660);
  assert_int_equal(s.admin_socket.group, -1);
  settings_fini(&s);
  load_good("[admin]\nsocket = /run/a.sock\nsocket-mode = 0600\nsocket-group = root\n", &s);
  assert_int_equal(s.admin_socket.mode, 0600);
  assert_int_equal(s.admin_socket.group, 0);
  settings_fini(&s);
  expect_bad("[admin]\nsocket = /run/a.sock\nsocket-group = no-such-group\n",
             "x.ini:3: [admin] socket-group: 'no-such-group' is no group of this machine");
  expect_bad("[http]\nlisten = 127.0.0.1:9091\n[admin]\nlisten = 127.0.0.1:9091\ntoken = " TOKEN
             "\n",
             "x.ini:4: [admin] listen: '127.0.0.1:9091' is listened on twice");
}

static void tokens_are_long_and_never_quoted(void **state)
{
  (void)state;
  expect_bad("[admin]\ntoken = 0123456789abcde\n",
             "x.ini:2: [admin] token: is shorter than 16 characters");
  expect_bad("[admin]\ntoken = 0123456789 abcdef\n",
             "x.ini:2: [admin] token: has a character that is no printable ASCII, or a blank");
}

static void a_file_has_a_token_in_each_line(void **state)
{
  (void)state;
  char path[] = "/tmp/plugboard-tokens-XXXXXX", text[300], message[300];
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  const char good[] = "# of operators\n" TOKEN "\r\n\n  another-token-of-ours  \n";
  assert_int_equal(write(fd, good, sizeof good - 1), sizeof good - 1);
  snprintf(text, sizeof text, "[admin]\ntoken-file = %s\ntoken = the-one-in-the-file-itself\n",
           path);
  struct settings s;
  load_good(text, &s);
  assert_int_equal(s.n_admin_tokens, 3);
  assert_string_equal(s.admin_tokens[0], "the-one-in-the-file-itself");
  assert_string_equal(s.admin_tokens[1], TOKEN);
  assert_string_equal(s.admin_tokens[2], "another-token-of-ours");
  settings_fini(&s);
  assert_int_equal(write(fd, "short\n", 6), 6);
  expect_bad(text, "x.ini:2: [admin] token-file: line 5 is shorter than 16 characters");
  assert_int_equal(ftruncate(fd, 15), 0);
  snprintf(text, sizeof text, "[admin]\ntoken-file = %s\n", path);
  expect_bad(text, "x.ini:2: [admin] token-file: there is no token in it");
  close(fd);
  unlink(path);
  struct plug_err err = {0};
  assert_int_equal(load(text, &s, &err), PLUG_EINVAL);
  snprintf(message, sizeof message, "x.ini:2: [admin] token-file: ");
  assert_memory_equal(err.text, message, strlen(message));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_is_off_by_itself),
      cmocka_unit_test(an_address_needs_a_token_and_a_socket_none),
      cmocka_unit_test(tokens_are_long_and_never_quoted),
      cmocka_unit_test(a_file_has_a_token_in_each_line),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
