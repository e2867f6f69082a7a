/* Presence between applications ("plug.host.presence/1") and the broker ("plug.broker.presence/1"):
 * keeps this node's members where the broker keeps all of them, and what is known of the rooms that
 * applications watch. Owns what waits for an answer; members.h and rooms.h own the rest. Functions
 * are tagged [start] or [home].
 *
 *   application --- join, watch, list ---> members, rooms --- batches ---> broker
 *               <-- done, changed --------                <-- changed, lost ---
 *
 * An application is never called from inside its own call: what it has asked for is answered, and
 * given to the broker, at the end of the control thread's turn. */
#ifndef PRESENCE_PRESENCE_H
#define PRESENCE_PRESENCE_H

#include "plugin/instance.h"

struct presence;

struct presence_settings {
  uint64_t max_members, max_info, max_rooms, settle_ms, timeout_ms;
};

/* [start] After the broker's create. NULL: it has no presence, or out of memory, as *status says.
 */
struct presence *presence_new(const struct presence_settings *settings,
                              struct plugin_instance *broker, struct loop *loop,
                              plug_status *status);
/* [start] Before the broker starts. False: the control thread does not come back. */
bool presence_start(struct presence *presence);
/* [start] When no application asks any more and before the broker is drained: who waits is told
 * PLUG_ECANCELED, and this node's members leave, as far as that is done at deadline_ms. */
void presence_drain(struct presence *presence, uint64_t deadline_ms);
void presence_free(struct presence *presence); /* [start] NULL is nothing */

/* [start] What applications are created with. */
const struct instance_extension *presence_extension(const struct presence *presence);

/* [home] Who is there, for the server itself; as in plugboard/ext/presence.h. */
plug_status presence_list(struct presence *presence, struct plug_str topic,
                          plug_presence_user_fn user, plug_presence_done_fn done, void *arg);

#endif
