#include "load_tokens.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load_conn.h"

void tokens_read(struct tokens *tokens, const char *path)
{
  FILE *f = fopen(path, "re");
  if (!f)
    load_fail("%s: %s", path, strerror(errno));
  size_t cap = 0, n_line = 0, cap_line = 0;
  char *line = NULL;
  *tokens = (struct tokens){0};
  for (ssize_t len; (len = getline(&line, &cap_line, f)) > 0; n_line++) {
    if (line[len - 1] == '\n')
      line[len - 1] = 0;
    if (tokens->n == cap) {
      cap = cap ? cap * 2 : 1024;
      tokens->at = realloc(tokens->at, cap * sizeof *tokens->at);
      if (!tokens->at)
        load_fail("out of memory");
    }
    if (!*line || !(tokens->at[tokens->n++] = strdup(line)))
      load_fail("%s:%zu: no token", path, n_line + 1);
  }
  free(line);
  fclose(f);
  if (!tokens->n)
    load_fail("%s: no token in it", path);
}

const char *tokens_of(const struct tokens *tokens, size_t conn)
{
  return tokens->n ? tokens->at[conn % tokens->n] : "";
}

void tokens_free(struct tokens *tokens)
{
  for (size_t i = 0; i < tokens->n; i++)
    free(tokens->at[i]);
  free(tokens->at);
}
