/* Prints plugboard.ini(5): what plugboard --config-reference says, with its Markdown turned into
 * the macros of man(7). Runs while the server is built, so that page and program cannot differ.
 * Knows the Markdown that the reference uses: headings, paragraphs, lists, tables, fences, `code`
 * and links. */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/str.h"
#include "config/settings.h"

static const char head[] =
    ".\\\" Generated when the server is built, from what plugboard --config-reference prints.\n"
    ".TH PLUGBOARD.INI 5 2026-11-28 \"Plugboard " PLUGBOARD_VERSION "\" \"File formats\"\n"
    ".ad l\n"
    ".SH NAME\n"
    "plugboard.ini \\- configuration of\n"
    ".BR plugboard (8)\n"
    ".SH DESCRIPTION\n";

static const char foot[] = ".SH FILES\n"
                           ".TP\n"
                           ".I /etc/plugboard/plugboard.ini\n"
                           "What the service of the Debian package reads.\n"
                           ".TP\n"
                           ".I /etc/default/plugboard\n"
                           "The environment that its values may refer to.\n"
                           ".SH SEE ALSO\n"
                           ".BR plugboard (8)\n";

/* One character of running text; roff would take some for its own. */
static void put_char(struct buf *out, char c, bool code)
{
  if (c == '\\')
    buf_putf(out, "\\e");
  else if (c == '-' && code)
    buf_putf(out, "\\-");
  else if (code && (c == '~' || c == '^' || c == '`' || c == '\''))
    buf_putf(out, "%s", c == '~' ? "\\(ti" : c == '^' ? "\\(ha" : c == '\'' ? "\\(aq" : "\\(ga");
  else
    buf_put_char(out, c);
}

static bool take(struct plug_str *text, const char *prefix)
{
  struct plug_str s = str_of(prefix);
  if (!str_has_prefix(*text, s))
    return false;
  *text = str_from(text->ptr + s.len, text->len - s.len);
  return true;
}

/* [text](address), not the name of a section. */
static bool starts_link(struct plug_str text)
{
  const char *end = text.len && *text.ptr == '[' ? memchr(text.ptr, ']', text.len) : NULL;
  return end && end + 1 < text.ptr + text.len && end[1] == '(';
}

/* Whether code that begins here is longer than a line of a terminal bears. */
static bool is_long(struct plug_str text)
{
  const char *end = memchr(text.ptr, '`', text.len);
  return end && end - text.ptr > 60;
}

/* Text up to the end of its line: `code` in bold, links by their text. */
static void put_inline(struct buf *out, struct plug_str text)
{
  bool code = false, link = false, breaks = false;
  if (text.len && (*text.ptr == '.' || *text.ptr == '\''))
    buf_putf(out, "\\&");
  while (text.len) {
    if (take(&text, "\\|")) {
      buf_put_char(out, '|');
    } else if (take(&text, "`")) {
      code = !code;
      breaks = code && text.len && is_long(text);
      buf_putf(out, code ? "\\fB" : "\\fR");
    } else if (!code && take(&text, "\xe2\x80\x93")) {
      buf_putf(out, "none");
    } else if (!code && starts_link(text)) {
      take(&text, "[");
      link = true;
    } else if (link && take(&text, "](")) {
      const char *end = memchr(text.ptr, ')', text.len);
      size_t skip = end ? (size_t)(end - text.ptr) + 1 : text.len;
      text = str_from(text.ptr + skip, text.len - skip);
      link = false;
    } else {
      put_char(out, *text.ptr, code);
      if (breaks && (*text.ptr == ':' || *text.ptr == '/'))
        buf_putf(out, "\\:"); /* a line may end there */
      text = str_from(text.ptr + 1, text.len - 1);
    }
  }
}

static void put_line(struct buf *out, struct plug_str text)
{
  put_inline(out, text);
  buf_put_char(out, '\n');
}

/* The next cell of a row, without the blanks around it; a bar behind a backslash belongs to it. */
static bool next_cell(struct plug_str *row, struct plug_str *cell)
{
  if (!row->len)
    return false;
  size_t n = 0;
  while (n < row->len && !(row->ptr[n] == '|' && (n == 0 || row->ptr[n - 1] != '\\')))
    n++;
  *cell = str_trim(str_from(row->ptr, n));
  size_t used = n < row->len ? n + 1 : n;
  *row = str_from(row->ptr + used, row->len - used);
  return true;
}

enum { MAX_COLUMNS = 8 };

/* The columns of the table that is being read, by their titles. */
struct columns {
  struct plug_str titles[MAX_COLUMNS];
  size_t n;
};

/* What stands in parentheses behind a key: "(number; default 5; 1..9; reload: yes)". */
static void put_facts(struct buf *out, const struct columns *columns, const struct plug_str *cells)
{
  const char *between = "(";
  for (size_t i = 1; i + 1 < columns->n; i++) {
    struct plug_str title = columns->titles[i], cell = cells[i];
    if (!cell.len || str_has_prefix(cell, STR("\xe2\x80\x93"))) /* a dash */
      continue;
    buf_putf(out, "%s", between);
    if (str_eq(title, STR("default")) && !str_eq(cell, STR("required")))
      buf_putf(out, "default ");
    else if (!str_eq(title, STR("type")) && !str_eq(title, STR("default")) &&
             !str_eq(title, STR("values")))
      buf_putf(out, "%.*s: ", STR_ARG(title));
    put_inline(out, cell);
    between = "; ";
  }
  if (*between == ';')
    buf_putf(out, ")\n.br\n");
}

/* A row of a table whose first column is what the last one explains. */
static void put_row(struct buf *out, struct plug_str row, struct columns *columns)
{
  struct plug_str cells[MAX_COLUMNS];
  size_t n = 0;
  take(&row, "|");
  while (n < MAX_COLUMNS && next_cell(&row, &cells[n]))
    n++;
  if (!columns->n) {
    memcpy(columns->titles, cells, n * sizeof *cells);
    columns->n = n;
  } else if (n == columns->n && n > 1 && !str_has_prefix(cells[0], STR("---"))) {
    buf_putf(out, ".TP\n");
    put_line(out, cells[0]);
    put_facts(out, columns, cells);
    put_line(out, cells[n - 1]);
  }
}

/* What the line before was: roff wants a macro where a paragraph or a list begins. */
enum place { NOWHERE, HEADING, PARAGRAPH, ITEM, FENCE };

static enum place put(struct buf *out, struct plug_str line, enum place place,
                      struct columns *columns)
{
  if (place == FENCE) {
    if (str_has_prefix(line, STR("```"))) {
      buf_putf(out, ".EE\n.RE\n");
      return NOWHERE;
    }
    buf_putf(out, "%s", line.len && (*line.ptr == '.' || *line.ptr == '\'') ? "\\&" : "");
    for (size_t i = 0; i < line.len; i++)
      put_char(out, line.ptr[i], true);
    buf_put_char(out, '\n');
    return FENCE;
  }
  struct plug_str text = str_trim(line);
  if (!text.len || *text.ptr != '|')
    columns->n = 0; /* no table, or its end */
  if (str_has_prefix(line, STR("<!--")) || str_has_prefix(line, STR("# ")))
    return place;
  if (!text.len)
    return place == HEADING ? HEADING : NOWHERE;
  if (str_has_prefix(text, STR("```"))) {
    buf_putf(out, "%s.RS 4\n.EX\n", place == HEADING ? "" : ".PP\n");
    return FENCE;
  }
  if (take(&text, "## ")) {
    /* Such as `[endpoint PATH]`: no link. */
    if (take(&text, "`") && text.len)
      text.len--;
    buf_putf(out, ".SH \"");
    for (size_t i = 0; i < text.len; i++)
      put_char(out, text.ptr[i], true);
    buf_putf(out, "\"\n");
    return HEADING;
  }
  if (*text.ptr == '|') {
    put_row(out, text, columns);
    return NOWHERE;
  }
  if (take(&text, "* ")) {
    buf_putf(out, ".IP \\(bu 2\n");
    put_line(out, text);
    return ITEM;
  }
  if (place == NOWHERE)
    buf_putf(out, ".PP\n");
  put_line(out, text);
  return place == ITEM ? ITEM : PARAGRAPH;
}

int main(void)
{
  struct buf markdown = {0}, out = {0};
  struct columns columns = {0};
  enum place place = HEADING; /* that of the head */
  settings_put_reference(&markdown);
  buf_put(&out, head, sizeof head - 1);
  for (size_t at = 0; at < markdown.len;) {
    const char *line = markdown.data + at, *end = memchr(line, '\n', markdown.len - at);
    size_t len = end ? (size_t)(end - line) : markdown.len - at;
    place = put(&out, str_from(line, len), place, &columns);
    at += len + 1;
  }
  buf_put(&out, foot, sizeof foot - 1);
  bool good = !markdown.failed && !out.failed && fwrite(out.data, 1, out.len, stdout) == out.len;
  if (fflush(stdout) != 0)
    good = false;
  buf_free(&markdown);
  buf_free(&out);
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
