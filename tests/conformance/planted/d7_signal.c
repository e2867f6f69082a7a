/* caught by: D7 — ignores SIGHUP as soon as it is loaded */
#include "../good.h"

__attribute__((constructor)) static void at_load(void)
{
  signal(SIGHUP, SIG_IGN);
}

PLANT_BROKER;
