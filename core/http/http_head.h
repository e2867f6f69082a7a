/* Reads the head of an HTTP/1 request as RFC 9112 has it, and refuses what it calls invalid: where
 * a lenient reader would guess, a proxy in front may have guessed otherwise, and one request
 * becomes two. No I/O: bytes go in, a judged head or a refusal comes out. Owns nothing; what a head
 * points to lies in the bytes that were given, or in the head itself. Any thread. */
#ifndef HTTP_HTTP_HEAD_H
#define HTTP_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <plugboard/abi.h>

struct http_limits {
  uint32_t head_bytes; /* the head as a whole; over it: 431 */
  uint32_t line_bytes; /* the request line; over it: 414 */
  uint32_t n_fields;   /* header lines, at most HTTP_FIELDS_CAP; over it: 431 */
};

#define HTTP_FIELDS_CAP 256

/* Why a request is refused. Its connection ends with the answer: where the next request would begin
 * is not certain. */
struct http_fault {
  uint16_t status;
  const char *text;   /* one static sentence for the answer's body */
  const char *header; /* a static header line for the answer, with its CR LF, or NULL */
};

/* RFC 9110 9: a method that is not among these is not known (501). */
enum http_method {
  HTTP_GET,
  HTTP_HEAD,
  HTTP_POST,
  HTTP_PUT,
  HTTP_DELETE,
  HTTP_CONNECT,
  HTTP_OPTIONS,
  HTTP_TRACE,
  HTTP_PATCH,
  HTTP_METHODS
};

enum http_framing { HTTP_NO_BODY, HTTP_SIZED, HTTP_CHUNKED }; /* RFC 9112 6.3 */

/* Headers that are asked for by what they are. */
enum http_name {
  HTTP_OTHER,
  HTTP_ACCESS_CONTROL_REQUEST_HEADERS,
  HTTP_CONNECTION,
  HTTP_CONTENT_LENGTH,
  HTTP_CONTENT_TYPE,
  HTTP_COOKIE,
  HTTP_EXPECT,
  HTTP_FORWARDED,
  HTTP_HOST,
  HTTP_IF_NONE_MATCH,
  HTTP_ORIGIN,
  HTTP_SEC_FETCH_SITE,
  HTTP_SEC_WEBSOCKET_EXTENSIONS,
  HTTP_SEC_WEBSOCKET_KEY,
  HTTP_SEC_WEBSOCKET_PROTOCOL,
  HTTP_SEC_WEBSOCKET_VERSION,
  HTTP_TRANSFER_ENCODING,
  HTTP_UPGRADE,
  HTTP_X_FORWARDED_FOR,
  HTTP_X_FORWARDED_HOST,
  HTTP_X_FORWARDED_PROTO,
  HTTP_NAMES
};

struct http_field {
  struct plug_str name, value; /* the value without blanks at its ends */
  uint32_t id;                 /* enum http_name */
};

struct http_head {
  uint32_t len; /* bytes that the head takes, an empty line in front included */
  uint8_t method, minor, framing;
  bool absolute;       /* the target is a whole URI; scheme and host are its own */
  bool asterisk;       /* the target is "*" */
  bool keep_alive;     /* RFC 9112 9.3, as far as the client is concerned */
  bool wants_upgrade;  /* Connection names "upgrade" */
  bool wants_continue; /* Expect: 100-continue */
  bool has_query;
  uint64_t content_length; /* of HTTP_SIZED */
  struct plug_str target, path, query;
  struct plug_str scheme; /* of an absolute target; else empty */
  struct plug_str host;   /* host[:port]; empty only in HTTP/1.0 */
  size_t n_fields;
  uint16_t counts[HTTP_NAMES]; /* of the fields with this name */
  uint16_t firsts[HTTP_NAMES]; /* the first of them */
  struct http_field fields[HTTP_FIELDS_CAP];
};

/* Where a reader has come in a head that arrives in pieces; zeroed: at its start. */
struct http_reader {
  uint32_t scanned; /* bytes that have been looked through for the end */
  uint32_t line;    /* where the line that is being read begins */
  bool in_fields;   /* the request line is behind */
};

enum http_result { HTTP_MORE, HTTP_DONE, HTTP_REFUSED };

/* bytes: all that has come since the last request's end, the same as last time and more behind it.
 * HTTP_MORE: the head is not complete; come again with more. HTTP_DONE: *head is filled and the
 * reader is at the start again. HTTP_REFUSED: *fault says why. */
enum http_result http_head_read(struct http_reader *reader, const struct http_limits *limits,
                                const char *bytes, size_t len, struct http_head *head,
                                struct http_fault *fault);

/* The first field of this name, or NULL. */
static inline const struct http_field *http_head_field(const struct http_head *head,
                                                       enum http_name name)
{
  return head->counts[name] ? &head->fields[head->firsts[name]] : NULL;
}

/* Does the list that all fields of this name make together (RFC 9110 5.3) have this member, in any
 * case? */
bool http_head_lists(const struct http_head *head, enum http_name name, struct plug_str member);

/* Goes through a list in a field's value: false when *rest is used up. Empty members are passed
 * over (RFC 9110 5.6.1.2). */
bool http_list_next(struct plug_str *rest, struct plug_str *member);

bool http_is_token(struct plug_str text); /* RFC 9110 5.6.2 */

#endif
