/* A presence from within: what its parts share, the one between it and the broker
 * (presence_broker.c), the one between it and applications (presence_apps.c), those who wait for an
 * answer (presence_ask.c), and its turns and life (presence.c). Private to these. Control thread
 * only. */
#ifndef PRESENCE_INNER_H
#define PRESENCE_INNER_H

#include <semaphore.h>

#include "presence/members.h"
#include "presence/presence.h"
#include "presence/rooms.h"

struct presence {
  struct presence_settings settings;
  struct plugin_instance *broker;
  struct plug_broker_presence plugin; /* a copy */
  struct loop *loop;
  struct instance_extension extension;
  struct presence_backend backend;
  struct members members;
  struct rooms rooms;
  struct list asks;           /* struct presence_ask.link: unanswered */
  struct list ready, telling; /* those with an answer */
  struct loop_hook hook;
  struct loop_task again;
  uv_timer_t *timer;
  bool running, again_posted, draining;
  bool off; /* the broker of now knows nothing of presence */
  sem_t drained;
  int64_t counted_members, counted_rooms, counted_users;
  uint64_t counted_changes, counted_lists, counted_failed;
};

/* Another turn of the loop, at whose end what there is to do is done. */
void presence_wake(struct presence *presence);
/* As presence_list; instance NULL: for the server; name: of this user only, empty: of all. */
plug_status presence_list_for(struct presence *presence, struct plugin_instance *instance,
                              struct plug_str topic, struct plug_str name,
                              plug_presence_user_fn user, plug_presence_done_fn done, void *arg);

#endif
