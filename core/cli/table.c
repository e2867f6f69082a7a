#include "cli/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { COLUMN_MIN = 8 }; /* no column is cut to less */

void table_init(struct table *table, const struct table_column *columns, size_t n)
{
  *table = (struct table){.columns = columns, .n_columns = n};
}

void table_put(struct table *table, size_t column, struct plug_str text)
{
  struct buf shown = {0};
  if (column == 0 && table->n_rows == table->cap_rows && !table->failed) {
    size_t cap = table->cap_rows ? 2 * table->cap_rows : 64;
    char **cells = reallocarray(table->cells, cap * table->n_columns, sizeof *cells);
    table->failed = !cells;
    if (cells) {
      table->cells = cells;
      table->cap_rows = cap;
    }
  }
  if (table->failed)
    return;
  if (column == 0) {
    memset(table->cells + table->n_rows * table->n_columns, 0,
           table->n_columns * sizeof *table->cells);
    table->n_rows++;
  }
  text_put_shown(&shown, text, TEXT_LINE);
  buf_put_char(&shown, '\0');
  if (shown.failed)
    table->failed = true;
  else
    table->cells[(table->n_rows - 1) * table->n_columns + column] = shown.data;
}

void table_putf(struct table *table, size_t column, const char *format, ...)
{
  char *text = NULL;
  va_list args;
  va_start(args, format);
  int n = vasprintf(&text, format, args);
  va_end(args);
  if (n < 0) {
    table->failed = true;
    return;
  }
  table_put(table, column, str_of(text));
  free(text);
}

/* Characters, which are columns for all but wide scripts. */
static size_t width_of(const char *text)
{
  size_t n = 0;
  for (; *text; text++)
    n += ((unsigned char)*text & 0xc0) != 0x80;
  return n;
}

static const char *cell(const struct table *table, size_t row, size_t column)
{
  const char *text = table->cells[row * table->n_columns + column];
  return text ? text : "";
}

/* How wide each column is: as its widest text, but those that shrink give up what is too much,
 * the widest of them first. */
static void measure(const struct table *table, size_t *widths)
{
  size_t total = 2 * (table->n_columns - 1);
  for (size_t c = 0; c < table->n_columns; c++) {
    widths[c] = width_of(table->columns[c].title);
    for (size_t r = 0; r < table->n_rows; r++) {
      size_t width = width_of(cell(table, r, c));
      widths[c] = width > widths[c] ? width : widths[c];
    }
    total += widths[c];
  }
  while (total > TABLE_WIDTH) {
    size_t widest = table->n_columns;
    for (size_t c = 0; c < table->n_columns; c++)
      if (table->columns[c].shrinks && widths[c] > COLUMN_MIN &&
          (widest == table->n_columns || widths[c] > widths[widest]))
        widest = c;
    if (widest == table->n_columns)
      return;
    widths[widest]--;
    total--;
  }
}

static void put_cell(struct buf *out, const struct table *table, size_t column, const char *text,
                     size_t width)
{
  size_t have = width_of(text), bytes = strlen(text);
  bool cut = have > width && table->columns[column].shrinks;
  if (cut) {
    size_t n = 0;
    for (bytes = 0; n < width - 1; n++)
      for (bytes++; ((unsigned char)text[bytes] & 0xc0) == 0x80;)
        bytes++;
    have = width;
  }
  size_t pad = width > have ? width - have : 0;
  bool last = column + 1 == table->n_columns;
  for (size_t i = 0; table->columns[column].right && i < pad; i++)
    buf_put_char(out, ' ');
  buf_put(out, text, bytes);
  if (cut)
    buf_put_str(out, STR("…"));
  for (size_t i = 0; !table->columns[column].right && !last && i < pad; i++)
    buf_put_char(out, ' ');
  if (!last)
    buf_put_str(out, STR("  "));
}

void table_print(struct table *table, struct buf *out, bool colours)
{
  size_t widths[TABLE_COLUMNS_MAX];
  if (!table->failed) {
    measure(table, widths);
    if (colours)
      buf_put_str(out, STR("\033[1m"));
    for (size_t c = 0; c < table->n_columns; c++)
      put_cell(out, table, c, table->columns[c].title, widths[c]);
    if (colours)
      buf_put_str(out, STR("\033[0m"));
    buf_put_char(out, '\n');
    for (size_t r = 0; r < table->n_rows; r++) {
      for (size_t c = 0; c < table->n_columns; c++)
        put_cell(out, table, c, cell(table, r, c), widths[c]);
      buf_put_char(out, '\n');
    }
  }
  out->failed = out->failed || table->failed;
  for (size_t i = 0; i < table->n_rows * table->n_columns; i++)
    free(table->cells[i]);
  free(table->cells);
  *table = (struct table){0};
}
