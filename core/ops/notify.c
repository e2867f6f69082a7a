#include "ops/notify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>

#include "base/clock.h"

bool notify_wanted(void)
{
  return getenv("NOTIFY_SOCKET") != NULL;
}

uint64_t notify_alive_within_ms(void)
{
  uint64_t us = 0;
  return notify_wanted() && sd_watchdog_enabled(0, &us) > 0 ? us / 1000 : 0;
}

void notify_ready(void)
{
  sd_notify(0, "READY=1");
}

void notify_reloading(void)
{
  /* systemd 253 and later (Type=notify-reload) tell by the time whether it came after their signal.
   */
  sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_now_us());
}

void notify_stopping(void)
{
  sd_notify(0, "STOPPING=1\nSTATUS=Stopping");
}

void notify_alive(void)
{
  sd_notify(0, "WATCHDOG=1");
}

void notify_status(const char *text)
{
  sd_notifyf(0, "STATUS=%s", text);
}
