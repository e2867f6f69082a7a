#include "broker/health.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/utf8.h"

#define POLL_PERIOD_MS 2000
#define SAY_PERIOD_MS  10000

void health_init(struct health *health, void (*changed)(struct health *health))
{
  *health = (struct health){.changed = changed};
  pthread_mutex_init(&health->lock, NULL);
}

void health_fini(struct health *health)
{
  pthread_mutex_destroy(&health->lock);
}

/* Where it is connected to is no news when it comes up, which plugins tell themselves: only what is
 * said of a backend that is away, and what changes while it is there. */
static int32_t poll(struct health *health)
{
  static struct log_limit limit;
  uint64_t held;
  struct plug_health said = {.size = sizeof said};
  struct instance_call call;
  instance_call_begin(&call, health->instance, "health");
  instance_broker(health->instance)->health(instance_self(health->instance), &said);
  instance_call_end(&call);
  said.text[sizeof said.text - 1] = '\0';
  pthread_mutex_lock(&health->lock);
  bool changed = strcmp(health->text, said.text) != 0;
  memcpy(health->text, said.text, sizeof health->text);
  pthread_mutex_unlock(&health->lock);
  bool up = said.state == PLUG_STATE_UP, news = !up || health->was_up;
  health->was_up = up;
  if (changed && news && said.text[0] && log_limit_pass(&limit, SAY_PERIOD_MS, &held))
    log_info(instance_name(health->instance), "health: %s", said.text);
  return said.state;
}

static void on_timer(uv_timer_t *timer)
{
  struct health *health = timer->data;
  bool bad = poll(health) != PLUG_STATE_UP;
  if (bad == health->bad)
    return;
  health->bad = bad;
  health->changed(health);
}

int32_t health_open(struct health *health, struct plugin_instance *instance)
{
  health->instance = instance;
  health->timer = malloc(sizeof *health->timer);
  if (health->timer) { /* without memory it is asked this once */
    uv_timer_init(loop_uv(instance_loop(instance)), health->timer);
    health->timer->data = health;
    uv_timer_start(health->timer, on_timer, POLL_PERIOD_MS, POLL_PERIOD_MS);
  }
  return poll(health);
}

static void free_timer(uv_handle_t *handle)
{
  free(handle);
}

void health_close(struct health *health)
{
  if (health->timer)
    uv_close((uv_handle_t *)health->timer, free_timer);
  health->timer = NULL;
}

void health_text(struct health *health, char out[HEALTH_TEXT_MAX])
{
  pthread_mutex_lock(&health->lock);
  memcpy(out, health->text, HEALTH_TEXT_MAX);
  pthread_mutex_unlock(&health->lock);
  for (char *c = out; *c; c++)
    if ((unsigned char)*c < 0x20 || *c == 0x7f)
      *c = '?';
  utf8_mend(out); /* it may be a backend's, or cut */
}
