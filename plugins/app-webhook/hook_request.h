/* A SEND, a SUBSCRIBE or an event as the JSON that a backend is given. No tokens: the server shows
 * applications no header that holds one, and of an identity only its name, roles and claims go out.
 * No state. Any thread. */
#ifndef HOOK_REQUEST_H
#define HOOK_REQUEST_H

#include <plugboard/app.h>

/* What is said of both. */
struct hook_about {
  const char *id, *hook, *node;
  int64_t now_ms; /* since 1970 */
};

/* For free(); NULL when out of memory. */
char *hook_request_json(const struct hook_about *about, const struct plug_app_request *request,
                        size_t *len);
char *hook_event_json(const struct hook_about *about, const struct plug_app_event *event,
                      size_t *len);

#endif
