/* What a service manager that has asked for it is told (systemd's Type=notify): that the server is
 * ready, reads its configuration again, stops, and lives. Without one all of it does nothing. Owns
 * nothing. Any thread. */
#ifndef OPS_NOTIFY_H
#define OPS_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* Is anybody told? */
bool notify_wanted(void);
/* How often notify_alive is to be called at least, by WatchdogSec=; 0: never. */
uint64_t notify_alive_within_ms(void);

void notify_ready(void);
/* The configuration is read again; notify_ready follows, whatever came of it. */
void notify_reloading(void);
void notify_stopping(void);
void notify_alive(void);
/* One line for whoever looks at the service. */
void notify_status(const char *text);

#endif
