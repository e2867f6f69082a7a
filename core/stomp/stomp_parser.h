/* The incremental STOMP parser: bytes in, frames out, no I/O. Owns the bytes of an unfinished frame
 * (nothing is allocated while whole frames arrive). One thread, that of the session.
 *
 * Frames that arrive whole are parsed in place, in the caller's receive buffer; escapes are undone
 * in place, which only shrinks. Frames may be split over and joined in chunks in any way. Between
 * frames EOLs and stray NULs are skipped (DEV-2); a CR waits for its LF (DEV-1).
 *
 *   stomp_parser_feed(p, chunk, len);
 *   while ((event = stomp_parser_next(p, &frame, &error)) != STOMP_EVENT_MORE) ...
 */
#ifndef STOMP_STOMP_PARSER_H
#define STOMP_STOMP_PARSER_H

#include "base/buf.h"
#include "stomp/stomp_head.h"

#define STOMP_HEADERS_CAP 1024 /* upper end of max-headers */

struct stomp_limits {
  size_t frame_bytes;  /* whole frame: command, headers, body, NUL */
  size_t n_headers;    /* at most STOMP_HEADERS_CAP */
  size_t header_bytes; /* one header line, name and value, before unescaping */
  /* Headers that may be longer in CONNECT and SEND, for they carry credentials; names compare
   * without case. 0 bytes: none. */
  size_t credential_bytes;
  const struct plug_str *credentials;
  size_t n_credentials;
};

/* What all parsers of one thread share, zeroed at first: working space, which holds nothing between
 * calls of next, and heads that are known. */
struct stomp_scratch {
  struct stomp_header headers[STOMP_HEADERS_CAP];
  struct stomp_head heads[1 << STOMP_HEADS_BITS];
};

/* How far the reading of one frame has come. Offsets count from the frame's first byte; zeroed: at
 * its start. */
struct stomp_progress {
  size_t line_at; /* the first line that was not dealt with yet */
  size_t scanned; /* no byte before it is searched again for an end of line or of body */
  size_t body_at; /* 0 until the headers are complete */
  size_t need;    /* bytes of the whole frame, 0 until they are known */
  size_t content_length;
  size_t n_headers;
  uint8_t command;    /* enum stomp_command, once line_at is past its line */
  uint8_t escapes;    /* enum stomp_version whose escapes are undone; STOMP_NONE: none are */
  bool length_seen;   /* a content-length header came: a second one does not count */
  bool length_known;  /* ... and it was a number */
  bool has_backslash; /* something is to be unescaped */
  bool odd;           /* a line of the head is one to be looked at closely */
};

struct stomp_parser {
  const struct stomp_limits *limits; /* outlives the parser */
  struct stomp_scratch *scratch;     /* outlives the parser */
  uint64_t source; /* the owner's: which client's bytes they are, for heads that are known */
  char *in;        /* the caller's chunk, what is left of it */
  size_t in_len;
  struct buf pending; /* the bytes of a frame that did not arrive whole, else empty */
  struct stomp_progress at;
  uint8_t version;   /* enum stomp_version */
  bool given;        /* the last frame lies in pending, which goes with the next call */
  bool failed;       /* an error was reported */
  bool cr;           /* between frames, a CR waits for its LF */
  bool eol_in_chunk; /* between frames, not reported yet */
  bool frame_in_chunk;
};

enum stomp_event {
  STOMP_EVENT_MORE,      /* the chunk is used up */
  STOMP_EVENT_FRAME,     /* *frame is filled */
  STOMP_EVENT_HEARTBEAT, /* the chunk held EOLs and no part of a frame; once per chunk */
  STOMP_EVENT_ERROR,     /* *error is filled; the connection cannot go on. The parser stays in this
                            state: feed nothing more */
};

enum stomp_limit_hit { STOMP_LIMIT_NONE, STOMP_LIMIT_FRAME, STOMP_LIMIT_HEADERS };

struct stomp_parse_error {
  char message[160];          /* for the ERROR frame's message header; one line, printable UTF-8 */
  enum stomp_limit_hit limit; /* which limit, for the counters */
  struct plug_str receipt; /* the receipt header if it had been read by then; slice as in frame */
};

void stomp_parser_init(struct stomp_parser *p, const struct stomp_limits *limits,
                       struct stomp_scratch *scratch);
void stomp_parser_fini(struct stomp_parser *p);

/* Sets the escaping rules after CONNECT: 1.0 none, 1.1 \n \c \\, 1.2 these and \r. CONNECT and
 * STOMP frames are never unescaped. */
void stomp_parser_set_version(struct stomp_parser *p, enum stomp_version version);

/* Hands over a chunk, which must stay valid and may be written to until next returns MORE. */
void stomp_parser_feed(struct stomp_parser *p, char *chunk, size_t len);

enum stomp_event stomp_parser_next(struct stomp_parser *p, struct stomp_frame *frame,
                                   struct stomp_parse_error *error);

/* After a frame: true if next would say MORE and nothing else, so that it need not be asked. */
static inline bool stomp_parser_is_done(const struct stomp_parser *p)
{
  return !p->in_len && !p->given;
}

/* Nothing is kept of what has come: one that was just made, and of the same version, would go on
 * alike. */
static inline bool stomp_parser_is_fresh(const struct stomp_parser *p)
{
  return !p->in_len && !p->pending.data && !p->cr && !p->failed;
}

/* After a frame: takes back what of the chunk is behind it, so that it can be fed again later.
 * Returns the number of these bytes. */
size_t stomp_parser_take_back(struct stomp_parser *p);

#endif
