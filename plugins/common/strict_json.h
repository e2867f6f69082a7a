/* JSON of strangers: an object within a depth, every member once. No state, no I/O. Any thread. */
#ifndef STRICT_JSON_H
#define STRICT_JSON_H

#include <jansson.h>
#include <plugboard/abi.h>

/* A new reference to the object, or NULL and a sentence in why. The text is judged for depth before
 * it is parsed. line: where the fault is, or 0. */
json_t *strict_json_parse(struct plug_str text, unsigned max_depth, char why[160], int *line);

/* A borrowed string member; ptr is NULL when the member is missing or no string. */
struct plug_str strict_json_str(const json_t *object, const char *key);
struct plug_str strict_json_value_str(const json_t *value);

#endif
