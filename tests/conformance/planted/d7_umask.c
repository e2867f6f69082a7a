/* caught by: D7 — changes the umask as soon as it is loaded */
#include <sys/stat.h>

#include "../good.h"

__attribute__((constructor)) static void at_load(void)
{
  umask(0);
}

PLANT_BROKER;
