#include "config/expand.h"

#include "base/str.h"
#include "config/fault.h"

#include <stdlib.h>

static bool is_name_char(char c, bool first)
{
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
         (!first && c >= '0' && c <= '9');
}

static size_t name_len(struct plug_str text)
{
  size_t n = 0;
  while (n < text.len && is_name_char(text.ptr[n], n == 0))
    n++;
  return n;
}

/* reference: what stands between the braces. */
static plug_status expand_variable(struct plug_str reference, const char *file, int line,
                                   struct buf *out, struct plug_err *err)
{
  struct plug_str name = str_from(reference.ptr, name_len(reference));
  struct plug_str rest = str_from(reference.ptr + name.len, reference.len - name.len);
  bool has_default = str_has_prefix(rest, STR(":-"));
  if (name.len == 0 || (rest.len && !has_default))
    return fault_at(err, file, line, "malformed ${...}: write ${NAME} or ${NAME:-default}");

  char *variable = str_dup(name);
  if (!variable)
    return fault_no_memory(err);
  plug_status status = PLUG_OK;
  const char *value = getenv(variable);
  if (has_default && (!value || !*value))
    buf_put(out, rest.ptr + 2, rest.len - 2);
  else if (value)
    buf_put(out, value, strlen(value));
  else
    status = fault_at(err, file, line,
                      "environment variable %s is not set (${%s:-default} would give a default)",
                      variable, variable);
  free(variable);
  return status;
}

plug_status expand_value(struct plug_str text, const char *file, int line, struct buf *out,
                         struct plug_err *err)
{
  size_t i = 0;
  while (i < text.len) {
    if (text.ptr[i] != '$') {
      buf_put_char(out, text.ptr[i++]);
      continue;
    }
    char next = i + 1 < text.len ? text.ptr[i + 1] : '\0';
    if (next == '$') {
      buf_put_char(out, '$');
      i += 2;
      continue;
    }
    if (next != '{')
      return fault_at(err, file, line,
                      "'$' must be followed by {NAME} or by another '$', which stands for one");
    size_t start = i + 2;
    const char *end = memchr(text.ptr + start, '}', text.len - start);
    if (!end)
      return fault_at(err, file, line, "'${' without a closing '}'");
    struct plug_str reference = str_from(text.ptr + start, (size_t)(end - (text.ptr + start)));
    plug_status status = expand_variable(reference, file, line, out, err);
    if (status)
      return status;
    i = start + reference.len + 1;
  }
  return PLUG_OK;
}
