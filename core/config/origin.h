/* Origin patterns as text: "https://example.org", "https://{any}.example.org:[8080,8081]" with '*'
 * for {any}, "https://example.org:[*]". '*' stands for any characters; a port list in brackets may
 * end the pattern. This checks how they are written; matching is done where Origin headers are.
 * Owns nothing. Any thread. */
#ifndef CONFIG_ORIGIN_H
#define CONFIG_ORIGIN_H

#include <stdbool.h>

#include <plugboard/abi.h>

/* Like str_split at commas, but those inside brackets belong to the pattern. */
bool origin_split(struct plug_str *rest, struct plug_str *item);

/* NULL if the pattern is well-formed, else what is wrong with it. */
const char *origin_check(struct plug_str pattern);

#endif
