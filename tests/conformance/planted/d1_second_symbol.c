/* caught by: D1 — it exports a helper of its own beside the entry */
#include "../good.h"

__attribute__((visibility("default"))) int planted_helper(void);

int planted_helper(void)
{
  return 1;
}

PLANT_BROKER;
