/* Ant-style patterns of destinations, compiled once per subscription and matched once per message.
 * A pattern owns one allocation and is immutable: any thread may match. Time is bounded whatever
 * the pattern: at worst its length times the length of the destination.
 *
 *   ?             one character
 *   *             any run of characters within a segment
 *   **            as a whole segment: any number of segments, also none
 *   {name}        the same as *
 *   {name:regex}  a run of characters that the expression matches (segment_regex.h)
 *
 * Empty segments do not count: "/a//b" is "/a/b". Pattern and destination both start with a slash
 * or both do not. Both end with one or neither does, except that a pattern whose last segment is **
 * takes either, and that a last segment * also stands for nothing after a slash (but {name} does
 * not). */
#ifndef HUB_PATTERN_H
#define HUB_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <plugboard/abi.h>

#define PATTERN_WILDCARDS_MAX 64  /* ?, *, ** and {...} together */
#define PATTERN_REGEX_MAX     128 /* bytes of one expression */

struct pattern;

/* A '*', a '?', or a '{' that a '}' follows later. Anything else is compared byte by byte. */
bool pattern_is(struct plug_str destination);

/* NULL with *err filled (PLUG_EINVAL, PLUG_ETOOBIG or PLUG_ENOMEM) for what cannot be compiled. */
struct pattern *pattern_compile(struct plug_str text, struct plug_err *err);
void pattern_free(struct pattern *pattern); /* NULL is nothing */

bool pattern_match(const struct pattern *pattern, struct plug_str path);
/* The same within *left steps, of which it takes off what it needed: a segment, a character that is
 * looked at once more, an instruction of an expression are one each. At 0 it gives up and says
 * false. */
bool pattern_match_within(const struct pattern *pattern, struct plug_str path, uint64_t *left);
/* Bytes that it takes. */
size_t pattern_size(const struct pattern *pattern);
struct plug_str pattern_text(const struct pattern *pattern); /* lives as long as the pattern */

#endif
