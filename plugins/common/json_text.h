/* JSON written as people would: real numbers with as few digits as say the same. jansson alone
 * makes 0.10000000000000001 of 0.1. Owns nothing. Any thread. */
#ifndef JSON_TEXT_H
#define JSON_TEXT_H

#include <jansson.h>

/* Compact, members in their order. For free(); NULL when out of memory. */
char *json_text_dump(const json_t *json);

#endif
