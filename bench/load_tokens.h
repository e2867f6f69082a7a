/* Tokens of a file, one on each line, which the connections show in turn. Owns their texts.
 * One thread. */
#ifndef BENCH_LOAD_TOKENS_H
#define BENCH_LOAD_TOKENS_H

#include <stddef.h>

struct tokens {
  char **at;
  size_t n;
};

/* Ends the program when the file cannot be read or holds none. */
void tokens_read(struct tokens *tokens, const char *path);
/* The token of the connection of that number; empty when there are none. */
const char *tokens_of(const struct tokens *tokens, size_t conn);
void tokens_free(struct tokens *tokens);

#endif
