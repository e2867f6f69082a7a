/* What a backend answers, judged strictly: an object of JSON with these members and no others.
 *
 *   {"publish": [{"destination": "/topic/x", "body": "text"}, ...],
 *    "reply":   {"destination": "/queue/x", "json": {"any": "thing"}},
 *    "error":   {"code": "no-such-room", "message": "for the client's eyes"}}
 *
 * A message has at most one of body (text), json (any value) and base64, and may have contentType
 * and headers. Owns what an answer is made of. No I/O. Any thread. */
#ifndef HOOK_ANSWER_H
#define HOOK_ANSWER_H

#include <jansson.h>
#include <stdbool.h>

#include <plugboard/app.h>

enum {
  HOOK_ANSWER_DEPTH = 64,
  HOOK_HEADERS_MAX = 32,
  HOOK_DESTINATION_MAX = 4096,
  HOOK_CODE_MAX = 32,
  HOOK_MESSAGE_MAX = 250 /* bytes of an error's message */
};

struct hook_answer {
  json_t *json;
  struct plug_app_message *messages; /* those to publish, then the reply */
  size_t n_publishes;
  bool has_reply, has_error;
  struct plug_app_error error;
  struct plug_kv *headers; /* of all messages */
  char **bodies;           /* those that were made: of json and base64; for free() */
  size_t n_headers, n_bodies;
};

enum hook_asked { HOOK_ASKED_SEND, HOOK_ASKED_SUBSCRIBE, HOOK_ASKED_EVENT };

/* False with a sentence in why, and answer is empty. */
bool hook_answer_parse(struct hook_answer *answer, struct plug_str text, enum hook_asked asked,
                       size_t max_publishes, char why[200]);
void hook_answer_fini(struct hook_answer *answer);

/* Is this Content-Type JSON? application/json, with whatever parameters. */
bool hook_answer_is_json(const char *content_type);

#endif
