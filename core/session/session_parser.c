#include "session/session_parser.h"

#include <stdlib.h>

/* For the first time, of a session that has one of its own, or while another session reads. */
struct stomp_parser *session_parser_make(struct session *session)
{
  struct session_env *env = session->env;
  if (session->parser) {
    session->parser->limits = &session->terms->limits; /* of which there may be new ones */
    return session->parser;
  }
  bool lent = !env->parser_lent;
  struct stomp_parser *parser = lent ? &env->parser : malloc(sizeof *parser);
  if (!parser)
    return NULL;
  env->parser_lent = true;
  stomp_parser_init(parser, &session->terms->limits, env->scratch);
  stomp_parser_set_version(parser, (enum stomp_version)session->version);
  session->parser = parser;
  return parser;
}

static bool has_nothing_left(const struct session *session)
{
  const struct stomp_parser *parser = session->parser;
  return session->state >= SESSION_LEAVING || session->erred || parser->given ||
         stomp_parser_is_fresh(parser);
}

void session_parser_keep(struct session *session)
{
  struct session_env *env = session->env;
  bool over = has_nothing_left(session);
  if (session->parser != &env->parser) {
    if (over)
      session_parser_drop(session);
    return;
  }
  struct stomp_parser *own = over ? NULL : malloc(sizeof *own);
  if (own)
    *own = env->parser;
  else
    stomp_parser_fini(&env->parser);
  env->parser.scratch = NULL; /* it is made anew */
  env->parser_lent = false;
  session->parser = own;
  if (!own && !over)
    session_close(session, CLOSE_INTERNAL, "out of memory");
}

void session_parser_drop(struct session *session)
{
  if (!session->parser)
    return;
  stomp_parser_fini(session->parser);
  free(session->parser);
  session->parser = NULL;
}
