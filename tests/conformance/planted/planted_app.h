/* planted_app.h: a well-behaved application, which the planted ones differ from in one function
 * each. What is sent to /rooms/ROOM it publishes to /topic/rooms/ROOM, with a reply to the sender;
 * a body that is empty or too long is an error. A SUBSCRIBE to /count is answered with how many
 * that were. It remembers the sessions that watch /topic/rooms. Home thread only. */
#ifndef PLANTED_APP_H
#define PLANTED_APP_H

#include <plugboard/plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAYBE __attribute__((unused))

struct watcher {
  struct watcher *next;
  uint64_t session;
  unsigned n_subscriptions;
};

struct base {
  const struct plug_host *host;
  struct watcher *watchers;
  unsigned n_messages, n_asked;
  /* For the planted ones. */
  const struct plug_app_request *request;
  struct plug_op *op;
  struct plug_timer *timer;
  struct plug_str kept;
  int ended;
};

static MAYBE struct plug_str text_of(const char *text)
{
  return (struct plug_str){text, strlen(text)};
}

static MAYBE plug_status base_create(const struct plug_host *host, void **self,
                                     struct plug_err *err)
{
  struct base *base = calloc(1, sizeof *base);
  if (!base)
    return err->code = PLUG_ENOMEM;
  base->host = host;
  *self = base;
  return PLUG_OK;
}

static MAYBE plug_status base_step(void *self, struct plug_op *op)
{
  (void)self, (void)op;
  return PLUG_OK;
}

static MAYBE void base_destroy(void *self)
{
  struct base *base = self;
  while (base->watchers) {
    struct watcher *next = base->watchers->next;
    free(base->watchers);
    base->watchers = next;
  }
  free(base);
}

static MAYBE void base_claims(void *self, struct plug_app_claims *out)
{
  static const struct plug_claim claims[] = {
      {{"/rooms/{room}", 13}, PLUG_APP_SEND, 0},
      {{"/count", 6}, PLUG_APP_SUBSCRIBE, 0},
  };
  static const struct plug_str watches[] = {{"/topic/rooms/{room}", 19}};
  (void)self;
  out->claims = claims;
  out->n_claims = 2;
  out->watches = watches;
  out->n_watches = 1;
}

static MAYBE void answer_error(struct base *base, struct plug_op *op, const char *code)
{
  struct plug_app_error error = {.size = sizeof error,
                                 .code = text_of(code),
                                 .reason = text_of("a message of a room has 1 to 1000 bytes")};
  struct plug_app_answer answer = {.size = sizeof answer, .error = &error};
  base->host->app->answer(op, &answer);
}

static MAYBE void answer_text(struct base *base, struct plug_op *op, const char *text)
{
  struct plug_app_message reply = {.destination = text_of("/queue/answers"),
                                   .content_type = text_of("text/plain"),
                                   .body = text_of(text)};
  struct plug_app_answer answer = {.size = sizeof answer, .reply = &reply};
  base->host->app->answer(op, &answer);
}

static MAYBE void answer_room(struct base *base, const struct plug_app_request *request,
                              struct plug_op *op)
{
  struct plug_str room = request->variables[0].value;
  size_t len = room.len + sizeof "/topic/rooms/" - 1;
  char *to = malloc(len + 1);
  if (!to) {
    base->host->op_done(op, PLUG_ENOMEM, text_of("a message of a room"));
    return;
  }
  memcpy(to, "/topic/rooms/", len - room.len);
  memcpy(to + len - room.len, room.ptr, room.len);
  struct plug_app_message message = {
      .destination = {to, len}, .content_type = text_of("text/plain"), .body = request->body};
  struct plug_app_answer answer = {.size = sizeof answer, .publishes = &message, .n_publishes = 1};
  base->n_messages++;
  base->host->app->answer(op, &answer);
  free(to);
}

static MAYBE plug_status base_request(void *self, const struct plug_app_request *request,
                                      struct plug_op *op)
{
  struct base *base = self;
  if (request->claim == 1) {
    char text[32];
    snprintf(text, sizeof text, "%u", base->n_messages);
    answer_text(base, op, text);
  } else if (request->body.len == 0 || request->body.len > 1000) {
    answer_error(base, op, "bad-length");
  } else {
    answer_room(base, request, op);
  }
  return PLUG_PENDING;
}

static MAYBE struct watcher **find_watcher(struct base *base, uint64_t session)
{
  struct watcher **at = &base->watchers;
  while (*at && (*at)->session != session)
    at = &(*at)->next;
  return at;
}

static MAYBE void base_event(void *self, const struct plug_app_event *event)
{
  struct base *base = self;
  struct watcher **at = find_watcher(base, event->session), *watcher = *at;
  if (event->kind == PLUG_APP_SUBSCRIBED) {
    if (!watcher && (watcher = calloc(1, sizeof *watcher)) != NULL) {
      watcher->session = event->session;
      *at = watcher;
    }
    if (watcher)
      watcher->n_subscriptions++;
  } else if (watcher && (event->kind == PLUG_APP_DISCONNECTED || --watcher->n_subscriptions == 0)) {
    *at = watcher->next;
    free(watcher);
  }
}

#endif
