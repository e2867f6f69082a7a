#include "cli/link.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "cli/ws_client.h"

enum {
  FRAME_MAX = 64 << 20, /* of a peer that is trusted more than a client, yet not without bound */
  HEADER_MAX = 65536,
  READ_BYTES = 65536,
  READS_PER_TURN = 16,
  BEAT_SLACK = 2, /* a heart-beat may be late by its own length (STOMP 1.2 "Heart-beating") */
};

static const struct stomp_limits limits = {
    .frame_bytes = FRAME_MAX, .n_headers = STOMP_HEADERS_CAP, .header_bytes = HEADER_MAX};
static struct stomp_scratch scratch; /* one thread has all links */

void link_end(struct link *link, enum exit_code code, const char *format, ...)
{
  va_list args;
  if (link->state == LINK_ENDED)
    return;
  bool left = link->state == LINK_LEAVING;
  link->state = LINK_ENDED;
  stream_close(&link->stream);
  if (left && code == EXIT_UNREACHABLE) /* it may close instead of answering */
    code = EXIT_DONE;
  link->exit = code;
  va_start(args, format);
  vsnprintf(link->why, sizeof link->why, format, args);
  va_end(args);
}

static void end_unreachable(struct link *link, const char *why)
{
  link_end(link, EXIT_UNREACHABLE, "%s: %s", link->terms->target->shown, why);
}

/* What an ERROR frame says, in one line: its message, and the body's first line. */
static void put_error_text(const struct stomp_frame *frame, char *out, size_t size)
{
  const struct plug_str *message = stomp_frame_header(frame, STR("message"));
  const char *eol = frame->body.len ? memchr(frame->body.ptr, '\n', frame->body.len) : NULL;
  struct plug_str line =
      str_trim(str_from(frame->body.ptr, eol ? (size_t)(eol - frame->body.ptr) : frame->body.len));
  if (line.len && line.ptr[line.len - 1] == '\r')
    line.len--;
  bool both = message && message->len && line.len && !str_has_prefix(line, *message);
  struct plug_str first = both || !line.len ? (message ? *message : line) : line;
  snprintf(out, size, "%.*s%s%.*s", STR_ARG(first), both ? ": " : "", both ? (int)line.len : 0,
           line.ptr ? line.ptr : "");
}

/* --- writing --- */

void link_begin(struct link *link, enum stomp_command command)
{
  link->frame.len = 0;
  stomp_put_command(&link->frame, command);
}

void link_put(struct link *link, enum stomp_command command, struct plug_str name,
              struct plug_str value)
{
  stomp_put_header(&link->frame, link->version, command, name, value);
}

static void put_message(struct link *link, struct plug_str bytes)
{
  if (link->terms->target->websocket)
    ws_client_put_frame(&link->out, utf8_valid(bytes.ptr, bytes.len) ? WS_TEXT : WS_BINARY, bytes);
  else
    buf_put_str(&link->out, bytes);
  if (link->frame.failed || link->out.failed)
    link_end(link, EXIT_FAILED, "out of memory");
}

void link_send(struct link *link, struct plug_str body)
{
  if (link->state == LINK_ENDED)
    return;
  stomp_put_body(&link->frame, body);
  put_message(link, str_from(link->frame.data, link->frame.len));
}

size_t link_backlog(const struct link *link)
{
  return link->out.len - link->out_at;
}

void link_flush(struct link *link)
{
  while (link->state != LINK_ENDED && link->stream.open && link_backlog(link)) {
    size_t put = 0;
    enum stream_result result =
        stream_write(&link->stream, link->out.data + link->out_at, link_backlog(link), &put);
    if (result == STREAM_AGAIN)
      return;
    if (result != STREAM_GOOD) {
      end_unreachable(link,
                      result == STREAM_END ? "the server closed the connection" : link->stream.why);
      return;
    }
    link->out_at += put;
    link->sent_us = clock_now_us();
    if (link->out_at == link->out.len)
      link->out_at = link->out.len = 0;
  }
}

static void put_header_line(struct link *link, enum stomp_command command, const char *line)
{
  struct plug_str rest = str_of(line);
  const char *colon = strchr(line, ':');
  struct plug_str name = str_from(rest.ptr, colon ? (size_t)(colon - line) : rest.len);
  link_put(link, command, name, str_of(colon ? colon + 1 : ""));
}

static void say_connect(struct link *link)
{
  const struct link_terms *terms = link->terms;
  char beats[48];
  snprintf(beats, sizeof beats, "%llu,%llu", (unsigned long long)terms->heartbeat_ms,
           (unsigned long long)terms->heartbeat_ms);
  link->state = LINK_CONNECTING;
  link_begin(link, STOMP_CONNECT);
  link_put(link, STOMP_CONNECT, STR("accept-version"), STR("1.0,1.1,1.2"));
  link_put(link, STOMP_CONNECT, STR("host"),
           str_of(terms->host ? terms->host : terms->target->host));
  link_put(link, STOMP_CONNECT, STR("heart-beat"), str_of(beats));
  if (terms->login)
    link_put(link, STOMP_CONNECT, STR("login"), str_of(terms->login));
  if (terms->passcode)
    link_put(link, STOMP_CONNECT, STR("passcode"), str_of(terms->passcode));
  if (terms->token) {
    struct buf value = {0};
    buf_putf(&value, "Bearer %s", terms->token);
    link_put(link, STOMP_CONNECT, STR("Authorization"), str_from(value.data, value.len));
    link->frame.failed = link->frame.failed || value.failed;
    buf_free(&value);
  }
  if (terms->notices)
    link_put(link, STOMP_CONNECT, STR("notices"), STR("restart"));
  for (size_t i = 0; i < terms->connect_headers.n; i++)
    put_header_line(link, STOMP_CONNECT, terms->connect_headers.items[i]);
  link_send(link, (struct plug_str){0});
}

void link_leave(struct link *link)
{
  if (link->state != LINK_UP) {
    link_end(link, EXIT_DONE, "left before it was up");
    return;
  }
  link->state = LINK_LEAVING;
  link->deadline_us = clock_now_us() + link->terms->open_ms * 1000;
  link_begin(link, STOMP_DISCONNECT);
  link_put(link, STOMP_DISCONNECT, STR("receipt"), STR("bye"));
  link_send(link, (struct plug_str){0});
  link_flush(link);
}

/* --- opening --- */

void link_open(struct link *link, const struct link_terms *terms,
               void (*on_frame)(void *ctx, const struct stomp_frame *frame), void *ctx)
{
  *link = (struct link){.terms = terms, .on_frame = on_frame, .ctx = ctx};
  link->reader.from_server = true;
  stomp_parser_init(&link->parser, &limits, &scratch);
  link->deadline_us = clock_now_us() + terms->open_ms * 1000;
  stream_begin(&link->stream, terms->target, terms->tls, terms->addresses);
}

void link_fini(struct link *link)
{
  link_end(link, EXIT_DONE, "closed");
  ws_reader_fini(&link->reader);
  stomp_parser_fini(&link->parser);
  buf_free(&link->answer);
  buf_free(&link->frame);
  buf_free(&link->out);
}

static void open_stream(struct link *link)
{
  enum stream_result result = stream_turn(&link->stream);
  if (result == STREAM_AGAIN)
    return;
  if (result != STREAM_GOOD) {
    end_unreachable(link, link->stream.why);
    return;
  }
  if (!link->terms->target->websocket) {
    say_connect(link);
    return;
  }
  link->state = LINK_UPGRADING;
  if (!ws_client_make_key(link->key))
    link_end(link, EXIT_FAILED, "there is no randomness");
  else
    ws_client_put_request(&link->out, link->terms->target->authority, link->terms->target->path,
                          link->key, &link->terms->http_headers);
}

/* --- reading --- */

static void on_connected(struct link *link, const struct stomp_frame *frame)
{
  const struct plug_str *version = stomp_frame_header(frame, STR("version"));
  const struct plug_str *beats = stomp_frame_header(frame, STR("heart-beat"));
  link->version = !version || str_eq(*version, STR("1.0")) ? STOMP_1_0
                  : str_eq(*version, STR("1.1"))           ? STOMP_1_1
                                                           : STOMP_1_2;
  stomp_parser_set_version(&link->parser, link->version);
  struct plug_str rest = beats ? *beats : STR("0,0"), first, second;
  uint64_t theirs = 0, wanted = 0, own = link->terms->heartbeat_ms;
  if (!str_split(&rest, ',', &first) || !str_split(&rest, ',', &second) ||
      !str_to_u64(first, &theirs) || !str_to_u64(second, &wanted)) {
    link_end(link, EXIT_GARBAGE, "%s: the heart-beat header of CONNECTED is none",
             link->terms->target->shown);
    return;
  }
  theirs = theirs > UINT32_MAX ? UINT32_MAX : theirs;
  wanted = wanted > UINT32_MAX ? UINT32_MAX : wanted;
  if (own && theirs)
    link->hear_every_us = (own > theirs ? own : theirs) * 1000;
  if (own && wanted)
    link->send_every_us = (own > wanted ? own : wanted) * 1000;
  link->deadline_us = 0;
  link->state = LINK_UP;
  link->on_frame(link->ctx, frame);
}

static void on_frame(struct link *link, const struct stomp_frame *frame)
{
  if (frame->command == STOMP_ERROR) {
    char text[sizeof link->why];
    put_error_text(frame, text, sizeof text);
    link->on_frame(link->ctx, frame);
    link_end(link, EXIT_REFUSED, "%s", text);
    return;
  }
  if (!stomp_command_is_server(frame->command) ||
      (frame->command == STOMP_CONNECTED) != (link->state == LINK_CONNECTING)) {
    link_end(link, EXIT_GARBAGE, "%s: an unexpected %s frame came", link->terms->target->shown,
             stomp_command_text(frame->command));
    return;
  }
  if (frame->command == STOMP_CONNECTED) {
    on_connected(link, frame);
    return;
  }
  const struct plug_str *receipt = stomp_frame_header(frame, STR("receipt-id"));
  if (link->state == LINK_LEAVING && receipt && str_eq(*receipt, STR("bye"))) {
    if (link->terms->target->websocket) {
      ws_client_put_frame(&link->out, WS_CLOSE, str_from("\x03\xe8", 2)); /* 1000 */
      link_flush(link);
    }
    link_end(link, EXIT_DONE, "left");
    return;
  }
  link->on_frame(link->ctx, frame);
}

static void feed(struct link *link, char *bytes, size_t len)
{
  struct stomp_frame frame;
  struct stomp_parse_error error;
  stomp_parser_feed(&link->parser, bytes, len);
  while (link->state != LINK_ENDED) {
    switch (stomp_parser_next(&link->parser, &frame, &error)) {
    case STOMP_EVENT_MORE:
      return;
    case STOMP_EVENT_HEARTBEAT:
      break;
    case STOMP_EVENT_FRAME:
      on_frame(link, &frame);
      break;
    case STOMP_EVENT_ERROR:
      link_end(link, EXIT_GARBAGE, "%s: what came is not STOMP: %s", link->terms->target->shown,
               error.message);
      return;
    }
  }
}

static void read_frames(struct link *link, char *at, char *end)
{
  struct ws_item item;
  while (link->state != LINK_ENDED) {
    switch (ws_reader_next(&link->reader, &at, end, &item)) {
    case WS_NEED_MORE:
      return;
    case WS_GOT_DATA:
      feed(link, item.bytes, item.len);
      break;
    case WS_GOT_PING:
      ws_client_put_frame(&link->out, WS_PONG, str_from(item.bytes, item.len));
      break;
    case WS_GOT_PONG:
      break;
    case WS_GOT_CLOSE:
      link_end(link, EXIT_UNREACHABLE, "%s: the server closed the connection: %u%s%.*s",
               link->terms->target->shown, item.code, item.len > 2 ? " " : "",
               item.len > 2 ? (int)item.len - 2 : 0, item.len > 2 ? item.bytes + 2 : "");
      return;
    case WS_GOT_FAULT:
      link_end(link, EXIT_GARBAGE, "%s: what came is not WebSocket: %s", link->terms->target->shown,
               item.reason);
      return;
    }
  }
}

static void read_answer(struct link *link, const char *bytes, size_t len)
{
  char why[240];
  size_t used = 0;
  buf_put(&link->answer, bytes, len);
  if (link->answer.failed) {
    link_end(link, EXIT_FAILED, "out of memory");
    return;
  }
  switch (ws_client_read_answer(link->answer.data, link->answer.len, link->key, &used, why)) {
  case WS_CLIENT_MORE:
    return;
  case WS_CLIENT_REFUSED:
    link_end(link, EXIT_REFUSED, "%s: %s", link->terms->target->shown, why);
    return;
  case WS_CLIENT_UNAVAILABLE: /* a balancer says so, too, while there is no node */
    end_unreachable(link, why);
    return;
  case WS_CLIENT_GARBAGE:
    link_end(link, EXIT_GARBAGE, "%s: %s", link->terms->target->shown, why);
    return;
  case WS_CLIENT_OPEN:
    say_connect(link);
    read_frames(link, link->answer.data + used, link->answer.data + link->answer.len);
    buf_free(&link->answer);
    return;
  }
}

static void read_stream(struct link *link)
{
  static char bytes[READ_BYTES];
  for (int i = 0; i < READS_PER_TURN && link->state != LINK_ENDED; i++) {
    size_t got = 0;
    enum stream_result result = stream_read(&link->stream, bytes, sizeof bytes, &got);
    if (result == STREAM_AGAIN)
      return;
    if (result != STREAM_GOOD) {
      end_unreachable(link,
                      result == STREAM_END ? "the server closed the connection" : link->stream.why);
      return;
    }
    link->heard_us = clock_now_us();
    if (link->state == LINK_UPGRADING)
      read_answer(link, bytes, got);
    else if (link->terms->target->websocket)
      read_frames(link, bytes, bytes + got);
    else
      feed(link, bytes, got);
  }
}

/* --- time --- */

/* When our own heart-beat is due; UINT64_MAX: there is none to send. */
static uint64_t beat_at_us(const struct link *link)
{
  if (!link->send_every_us || link->state != LINK_UP || link_backlog(link))
    return UINT64_MAX;
  return link->sent_us + link->send_every_us / 2;
}

static void keep_time(struct link *link)
{
  static const char *const waited_for[] = {"a connection", "the WebSocket handshake's answer",
                                           "CONNECTED", "", "the receipt of DISCONNECT"};
  uint64_t now = clock_now_us();
  if (link->deadline_us && now >= link->deadline_us) {
    link_end(link, EXIT_TIMED_OUT, "%s: no answer in time: %s did not come",
             link->terms->target->shown, waited_for[link->state]);
    return;
  }
  if (link->hear_every_us && now - link->heard_us > BEAT_SLACK * link->hear_every_us) {
    end_unreachable(link, "the server's heart-beats have stopped");
    return;
  }
  if (now >= beat_at_us(link))
    put_message(link, STR("\n"));
}

int link_timeout_ms(const struct link *link)
{
  uint64_t now = clock_now_us(), next = UINT64_MAX;
  if (link->state == LINK_ENDED || link->stream.fd < 0)
    return 0;
  if (link->deadline_us)
    next = link->deadline_us;
  if (link->hear_every_us && link->heard_us + BEAT_SLACK * link->hear_every_us < next)
    next = link->heard_us + BEAT_SLACK * link->hear_every_us;
  if (link->stream.ssl && SSL_has_pending(link->stream.ssl))
    return 0; /* read from the socket, which has no more to tell poll */
  if (beat_at_us(link) < next)
    next = beat_at_us(link);
  if (next == UINT64_MAX)
    return -1;
  uint64_t ms = next > now ? (next - now) / 1000 + 1 : 0;
  return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

int link_fd(const struct link *link)
{
  return link->stream.fd;
}

short link_wants(const struct link *link)
{
  short wants = link->stream.wants;
  if (link->stream.open)
    wants = (short)(wants | POLLIN | (link_backlog(link) ? POLLOUT : 0));
  return wants;
}

void link_turn(struct link *link)
{
  if (link->state == LINK_OPENING)
    open_stream(link);
  if (link->state != LINK_OPENING && link->state != LINK_ENDED) {
    link_flush(link);
    if (link->state != LINK_ENDED)
      read_stream(link);
    link_flush(link);
  }
  if (link->state != LINK_ENDED) {
    keep_time(link);
    link_flush(link);
  }
}
