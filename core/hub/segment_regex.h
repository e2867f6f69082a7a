/* Regular expressions over one segment of a destination, matched as a whole, in time linear in its
 * length for every expression, because clients write them: a simulated automaton instead of
 * backtracking. Programs are built by one thread; matching keeps its state on the stack, so any
 * thread may match.
 *
 *   .  [a-z]  [^a-z]  \d \w \s \D \W \S (ASCII)  \ before punctuation  |  ( )  (?: )
 *   * + ? {n} {n,} {n,m}, also with a lazy ? after them  ^ $
 *
 * Characters are code points. Back-references, look-around, word boundaries, possessive
 * quantifiers, and sets within sets are refused.
 *
 * It is our own because no library bounds all three of program, memory and time: PCRE2 backtracks,
 * and where its limit of matches ends a search an honest expression fails on a longer text, too;
 * its other matcher takes time with the square of what a client writes and has no limit of steps.
 */
#ifndef HUB_SEGMENT_REGEX_H
#define HUB_SEGMENT_REGEX_H

#include <stdbool.h>

#include <plugboard/abi.h>

#define SEGMENT_REGEX_CODE_MAX   256 /* instructions; bounds the work per character */
#define SEGMENT_REGEX_RANGES_MAX 256
#define SEGMENT_REGEX_TEXT_MAX   128 /* bytes of one expression */

struct segment_regex_insn {
  uint16_t op, x;
  uint32_t y;
};

struct segment_regex_range {
  uint32_t low, high;
};

/* Several programs may follow each other in one builder; each ends with segment_regex_end. */
struct segment_regex_builder {
  struct segment_regex_insn code[SEGMENT_REGEX_CODE_MAX];
  struct segment_regex_range ranges[SEGMENT_REGEX_RANGES_MAX];
  uint16_t n_code, n_ranges;
};

/* Each appends to the program; false with *why set to a static sentence if it cannot. */
bool segment_regex_add_literal(struct segment_regex_builder *b, struct plug_str text,
                               const char **why);
bool segment_regex_add_any(struct segment_regex_builder *b, const char **why);     /* as . */
bool segment_regex_add_any_run(struct segment_regex_builder *b, const char **why); /* as .* */
bool segment_regex_add(struct segment_regex_builder *b, struct plug_str regex, const char **why);
bool segment_regex_end(struct segment_regex_builder *b, const char **why);

/* Runs the program that starts at code[start], within *left steps, of which it takes off what it
 * needed: one for each instruction and for four ranges of a set. At 0 it gives up and says false.
 */
bool segment_regex_match(const struct segment_regex_insn *code,
                         const struct segment_regex_range *ranges, uint16_t start,
                         struct plug_str text, uint64_t *left);

/* The code point at *at, which is moved past it. Bytes that are not UTF-8 count as characters of
 * their own, which equal nothing else. */
uint32_t segment_regex_next_char(struct plug_str text, size_t *at);

#endif
