/* Tables for a terminal: no wider than 80 columns where what may be cut allows it, text of others
 * escaped. A table owns its cells. One thread. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"

enum { TABLE_COLUMNS_MAX = 12, TABLE_WIDTH = 80 };

struct table_column {
  const char *title;
  bool right;   /* numbers */
  bool shrinks; /* is cut, with an ellipsis, when the table is too wide */
};

struct table {
  const struct table_column *columns;
  size_t n_columns, n_rows, cap_rows;
  char **cells; /* row by row, the table's own */
  bool failed;
};

void table_init(struct table *table, const struct table_column *columns, size_t n);
/* The next cell, from the left; a row is complete with its last. */
void table_put(struct table *table, size_t column, struct plug_str text);
void table_putf(struct table *table, size_t column, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Title line and rows, no wider than 80 columns; frees the table. */
void table_print(struct table *table, struct buf *out, bool colours);

#endif
