/* caught by: D1 — a symbol that no library has, for want of -z defs */
#define PLANTED_CREATE create
#include "../good.h"

extern int planted_nobody_has_this(void) __attribute__((visibility("default")));

static plug_status create(const struct plug_host *host, void **self, struct plug_err *err)
{
  planted_nobody_has_this();
  return good_create(host, self, err);
}

PLANT_BROKER;
