#include "hook_answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base64.h"
#include "json_text.h"
#include "strict_json.h"

static const char type_text[] = "text/plain;charset=utf-8";
static const char type_json[] = "application/json";
static const char type_bytes[] = "application/octet-stream";

__attribute__((format(printf, 2, 3))) static bool fail(char why[200], const char *format, ...)
{
  va_list args;
  va_start(args, format);
  vsnprintf(why, 200, format, args);
  va_end(args);
  return false;
}

static struct plug_str str(const char *text)
{
  return (struct plug_str){text, strlen(text)};
}

/* Only these members, each by its name. where: for the sentence. */
static bool has_only(const json_t *object, const char *const *names, const char *where,
                     char why[200])
{
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)object, key, value)
  {
    size_t i = 0;
    while (names[i] && strcmp(names[i], key) != 0)
      i++;
    if (!names[i]) {
      char shown[33];
      snprintf(shown, sizeof shown, "%s", key);
      for (char *c = shown; *c; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
          *c = '?';
      return fail(why, "%s has the member \"%s\", which means nothing", where, shown);
    }
  }
  return true;
}

/* A string member; ptr NULL: there is none. */
static bool take_string(const json_t *object, const char *name, const char *where, size_t max,
                        struct plug_str *out, char why[200])
{
  const json_t *value = json_object_get(object, name);
  *out = (struct plug_str){NULL, 0};
  if (!value)
    return true;
  if (!json_is_string(value))
    return fail(why, "%s: %s is not a string", where, name);
  *out = strict_json_value_str(value);
  if (out->len > max)
    return fail(why, "%s: %s is longer than %zu bytes", where, name, max);
  for (size_t i = 0; i < out->len && strcmp(name, "body") != 0; i++)
    if ((unsigned char)out->ptr[i] < 0x20 || out->ptr[i] == 0x7f)
      return fail(why, "%s: %s has a control character", where, name);
  return true;
}

/* --- bodies ------------------------------------------------------------------------------- */

static bool take_body(struct hook_answer *answer, const json_t *object, const char *where,
                      struct plug_app_message *message, char why[200])
{
  const json_t *body = json_object_get(object, "body"), *json = json_object_get(object, "json"),
               *base64 = json_object_get(object, "base64");
  struct plug_str text;
  if ((body != NULL) + (json != NULL) + (base64 != NULL) > 1)
    return fail(why, "%s has more than one of body, json and base64", where);
  if (!take_string(object, "body", where, SIZE_MAX, &message->body, why) ||
      !take_string(object, "base64", where, SIZE_MAX, &text, why))
    return false;
  if (body)
    message->content_type = str(type_text);
  if (!json && !base64)
    return true;
  char *made = json ? json_text_dump(json) : malloc(base64_bound(text.len));
  if (!made)
    return fail(why, "out of memory");
  answer->bodies[answer->n_bodies++] = made;
  message->body = (struct plug_str){made, 0};
  if (json)
    message->body.len = strlen(made);
  else if (!base64_decode(text, (unsigned char *)made, &message->body.len))
    return fail(why, "%s: base64 is not base64", where);
  message->content_type = str(json ? type_json : type_bytes);
  return true;
}

/* --- messages ----------------------------------------------------------------------------- */

static bool take_headers(struct hook_answer *answer, const json_t *headers, const char *where,
                         struct plug_app_message *message, char why[200])
{
  const char *key;
  json_t *value;
  if (!headers)
    return true;
  if (!json_is_object(headers))
    return fail(why, "%s: headers is not an object", where);
  if (json_object_size(headers) > HOOK_HEADERS_MAX)
    return fail(why, "%s has more than %d headers", where, HOOK_HEADERS_MAX);
  size_t n = answer->n_headers + json_object_size(headers);
  message->headers = answer->headers + answer->n_headers;
  json_object_foreach((json_t *)headers, key, value)
  {
    if (!key[0] || !json_is_string(value))
      return fail(why, "%s: headers must be strings with names", where);
    struct plug_str text = strict_json_value_str(value);
    if (memchr(text.ptr, '\0', text.len))
      return fail(why, "%s: a header has a NUL", where);
    answer->headers[answer->n_headers++] = (struct plug_kv){str(key), text};
  }
  message->n_headers = json_object_size(headers);
  return answer->n_headers == n;
}

static bool take_message(struct hook_answer *answer, const json_t *object, const char *where,
                         bool needs_destination, struct plug_app_message *message, char why[200])
{
  static const char *const names[] = {"destination", "contentType", "headers", "body",
                                      "json",        "base64",      NULL};
  struct plug_str type;
  if (!json_is_object(object))
    return fail(why, "%s is not an object", where);
  if (!has_only(object, names, where, why) ||
      !take_string(object, "destination", where, HOOK_DESTINATION_MAX, &message->destination,
                   why) ||
      !take_body(answer, object, where, message, why) ||
      !take_string(object, "contentType", where, 255, &type, why) ||
      !take_headers(answer, json_object_get(object, "headers"), where, message, why))
    return false;
  if (type.ptr)
    message->content_type = type;
  if (needs_destination && (!message->destination.len || message->destination.ptr[0] != '/'))
    return fail(why, "%s: destination %s", where,
                message->destination.len ? "does not start with a slash" : "is missing");
  return true;
}

static bool take_error(struct hook_answer *answer, const json_t *object, char why[200])
{
  static const char *const names[] = {"code", "message", NULL};
  struct plug_app_error *error = &answer->error;
  *error = (struct plug_app_error){.size = sizeof *error};
  if (!json_is_object(object))
    return fail(why, "error is not an object");
  if (!has_only(object, names, "error", why) ||
      !take_string(object, "code", "error", HOOK_CODE_MAX, &error->code, why) ||
      !take_string(object, "message", "error", HOOK_MESSAGE_MAX, &error->reason, why))
    return false;
  if (!error->code.len)
    return fail(why, "error: code is missing");
  for (size_t i = 0; i < error->code.len; i++) {
    char c = error->code.ptr[i];
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
      return fail(why, "error: code has something else than a-z, 0-9 and '-'");
  }
  answer->has_error = true;
  return true;
}

static size_t count_headers(const json_t *message)
{
  size_t n = json_object_size(json_object_get(message, "headers"));
  return n < HOOK_HEADERS_MAX ? n : HOOK_HEADERS_MAX; /* more are refused */
}

/* Room for all that the answer may need, so that nothing moves later. */
static bool make_room(struct hook_answer *answer, const json_t *publish, const json_t *reply)
{
  size_t n = json_array_size(publish) + 1, n_headers = 1 + count_headers(reply), i;
  const json_t *message;
  json_array_foreach((json_t *)publish, i, message) n_headers += count_headers(message);
  answer->messages = calloc(n, sizeof *answer->messages);
  answer->bodies = calloc(n, sizeof *answer->bodies);
  answer->headers = calloc(n_headers, sizeof *answer->headers);
  return answer->messages && answer->bodies && answer->headers;
}

static bool take_all(struct hook_answer *answer, enum hook_asked asked, size_t max_publishes,
                     char why[200])
{
  static const char *const names[] = {"publish", "reply", "error", NULL};
  const json_t *publish = json_object_get(answer->json, "publish"),
               *reply = json_object_get(answer->json, "reply"),
               *error = json_object_get(answer->json, "error");
  char where[40];
  if (!has_only(answer->json, names, "the answer", why))
    return false;
  if (publish && !json_is_array(publish))
    return fail(why, "publish is not a list");
  size_t n = json_array_size(publish);
  if (n > max_publishes)
    return fail(why, "%zu messages are more than max-messages, %zu", n, max_publishes);
  if (error && (publish || reply))
    return fail(why, "there is an error, and publish or reply besides");
  if (asked == HOOK_ASKED_EVENT && (error || reply))
    return fail(why, "an event has no sender to get %s", error ? "an error" : "a reply");
  if (error)
    return take_error(answer, error, why);
  if (n + (reply != NULL) == 0)
    return true;
  if (!make_room(answer, publish, reply))
    return fail(why, "out of memory");
  for (size_t i = 0; i < n; i++) {
    snprintf(where, sizeof where, "publish[%zu]", i);
    if (!take_message(answer, json_array_get(publish, i), where, true, &answer->messages[i], why))
      return false;
  }
  answer->n_publishes = n;
  if (!reply)
    return true;
  answer->has_reply = true;
  return take_message(answer, reply, "reply", asked == HOOK_ASKED_SEND, &answer->messages[n], why);
}

bool hook_answer_parse(struct hook_answer *answer, struct plug_str text, enum hook_asked asked,
                       size_t max_publishes, char why[200])
{
  char reason[160];
  int line;
  *answer = (struct hook_answer){0};
  answer->json = strict_json_parse(text, HOOK_ANSWER_DEPTH, reason, &line);
  if (!answer->json)
    return line > 0 ? fail(why, "line %d: %s", line, reason) : fail(why, "%s", reason);
  if (take_all(answer, asked, max_publishes, why))
    return true;
  hook_answer_fini(answer);
  return false;
}

void hook_answer_fini(struct hook_answer *answer)
{
  for (size_t i = 0; i < answer->n_bodies; i++)
    free(answer->bodies[i]);
  free(answer->bodies);
  free(answer->headers);
  free(answer->messages);
  json_decref(answer->json);
  *answer = (struct hook_answer){0};
}

bool hook_answer_is_json(const char *content_type)
{
  size_t len = content_type ? strcspn(content_type, "; \t") : 0;
  return len == sizeof type_json - 1 && strncasecmp(content_type, type_json, len) == 0;
}
