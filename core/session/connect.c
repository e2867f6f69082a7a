#include "session/connect.h"

#include <stdio.h>
#include <sys/random.h>

#include "base/assert.h"
#include "base/counter.h"
#include "session/admission.h"
#include "session/answer.h"
#include "session/refusal.h"
#include "session/restart.h"
#include "stomp/stomp_encoder.h"

/* "1.0,1.1": the highest that we speak, too. Blanks are tolerated. No header means 1.0 (STOMP 1.1,
 * Protocol Negotiation; DEV-3). */
static enum stomp_version choose_version(const struct plug_str *accept)
{
  if (!accept)
    return STOMP_1_0;
  enum stomp_version best = STOMP_NONE;
  struct plug_str rest = *accept, item;
  while (str_split(&rest, ',', &item))
    for (enum stomp_version v = STOMP_1_0; v <= STOMP_1_2; v++)
      if (v > best && str_eq(item, str_of(stomp_version_text(v))))
        best = v;
  return best;
}

/* "cx,cy" in milliseconds (STOMP 1.2, Heart-beating); blanks are tolerated (DEV-18). */
static bool parse_heartbeat(struct plug_str text, uint64_t *cx, uint64_t *cy)
{
  struct plug_str x, y;
  return str_split(&text, ',', &x) && str_split(&text, ',', &y) && !text.ptr && str_to_u64(x, cx) &&
         str_to_u64(y, cy);
}

#define HEARTBEAT_MAX_MS 86400000u /* longer than a day is as good as none, and fits 32 bits */

static uint32_t heartbeat_interval(uint64_t theirs, uint64_t ours)
{
  if (!theirs || !ours)
    return 0;
  uint64_t interval = theirs > ours ? theirs : ours;
  return interval > HEARTBEAT_MAX_MS ? HEARTBEAT_MAX_MS : (uint32_t)interval;
}

/* 128 bits that nobody can guess: destinations of a session's own are made from it. */
static void make_session_id(uint8_t id[16])
{
  static _Thread_local uint8_t pool[512];
  static _Thread_local size_t used = sizeof pool;
  if (used + 16 > sizeof pool) {
    invariant(getrandom(pool, sizeof pool, 0) == (ssize_t)sizeof pool);
    used = 0;
  }
  memcpy(id, pool + used, 16);
  used += 16;
}

struct plug_str session_id_text(const struct session *session, char out[SESSION_ID_TEXT])
{
  for (size_t i = 0; i < sizeof session->id; i++) {
    out[2 * i] = "0123456789abcdef"[session->id[i] >> 4];
    out[2 * i + 1] = "0123456789abcdef"[session->id[i] & 15];
  }
  return str_from(out, SESSION_ID_TEXT);
}

void connect_handle(struct session *session, const struct stomp_frame *frame)
{
  struct session_env *env = session->env;
  const struct session_terms *terms = session->terms;
  if (session->state != SESSION_CONNECTING) {
    session_fail(session, frame, CLOSE_PROTOCOL, NULL, "the session is connected already");
    return;
  }
  const struct plug_str *accept = stomp_frame_header(frame, STR("accept-version"));
  enum stomp_version version = choose_version(accept);
  if (version == STOMP_NONE) {
    char message[128];
    snprintf(message, sizeof message, "no supported version in accept-version '%.*s'",
             session_shown(*accept), accept->ptr);
    struct session_error error = {
        .message = str_of(message), .with_versions = true, .hint = "Supported: 1.0, 1.1 and 1.2."};
    session_error(session, &error);
    session_close(session, CLOSE_PROTOCOL, "");
    return;
  }
  uint64_t cx = 0, cy = 0;
  const struct plug_str *beat = stomp_frame_header(frame, STR("heart-beat"));
  const struct plug_str *notices = stomp_frame_header(frame, STR("notices"));
  if (beat && !parse_heartbeat(*beat, &cx, &cy)) {
    session_fail(session, frame, CLOSE_PROTOCOL,
                 "Two numbers of milliseconds are expected, as in 10000,10000.",
                 "heart-beat '%.*s' is not of the form <cx>,<cy>", session_shown(*beat), beat->ptr);
    return;
  }
  if (version == STOMP_1_0)
    cx = cy = 0; /* it has no heart-beats: whoever speaks it cannot be held to what it says there */
  uint64_t tolerated = heartbeat_interval(cx, terms->heartbeat_receive_ms) *
                       (uint64_t)env->heartbeat_tolerance / 100;
  struct session_agreement agreement = {
      .version = (uint8_t)version,
      .beats_sent = cy && terms->heartbeat_send_ms,
      .beats_expected = cx && terms->heartbeat_receive_ms,
      .notices = notices && restart_is_asked_for(*notices),
      .read_timeout_ms = (uint32_t)(tolerated > UINT32_MAX ? UINT32_MAX : tolerated),
      .write_interval_ms = heartbeat_interval(cy, terms->heartbeat_send_ms)};
  if (env->access)
    admission_begin(session, frame, &agreement);
  else
    session_admit(session, &agreement);
}

void session_admit(struct session *session, const struct session_agreement *agreement)
{
  struct session_env *env = session->env;
  const struct session_terms *terms = session->terms;
  enum stomp_version version = (enum stomp_version)agreement->version;
  session->read_timeout_ms = agreement->read_timeout_ms;
  session->write_interval_ms = agreement->write_interval_ms;
  session->state = SESSION_CONNECTED;
  session->version = agreement->version;
  session->notices = agreement->notices;
  if (session->parser)
    stomp_parser_set_version(session->parser, version);
  COUNT(sessions);
  COUNT(sessions_total);

  char id[SESSION_ID_TEXT];
  make_session_id(session->id);
  struct buf *out = answer_begin(session, STOMP_CONNECTED);
  answer_put(session, STOMP_CONNECTED, STR("version"), str_of(stomp_version_text(version)));
  /* Some clients take either number for a promise whatever they have said themselves. */
  buf_put_str(out, STR("heart-beat:"));
  buf_put_u64(out, agreement->beats_sent ? terms->heartbeat_send_ms : 0);
  buf_put_char(out, ',');
  buf_put_u64(out, agreement->beats_expected ? terms->heartbeat_receive_ms : 0);
  buf_put_char(out, '\n');
  answer_put(session, STOMP_CONNECTED, STR("session"), session_id_text(session, id));
  answer_put(session, STOMP_CONNECTED, STR("server"), str_of(env->server));
  if (session->notices)
    answer_put(session, STOMP_CONNECTED, STR("notices"), STR("restart"));
  const struct plug_identity *who = admission_who(session);
  if (who)
    answer_put(session, STOMP_CONNECTED, STR("user-name"), who->user);
  if (who && who->expires_unix_ms)
    stomp_put_header_u64(out, STR("expires-at"), (uint64_t)who->expires_unix_ms);
  stomp_put_body(out, str_from(NULL, 0));
  answer_queue(session);
  if (env->admitted)
    env->admitted(session);
}
