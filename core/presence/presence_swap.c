#include "presence/presence_swap.h"

#include "presence/presence_broker.h"
#include "presence/presence_inner.h"

#define LIMIT_MS 5000

struct step {
  struct presence *presence;
  struct plugin_instance *broker;
  bool used;
};

/* Static, for a control thread that is late; there is one main thread. */
static struct step step;

static void look_on_home(void *arg) PLUG_NOEXCEPT
{
  struct step *look = arg;
  const struct presence *presence = look->presence;
  look->used =
      presence->members.n_wanted || presence->rooms.map.count || !list_empty(&presence->asks);
}

bool presence_swap_fits(struct presence *presence, const struct plugin_instance *broker)
{
  if (presence_broker_has(broker))
    return true;
  step = (struct step){.presence = presence, .used = true};
  return loop_call_within(presence->loop, look_on_home, &step, LIMIT_MS) && !step.used;
}

static void swap_on_home(void *arg) PLUG_NOEXCEPT
{
  const struct step *to = arg;
  presence_broker_change(to->presence, to->broker);
}

void presence_swap(struct presence *presence, struct plugin_instance *broker)
{
  step = (struct step){.presence = presence, .broker = broker};
  loop_call_within(presence->loop, swap_on_home, &step, LIMIT_MS);
}
