/* Asks a server's admin door (docs/plugctl.md): one HTTP request through libcurl, over its Unix
 * socket or its listener, JSON in and out. Owns nothing between calls. One thread. */
#ifndef CLI_ADMIN_H
#define CLI_ADMIN_H

#include <jansson.h>

#include "cli/command.h"
#include "cli/exits.h"

struct admin_request {
  const char *method;      /* GET or POST */
  const char *path;        /* behind /admin/api/ */
  const char *query[4][2]; /* name and value; values may be NULL: left out */
  json_t *body;            /* of POST; borrowed */
  /* What comes, piece by piece, instead of *answer; false ends it, which is no failure. */
  bool (*on_piece)(void *ctx, const char *bytes, size_t len);
  void *ctx;
};

/* EXIT_DONE: *answer (if not NULL) is the server's object, for json_decref. Else it has been said
 * what is wrong; *answer may be what the server answered, or NULL. */
enum exit_code admin_ask(const struct arguments *arguments, const struct admin_request *request,
                         json_t **answer);

#endif
