/* The parser by which a session reads. Between two reads nearly every session has nothing of a
 * frame kept, so the sessions of a worker share one parser, and one that stops amid a frame takes
 * its state along until the frame is complete: an idle session has none. Worker's thread only. */
#ifndef SESSION_SESSION_PARSER_H
#define SESSION_SESSION_PARSER_H

#include "session/session.h"

/* The ways that are seldom gone. */
struct stomp_parser *session_parser_make(struct session *session);
void session_parser_keep(struct session *session);
/* The session is over. */
void session_parser_drop(struct session *session);

/* Before bytes are read; NULL when out of memory. */
static inline struct stomp_parser *session_parser_take(struct session *session)
{
  struct session_env *env = session->env;
  struct stomp_parser *parser = &env->parser;
  if (session->parser || env->parser_lent || !parser->scratch)
    return session_parser_make(session);
  env->parser_lent = true;
  parser->limits = &session->terms->limits;
  stomp_parser_set_version(parser, (enum stomp_version)session->version);
  session->parser = parser;
  return parser;
}

/* Behind that: what is left of a frame stays the session's. */
static inline void session_parser_give(struct session *session)
{
  struct session_env *env = session->env;
  if (session->parser != &env->parser || !stomp_parser_is_fresh(&env->parser)) {
    session_parser_keep(session);
    return;
  }
  env->parser_lent = false;
  session->parser = NULL;
}

#endif
