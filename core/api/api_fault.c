#include "api/api_fault.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "base/utf8.h"

bool api_refuse(struct api_fault *fault, uint16_t status, const char *code, const char *field,
                const char *format, ...)
{
  va_list args;
  va_start(args, format);
  bool refused = api_refuse_with(fault, status, code, field, format, args);
  va_end(args);
  return refused;
}

bool api_refuse_with(struct api_fault *fault, uint16_t status, const char *code, const char *field,
                     const char *format, va_list args)
{
  *fault = (struct api_fault){.status = status, .code = code};
  char *message = fault->message;
  size_t size = sizeof fault->message;
  if (vsnprintf(message, size, format, args) >= (int)size) /* cut, perhaps within a character */
    message[utf8_cut(message, size - 1, size - 2)] = '\0';
  if (field)
    snprintf(fault->field, sizeof fault->field, "%s", field);
  return false;
}

void api_refuse_http(struct api_fault *fault, uint16_t status, const char *text)
{
  const char *code = status == 413 ? "too-large" : status == 408 ? "timeout" : "bad-request";
  (void)api_refuse(fault, status, code, NULL, "%s", text);
}

void api_put_string(struct buf *out, struct plug_str text)
{
  json_t *string = json_stringn(text.ptr ? text.ptr : "", text.len);
  char *dump = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;
  buf_put_str(out, dump ? str_of(dump) : STR("\"\""));
  free(dump);
  json_decref(string);
}

void api_fault_put(const struct api_fault *fault, struct buf *out)
{
  buf_put_str(out, STR("{\"code\":"));
  api_put_string(out, str_of(fault->code));
  buf_put_str(out, STR(",\"message\":"));
  api_put_string(out, str_of(fault->message));
  if (fault->field[0]) {
    buf_put_str(out, STR(",\"field\":"));
    api_put_string(out, str_of(fault->field));
  }
  buf_put_str(out, STR("}\n"));
}
