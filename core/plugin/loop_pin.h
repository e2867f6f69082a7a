/* For the lifecycle of instances only: a loop that an abandoned plugin may still call into is ended
 * by loop_stop as usual, but its memory stays. Any thread. */
#ifndef PLUGIN_LOOP_PIN_H
#define PLUGIN_LOOP_PIN_H

#include <stdbool.h>

struct loop;
void loop_pin(struct loop *loop);

/* True when loop_stop has given up waiting for the thread: it must not come back from the plugin.
 */
bool loop_is_left(const struct loop *loop);

#endif
