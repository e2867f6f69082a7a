#include "broker/broker_swap.h"

#include <stdio.h>

#include "broker/broker_inner.h"

#define HOME_LIMIT_MS 5000

static struct engine *current(const struct broker *broker)
{
  return broker_route(broker)->first;
}

plug_status broker_swap_create(struct broker *broker, struct plugin_image *image, const char *name,
                               const struct config_section *section, struct plug_err *err)
{
  if (!broker->gate)
    broker->gate = gate_new(broker->group.table);
  const struct engine_place place = {
      .group = &broker->group, .slot = 1 - broker->slot, .candidate = true};
  struct engine *engine = broker->gate ? engine_new(&broker->settings, &place) : NULL;
  if (!engine) {
    snprintf(err->text, sizeof err->text, "out of memory");
    return PLUG_ENOMEM;
  }
  plug_status status = engine_create(engine, image, broker->loop, name, section, err);
  if (status != PLUG_OK)
    engine_free(engine);
  else
    broker->candidate = engine;
  return status;
}

struct plugin_instance *broker_swap_instance(const struct broker *broker)
{
  return broker->candidate ? engine_instance(broker->candidate) : NULL;
}

static void leave_on_home(void *arg) PLUG_NOEXCEPT
{
  engine_leave(arg);
}

/* The control thread does not come back: the engine stays, with what it knows. */
static void end_engine(struct broker *broker, struct engine *engine)
{
  engine_drain(engine);
  bool left = loop_call_within(broker->loop, leave_on_home, engine, HOME_LIMIT_MS);
  engine_stop(engine);
  if (left)
    engine_free(engine);
}

void broker_swap_drop(struct broker *broker)
{
  engine_free(broker->candidate);
  broker->candidate = NULL;
}

static void set_patterns_on_home(void *arg) PLUG_NOEXCEPT
{
  struct broker *broker = arg;
  interest_set_local_patterns(broker->group.table,
                              !(engine_caps(current(broker)) & PLUG_CAP_CROSS_NODE));
}

plug_status broker_swap_start(struct broker *broker, struct plug_err *err)
{
  plug_status status = engine_start(broker->candidate, err);
  if (status == PLUG_OK)
    return status;
  end_engine(broker, broker->candidate);
  broker->candidate = NULL;
  gate_tail(broker->gate);
  loop_call_within(broker->loop, set_patterns_on_home, broker, HOME_LIMIT_MS);
  return status;
}

bool broker_swap_ready(struct broker *broker, char *why, size_t size, bool *refused)
{
  char text[HEALTH_TEXT_MAX];
  *refused = engine_refuses(broker->candidate, why, size);
  if (*refused)
    return false;
  if (engine_ready(broker->candidate))
    return true;
  engine_health_text(broker->candidate, text);
  snprintf(why, size, "it is not up%s%s", text[0] ? ": " : "", text);
  return false;
}

void broker_swap_mark(struct broker *broker)
{
  gate_mark(broker->gate, broker->slot);
  broker->gated = true;
  engine_set_gate(current(broker), broker->gate);
  engine_set_gate(broker->candidate, broker->gate);
}

static void share_on_home(void *arg) PLUG_NOEXCEPT
{
  struct broker *broker = arg;
  struct engine *engine = current(broker), *candidate = broker->candidate;
  engine_pair(engine, candidate);
  engine_pair(candidate, engine);
  engine_require(candidate, true);
  if (!engine_ready(engine))
    engine_move_waiting(engine, candidate);
}

bool broker_swap_share(struct broker *broker)
{
  if (!loop_call_within(broker->loop, share_on_home, broker, HOME_LIMIT_MS))
    return false;
  broker_set_route(broker, current(broker), broker->candidate);
  return true;
}

void broker_swap_merge(struct broker *broker)
{
  gate_merge(broker->gate);
}

void broker_swap_switch(struct broker *broker)
{
  broker->former = current(broker);
  broker->slot = 1 - broker->slot;
  broker_set_route(broker, broker->candidate, NULL);
  broker->candidate = NULL;
}

void broker_swap_cancel(struct broker *broker)
{
  broker->former = broker->candidate;
  broker_set_route(broker, current(broker), NULL);
  broker->candidate = NULL;
}

static void part_on_home(void *arg) PLUG_NOEXCEPT
{
  struct broker *broker = arg;
  engine_require(broker->former, false);
  engine_move_waiting(broker->former, current(broker));
  engine_pair(broker->former, NULL);
  engine_pair(current(broker), NULL);
}

void broker_swap_retire(struct broker *broker)
{
  loop_call_within(broker->loop, part_on_home, broker, HOME_LIMIT_MS);
  end_engine(broker, broker->former);
  broker->former = NULL;
  loop_call_within(broker->loop, set_patterns_on_home, broker, HOME_LIMIT_MS);
  if (broker->gated)
    gate_tail(broker->gate);
}

void broker_swap_over(struct broker *broker)
{
  if (!broker->gated)
    return;
  engine_set_gate(current(broker), NULL);
  gate_off(broker->gate);
  broker->gated = false;
}
