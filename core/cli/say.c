#include "cli/say.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "base/utf8.h"

void say_error(const char *format, ...)
{
  char *text = NULL;
  va_list args;
  va_start(args, format);
  int n = vasprintf(&text, format, args);
  va_end(args);
  struct buf line = {0};
  buf_put_str(&line, STR("plugctl: "));
  text_put_shown(&line, n < 0 ? STR("out of memory") : str_of(text), TEXT_LINE);
  buf_put_char(&line, '\n');
  if (!line.failed)
    fwrite(line.data, 1, line.len, stderr);
  buf_free(&line);
  if (n >= 0)
    free(text);
}

bool say_is_terminal(FILE *stream)
{
  return isatty(fileno(stream)) == 1;
}

bool say_colours(FILE *stream)
{
  const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
  return say_is_terminal(stream) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

bool say_json(json_t *take)
{
  char *text = take ? json_dumps(take, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
  json_decref(take);
  if (!text) {
    say_error("out of memory");
    return false;
  }
  bool good = puts(text) >= 0 && fflush(stdout) == 0;
  free(text);
  return good;
}

bool say_buf(struct buf *take)
{
  bool good = !take->failed;
  if (!good)
    say_error("out of memory");
  else if (take->len)
    good = fwrite(take->data, 1, take->len, stdout) == take->len;
  buf_free(take);
  return fflush(stdout) == 0 && good;
}

bool say_put_body(json_t *object, struct plug_str body)
{
  if (utf8_valid(body.ptr, body.len))
    return json_object_set_new(object, "body", json_stringn(body.ptr ? body.ptr : "", body.len)) ==
           0;
  char *text = malloc(body.len / 3 * 4 + 5);
  if (!text)
    return false;
  int n = EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)body.ptr, (int)body.len);
  bool good = n >= 0 && json_object_set_new(object, "body_base64", json_string(text)) == 0;
  free(text);
  return good;
}
