/* caught by: D7 — opens a descriptor as soon as it is loaded */
#include "../good.h"

__attribute__((constructor)) static void at_load(void)
{
  if (dup(2) < 0)
    abort();
}

PLANT_BROKER;
