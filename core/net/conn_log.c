#include "net/conn_log.h"

#include "base/log.h"
#include "base/str.h"
#include "session/admission.h"
#include "stomp/stomp.h"

#define CLOSE_LOST 1006 /* RFC 6455 7.1.5: there was no Close */

/* So many lines of a kind in this time. */
#define LINES_MAX  5
#define LINES_MS   10000
#define FIELDS_MAX 12

struct fields {
  struct log_field all[FIELDS_MAX];
  size_t n;
  char id[SESSION_ID_TEXT];
  char peer[NET_PEER_TEXT_MAX];
};

static const struct conn *conn_with(const struct session *session)
{
  return container_of(session, const struct conn, session);
}

static void add_text(struct fields *fields, const char *name, struct plug_str text)
{
  fields->all[fields->n++] = (struct log_field)LOG_FIELD_TEXT(name, text);
}

static void add_number(struct fields *fields, const char *name, uint64_t number)
{
  fields->all[fields->n++] = (struct log_field)LOG_FIELD_NUMBER(name, number);
}

/* Who: as far as it is known. */
static void begin(struct fields *fields, const struct conn *conn)
{
  const struct session *session = &conn->session;
  const struct plug_identity *who = admission_who(session);
  struct plug_str user = who ? who->user : session->end_user ? str_of(session->end_user) : STR("");
  fields->n = 0;
  if (session->version) /* before CONNECTED there is none */
    add_text(fields, "session", session_id_text(session, fields->id));
  if (user.len)
    add_text(fields, "user", user);
  add_text(fields, "address", str_from(fields->peer, net_peer_text(&conn->peer, fields->peer)));
  add_text(fields, "door", str_of(session->terms->door));
  add_text(fields, "transport", str_of(conn_transport(conn)));
}

static void put(enum log_level level, const char *what, struct plug_str why, uint64_t held,
                const struct fields *fields)
{
  struct buf line = {0};
  char more[LOG_HELD_MAX];
  buf_putf(&line, "%s%.*s%s", what, STR_ARG(why), log_held(held, more));
  if (!line.failed)
    log_fields(level, "session", str_from(line.data, line.len), fields->all, fields->n);
  buf_free(&line);
}

void conn_log_limit(const struct session *session, const char *why)
{
  static struct log_limit limit;
  struct fields fields;
  uint64_t held;
  if (!log_limit_pass_some(&limit, LINES_MAX, LINES_MS, &held))
    return;
  begin(&fields, conn_with(session));
  put(LOG_WARN, "ended by a limit: ", str_of(why), held, &fields);
}

void conn_log_refused(const struct session *session, struct plug_str message, bool stays)
{
  static struct log_limit ended, refused;
  enum log_level level = stays ? LOG_DEBUG : LOG_INFO;
  struct fields fields;
  uint64_t held;
  if (!log_on(level) || !log_limit_pass_some(stays ? &refused : &ended, LINES_MAX, LINES_MS, &held))
    return;
  begin(&fields, conn_with(session));
  put(level, stays ? "refused: " : "ended by an ERROR: ", message, held, &fields);
}

void conn_log_admitted(const struct session *session)
{
  struct fields fields;
  if (!log_on(LOG_DEBUG))
    return;
  begin(&fields, conn_with(session));
  add_text(&fields, "stomp", str_of(stomp_version_text((enum stomp_version)session->version)));
  put(LOG_DEBUG, "connected", STR(""), 0, &fields);
}

/* The ERROR's message says more than the reason of the close, which is empty behind one. */
static struct plug_str reason_of(const struct conn *conn, bool lost)
{
  const struct session *session = &conn->session;
  if (lost)
    return STR("the connection was lost");
  if (session->end_why)
    return str_of(session->end_why);
  if (session->close_reason && *session->close_reason)
    return str_of(session->close_reason);
  return conn->end_code ? STR("closed by the client") : STR("");
}

void conn_log_end(const struct conn *conn, bool lost)
{
  const struct session *session = &conn->session;
  struct fields fields;
  if (!log_access_on())
    return;
  uint64_t now = conn->env->now_ms;
  begin(&fields, conn);
  add_number(&fields, "duration_ms", now > session->opened_ms ? now - session->opened_ms : 0);
  add_number(&fields, "in", conn->bytes_in);
  add_number(&fields, "out", conn->bytes_out);
  add_number(&fields, "code",
             lost             ? CLOSE_LOST
             : conn->end_code ? conn->end_code
                              : session->close_code);
  add_text(&fields, "reason", reason_of(conn, lost));
  log_access(session->version ? STR("session ended") : STR("connection ended"), fields.all,
             fields.n);
}
