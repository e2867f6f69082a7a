/* Texts of an option that may be repeated. Owns the array, not the texts. Any thread. */
#ifndef CLI_TEXT_LIST_H
#define CLI_TEXT_LIST_H

#include <stddef.h>

struct text_list {
  const char **items;
  size_t n;
};

#endif
