/* planted_broker.h: a well-behaved broker of one node, which the planted ones differ from in one
 * function each. It keeps the interests that it is told, and delivers what is published under the
 * id of each that matches, before publish returns. Home thread only.
 *
 * A planted plugin includes this, writes its function, names it by a macro (PUBLISH, SUBSCRIBE,
 * ...), and includes planted_broker_entry.h. */
#ifndef PLANTED_BROKER_H
#define PLANTED_BROKER_H

#include <plugboard/plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAYBE __attribute__((unused))

struct interest {
  struct interest *next;
  uint64_t id, flags;
  struct plug_str topic;
  char text[];
};

struct base {
  const struct plug_host *host;
  struct interest *interests; /* the newest first */
  /* For the planted ones. */
  struct plug_timer *timer;
  const struct plug_msg *kept;
  const struct plug_interest *borrowed;
  struct interest *gone;
  unsigned n_published, n_subscribed, n_health;
  int paused, refused;
};

static MAYBE struct plug_str text_of(const char *text)
{
  return (struct plug_str){text, strlen(text)};
}

static MAYBE int same(struct plug_str a, struct plug_str b)
{
  return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Ant-style: ? * ** and {name}, the latter three whole or, but for **, a part of a segment. */
static MAYBE int matches(const char *p, const char *p_end, const char *t, const char *t_end)
{
  while (p < p_end) {
    if (p_end - p >= 3 && memcmp(p, "/**", 3) == 0 && (p_end - p == 3 || p[3] == '/')) {
      for (;; t++) {
        if ((t == t_end || *t == '/') && matches(p + 3, p_end, t, t_end))
          return 1;
        if (t == t_end)
          return 0;
      }
    }
    if (*p == '*' || *p == '{') {
      const char *rest = p + 1;
      if (*p == '{')
        for (; rest < p_end && rest[-1] != '}';)
          rest++;
      for (;; t++) {
        if (matches(rest, p_end, t, t_end))
          return 1;
        if (t == t_end || *t == '/')
          return 0;
      }
    }
    if (t == t_end || (*p == '?' ? *t == '/' : *p != *t))
      return 0;
    p++;
    t++;
  }
  return t == t_end;
}

static MAYBE int wants(const struct interest *interest, struct plug_str topic)
{
  if (!(interest->flags & PLUG_INTEREST_PATTERN))
    return same(interest->topic, topic);
  return matches(interest->topic.ptr, interest->topic.ptr + interest->topic.len, topic.ptr,
                 topic.ptr + topic.len);
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

static MAYBE void forget_interests(struct base *base)
{
  while (base->interests) {
    struct interest *next = base->interests->next;
    free(base->interests);
    base->interests = next;
  }
}

static MAYBE void base_destroy(void *self)
{
  struct base *base = self;
  forget_interests(base);
  free(base);
}

static MAYBE plug_status keep_interest(struct base *base, const struct plug_interest *v)
{
  struct interest *interest = malloc(sizeof *interest + v->topic.len);
  if (!interest)
    return PLUG_ENOMEM;
  interest->id = v->id;
  interest->flags = v->flags;
  memcpy(interest->text, v->topic.ptr, v->topic.len);
  interest->topic = (struct plug_str){interest->text, v->topic.len};
  interest->next = base->interests;
  base->interests = interest;
  return PLUG_OK;
}

static MAYBE void drop_interest(struct base *base, uint64_t id)
{
  for (struct interest **at = &base->interests; *at; at = &(*at)->next)
    if ((*at)->id == id) {
      struct interest *gone = *at;
      *at = gone->next;
      free(gone);
      return;
    }
}

static MAYBE plug_status base_subscribe(void *self, const struct plug_interest *v, size_t n,
                                        struct plug_op *op)
{
  struct base *base = self;
  (void)op;
  for (size_t i = 0; i < n; i++)
    if (keep_interest(base, &v[i]) != PLUG_OK) {
      while (i-- > 0)
        drop_interest(base, v[i].id);
      return PLUG_ENOMEM;
    }
  return PLUG_OK;
}

static MAYBE plug_status base_unsubscribe(void *self, const struct plug_interest *v, size_t n,
                                          struct plug_op *op)
{
  (void)op;
  /* The first to come was the last to be kept: from its end, each is found at once. */
  for (size_t i = n; i-- > 0;)
    drop_interest(self, v[i].id);
  return PLUG_OK;
}

static MAYBE void deliver_to_all(struct base *base, const struct plug_msg *msg)
{
  for (const struct interest *i = base->interests; i; i = i->next)
    if (wants(i, msg->topic))
      base->host->broker->deliver(base->host, i->id, msg);
}

static MAYBE plug_status base_publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  (void)op;
  deliver_to_all(self, msg);
  return PLUG_OK;
}

static MAYBE void base_health(void *self, struct plug_health *out)
{
  (void)self;
  out->state = PLUG_STATE_UP;
}

static MAYBE void base_flow(void *self, int32_t paused)
{
  struct base *base = self;
  base->paused = paused;
}

static MAYBE const void *base_extension(void *self, const char *id)
{
  (void)self, (void)id;
  return NULL;
}

/* The same message with another topic or payload; its headers and its type are kept. */
static MAYBE const struct plug_msg *altered(const struct base *base, const struct plug_msg *msg,
                                            struct plug_str topic, struct plug_str payload)
{
  struct plug_msg_init init = {.size = sizeof init,
                               .topic = topic,
                               .content_type = msg->content_type,
                               .payload = payload,
                               .headers = msg->headers,
                               .n_headers = msg->n_headers};
  return base->host->msg_make(base->host, &init);
}

static MAYBE void deliver_instead(struct base *base, const struct plug_msg *instead)
{
  if (!instead)
    return;
  deliver_to_all(base, instead);
  base->host->msg_unref(instead);
}

#endif
