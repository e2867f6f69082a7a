#include "base/log_record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/day.h"
#include "base/str.h"
#include "base/utf8.h"

static const char *const level_names[] = {"debug", "info", "warn", "error", "violation"};
/* syslog's, which the journal has. */
static const char priorities[] = {'7', '6', '4', '3', '2'};

/* What a line may grow to: behind it come a closing quote, a brace and the line feed. */
#define ROOM_END (LOG_LINE_MAX - 4)

static size_t room(const struct log_bytes *out)
{
  return out->len < ROOM_END ? ROOM_END - out->len : 0;
}

static void put(struct log_bytes *out, const char *c_string)
{
  size_t n = strlen(c_string);
  if (n > room(out))
    n = room(out);
  memcpy(out->text + out->len, c_string, n);
  out->len += n;
}

/* The length of the UTF-8 character at s, 0 when there is none. */
static size_t character_len(const char *s, size_t len)
{
  unsigned char c = (unsigned char)s[0];
  size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
  return n <= len && utf8_valid(s, n) ? n : 0;
}

/* What is too long is cut between characters and never within an escape: JSON stays JSON. quoted:
 * within quotes. False: it was cut. */
static bool put_escaped(struct log_bytes *out, enum log_form form, bool quoted, struct plug_str s)
{
  for (size_t i = 0; i < s.len;) {
    unsigned char c = (unsigned char)s.ptr[i];
    size_t n = character_len(s.ptr + i, s.len - i);
    const char *bytes = s.ptr + i;
    size_t width = n;
    char escape[8];
    if (quoted && (c == '"' || c == '\\')) {
      escape[0] = '\\';
      escape[1] = (char)c;
      bytes = escape;
      width = 2;
    } else if (n == 0 && form == LOG_JSON) {
      bytes = "\\ufffd";
      width = 6;
    } else if (n == 2 && c == 0xc2 && (unsigned char)bytes[1] < 0xa0) { /* U+0080 to U+009F */
      width = (size_t)snprintf(escape, sizeof escape, "\\u%04x", (unsigned char)bytes[1]);
      bytes = escape;
    } else if (n == 0 || c < 0x20 || c == 0x7f) {
      bytes = escape;
      width = (size_t)snprintf(escape, sizeof escape, form == LOG_JSON ? "\\u%04x" : "\\x%02x", c);
    }
    if (width > room(out))
      return false;
    memcpy(out->text + out->len, bytes, width);
    out->len += width;
    i += n ? n : 1;
  }
  return true;
}

/* --- fields ------------------------------------------------------------------------------- */

static bool is_word(struct plug_str s)
{
  for (size_t i = 0; i < s.len; i++) {
    unsigned char c = (unsigned char)s.ptr[i];
    if (c <= ' ' || c == '"' || c == '\\' || c == '=' || c >= 0x7f)
      return false;
  }
  return s.len > 0;
}

static bool put_value(struct log_bytes *out, enum log_form form, const struct log_field *field)
{
  char number[24];
  if (field->is_number) {
    int n = snprintf(number, sizeof number, "%" PRIu64, field->number);
    return put_escaped(out, form, false, str_from(number, (size_t)n));
  }
  if (form == LOG_TEXT && is_word(field->text))
    return put_escaped(out, form, false, field->text);
  put(out, "\"");
  if (!put_escaped(out, form, true, field->text) || room(out) == 0)
    return false;
  put(out, "\"");
  return true;
}

/* A field is there as a whole or not at all. */
static void put_fields(struct log_bytes *out, enum log_form form, const struct log_record *record)
{
  for (size_t i = 0; i < record->n_fields; i++) {
    const struct log_field *field = &record->fields[i];
    size_t before = out->len;
    put(out, form == LOG_JSON ? ",\"" : " ");
    put(out, field->name);
    put(out, form == LOG_JSON ? "\":" : "=");
    if (put_value(out, form, field))
      continue;
    out->len = before;
    return;
  }
}

/* --- lines -------------------------------------------------------------------------------- */

static void put_json(struct log_bytes *out, const char *stamp, const struct log_record *record)
{
  put(out, "{\"time\":\"");
  put(out, stamp);
  put(out, "\",\"level\":\"");
  put(out, level_names[record->level]);
  put(out, "\",\"area\":\"");
  put(out, record->area);
  put(out, "\",\"message\":\"");
  (void)put_escaped(out, LOG_JSON, true, record->text);
  out->text[out->len++] = '"'; /* which has its room behind that of the line */
  put_fields(out, LOG_JSON, record);
  out->text[out->len++] = '}';
}

static void put_text(struct log_bytes *out, const char *stamp, const struct log_record *record)
{
  put(out, stamp);
  put(out, " ");
  put(out, level_names[record->level]);
  put(out, " ");
  put(out, record->area);
  put(out, ": ");
  (void)put_escaped(out, LOG_TEXT, false, record->text);
  put_fields(out, LOG_TEXT, record);
}

void log_record_put_line(struct log_bytes *out, enum log_form form, const struct log_record *record)
{
  char stamp[DAY_TEXT_SIZE];
  day_text(day_ms(&record->at), stamp);
  out->len = 0;
  if (form == LOG_JSON)
    put_json(out, stamp, record);
  else
    put_text(out, stamp, record);
  out->text[out->len++] = '\n';
}

/* --- the journal -------------------------------------------------------------------------- */

/* The form that may hold any byte: the name, a line feed, the length in eight bytes of which the
 * lowest is first, the value, a line feed. Left out when there is no room. */
static void put_journal(struct log_bytes *out, const char *prefix, const char *name,
                        struct plug_str value)
{
  size_t before = strlen(prefix), n = strlen(name);
  if (out->len + before + n + 10 + value.len > sizeof out->text)
    return;
  char *at = out->text + out->len;
  memcpy(at, prefix, before);
  at += before;
  for (size_t i = 0; i < n; i++)
    *at++ = name[i] >= 'a' && name[i] <= 'z' ? (char)(name[i] - 'a' + 'A') : name[i];
  *at++ = '\n';
  for (unsigned shift = 0; shift < 64; shift += 8)
    *at++ = (char)((uint64_t)value.len >> shift & 0xff);
  if (value.len)
    memcpy(at, value.ptr, value.len);
  at += value.len;
  *at++ = '\n';
  out->len = (size_t)(at - out->text);
}

void log_record_put_entry(struct log_bytes *out, const struct log_record *record)
{
  struct log_bytes line = {.len = 0};
  (void)put_escaped(&line, LOG_TEXT, false, record->text);
  put_fields(&line, LOG_TEXT, record);
  out->len = 0;
  put_journal(out, "", "message", str_from(line.text, line.len));
  put_journal(out, "", "priority", str_from(&priorities[record->level], 1));
  put_journal(out, "", "syslog_identifier", STR("plugboard"));
  put_journal(out, "PLUGBOARD_", "area", str_of(record->area));
  for (size_t i = 0; i < record->n_fields; i++) {
    const struct log_field *field = &record->fields[i];
    char number[24];
    int n = snprintf(number, sizeof number, "%" PRIu64, field->number);
    put_journal(out, "PLUGBOARD_", field->name,
                field->is_number ? str_from(number, (size_t)n) : field->text);
  }
}
