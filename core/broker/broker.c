#include "broker/broker.h"

#include <stdatomic.h>
#include <stdlib.h>

struct broker {
  struct engine *_Atomic engine;
};

/* [any] The one that holds now. */
static struct engine *now(const struct broker *broker)
{
  return atomic_load_explicit(&broker->engine, memory_order_acquire);
}

void broker_on_change(void *arg)
{
  engine_on_change(now(arg));
}

/* --- publishing --------------------------------------------------------------------------- */

plug_status broker_publish(struct broker *broker, const struct plug_msg *msg,
                           struct inbox_item *answer, struct inbox *inbox)
{
  return engine_publish(now(broker), msg, answer, inbox);
}

bool broker_publish_unheard(struct broker *broker, uint64_t topic_hash, size_t payload_len)
{
  return engine_publish_unheard(now(broker), topic_hash, payload_len);
}

bool broker_congested(const struct broker *broker)
{
  return engine_congested(now(broker));
}

/* --- life --------------------------------------------------------------------------------- */

struct broker *broker_new(const struct broker_settings *settings)
{
  struct broker *broker = calloc(1, sizeof *broker);
  struct engine *engine = broker ? engine_new(settings) : NULL;
  if (!engine) {
    free(broker);
    return NULL;
  }
  atomic_init(&broker->engine, engine);
  return broker;
}

plug_status broker_create(struct broker *broker, struct plugin_image *image, struct loop *loop,
                          const char *name, const struct config_section *section,
                          struct interest_table *interests, struct plug_err *err)
{
  return engine_create(now(broker), image, loop, name, section, interests, err);
}

plug_status broker_start(struct broker *broker, struct plug_err *err)
{
  return engine_start(now(broker), err);
}

void broker_drain(struct broker *broker)
{
  engine_drain(now(broker));
}

void broker_stop(struct broker *broker)
{
  engine_stop(now(broker));
}

void broker_free(struct broker *broker)
{
  if (!broker)
    return;
  engine_free(now(broker));
  free(broker);
}

/* --- what it is like ---------------------------------------------------------------------- */

uint64_t broker_max_payload(const struct broker *broker)
{
  return engine_max_payload(now(broker));
}

struct plugin_instance *broker_instance(const struct broker *broker)
{
  return engine_instance(now(broker));
}

struct broker_load broker_load(const struct broker *broker)
{
  return engine_load(now(broker));
}

bool broker_ready(const struct broker *broker)
{
  return engine_ready(now(broker));
}

const struct proof *broker_proof(const struct broker *broker)
{
  return engine_proof(now(broker));
}

void broker_health_text(struct broker *broker, char out[HEALTH_TEXT_MAX])
{
  engine_health_text(now(broker), out);
}

bool broker_unready(struct broker *broker, char *out, size_t size)
{
  return engine_unready(now(broker), out, size);
}
