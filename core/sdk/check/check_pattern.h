/* SPDX-License-Identifier: MIT
 *
 * check_pattern.h: Ant-style patterns for plugboard-check, written to be read: what brokers and
 * claims are judged by. It knows ?, *, ** and {name}; of expressions in braces it says that it does
 * not know them. No state; any thread. */
#ifndef CHECK_PATTERN_H
#define CHECK_PATTERN_H

#include <plugboard/abi.h>

enum { CHECK_PATTERN_VARIABLES = 8 };

/* What is wrong with a pattern, one sentence without a full stop; NULL: nothing. Counts its
 * variables. */
const char *check_pattern_fault(struct plug_str pattern, size_t *n_variables);

/* 1 if it has a {name:expression}, for which check_pattern_fill has no value. */
int check_pattern_has_expression(struct plug_str pattern);

/* 1 if the topic matches, else 0. Neither has empty segments. */
int check_pattern_matches(struct plug_str pattern, struct plug_str topic);

/* Writes a path that the pattern matches to out, a C string: each variable stands for value, each
 * wildcard for a segment or a character. variables gets what they stand for, pointing into out.
 * Returns the length, 0 when there is not the room. */
size_t check_pattern_fill(struct plug_str pattern, const char *value, char *out, size_t room,
                          struct plug_kv variables[CHECK_PATTERN_VARIABLES], size_t *n_variables);

#endif
