/* Names of NATS subjects for topics, and the wildcards that cover an Ant pattern. Owns nothing, no
 * I/O, any thread.
 *
 *   /sub/rooms/7    PREFIX.t.sub.rooms.7        a segment is a token, runs of slashes are one
 *   /sub/rooms/     PREFIX.t.sub.rooms.%        a slash at the end is the token %
 *   plain           PREFIX.r.plain              r: it begins with no slash
 *   /a.b/c d%       PREFIX.t.a%2Eb.c%20d%25     . * > %, blanks and control characters as %XX
 *
 * Patterns: a segment with a wildcard in it is *, all from a segment ** on is >. That catches at
 * least what the pattern matches; the server filters exactly. */
#ifndef NATS_SUBJECT_H
#define NATS_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>

#include <plugboard/abi.h>

enum {
  /* A NATS server takes no command line above 4,096 bytes, and hangs up on who sends one. */
  NATS_SUBJECT_MAX = 3500,
};

/* The subject of a topic as a C string. False: it is longer than NATS_SUBJECT_MAX. */
bool nats_subject_put(char out[NATS_SUBJECT_MAX + 1], const char *prefix, struct plug_str topic);
/* The topic of a subject without the prefix and its dot, with one slash for what was a run of
 * them. Its length; at most the length of the subject and a slash. SIZE_MAX: nats_subject_put made
 * no such subject. */
size_t nats_subject_topic(const char *subject, char *out, size_t size);

/* One or two subjects that cover a pattern, C strings in out[0] and out[1]; they share nothing.
 * Their number; 0: one is longer than NATS_SUBJECT_MAX. */
size_t nats_subject_cover(char out[2][NATS_SUBJECT_MAX + 1], const char *prefix,
                          struct plug_str pattern);
/* What a prefix may be: tokens of letters, digits, - and _. */
bool nats_subject_is_prefix(const char *text);

#endif
