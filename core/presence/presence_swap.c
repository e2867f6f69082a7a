#include "presence/presence_swap.h"

#include "presence/presence_broker.h"
#include "presence/presence_inner.h"

#define LIMIT_MS 5000

struct step {
  struct presence *presence;
  struct plugin_instance *broker;
};

bool presence_swap_fits(const struct plugin_instance *broker)
{
  return presence_broker_has(broker);
}

static void swap_on_home(void *arg) PLUG_NOEXCEPT
{
  const struct step *step = arg;
  presence_broker_change(step->presence, step->broker);
}

void presence_swap(struct presence *presence, struct plugin_instance *broker)
{
  /* Static, for a control thread that is late; there is one main thread. */
  static struct step step;
  step = (struct step){presence, broker};
  loop_call_within(presence->loop, swap_on_home, &step, LIMIT_MS);
}
