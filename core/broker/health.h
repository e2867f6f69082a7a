/* What the plugin says of itself: its health, asked for again and again, with its words for
 * operators. Owns the timer and the text. Control thread only, but for what is tagged. */
#ifndef BROKER_HEALTH_H
#define BROKER_HEALTH_H

#include <pthread.h>
#include <stdbool.h>
#include <uv.h>

#include "plugin/instance.h"

#define HEALTH_TEXT_MAX sizeof(((struct plug_health *)NULL)->text)

struct health {
  struct plugin_instance *instance;
  void (*changed)(struct health *health); /* bad is another now */
  uv_timer_t *timer;
  bool bad;             /* as the last poll said; nobody but the owner resets it */
  bool was_up;          /* at the last poll */
  pthread_mutex_t lock; /* protects the text; nothing is called under it */
  char text[HEALTH_TEXT_MAX];
};

void health_init(struct health *health, void (*changed)(struct health *health)); /* [create] */
void health_fini(struct health *health);                                         /* [create] */

/* Polls at once, and from then on. Returns the state. */
int32_t health_open(struct health *health, struct plugin_instance *instance);
void health_close(struct health *health); /* also when it was never opened */

/* [any] The text, with '?' for control characters and for what is no UTF-8; empty when there is
 * none. */
void health_text(struct health *health, char out[HEALTH_TEXT_MAX]);

#endif
