/* Those who wait for an answer of presence: an application, or the server itself. They are told at
 * the end of the control thread's turn, never from inside their own call. Owns them from
 * presence_ask_new until they are told. Control thread only.
 *
 *   new --> asks --- ready ---> ready --- the turn's end ---> told
 */
#ifndef PRESENCE_ASK_H
#define PRESENCE_ASK_H

#include "presence/presence_inner.h"

struct presence_ask {
  struct list link;
  struct presence_wait wait;
  struct presence *presence;
  struct plugin_instance *instance; /* NULL: the server */
  plug_presence_user_fn user;       /* of a list */
  plug_presence_done_fn done;
  void *arg;
  plug_status status;
  uint64_t users, members;
  bool of_room; /* answered by what is known of the room, when it is told */
  bool answered;
  unsigned refs;              /* until it is told, and the operation's */
  size_t topic_len, name_len; /* name_len 0: of all users */
  char topic[];               /* behind it the name */
};

/* topic and name are copied. NULL: out of memory. */
struct presence_ask *presence_ask_new(struct presence *presence, struct plugin_instance *instance,
                                      struct plug_str topic, struct plug_str name,
                                      plug_presence_done_fn done, void *arg);
void presence_ask_unref(struct presence_ask *ask);
struct plug_str presence_ask_name(const struct presence_ask *ask);

/* The answer is there. */
void presence_ask_ready(struct presence_ask *ask, plug_status status);
/* Answered when the room is known. */
void presence_ask_of_room(struct presence_ask *ask, struct room *room);

/* Tells those whose answers are there; not those whose answers come meanwhile. */
void presence_asks_tell(struct presence *presence);
/* What is not answered yet is answered so. */
void presence_asks_cancel(struct presence *presence, plug_status status);
/* The same, for those of one instance. */
void presence_asks_cancel_of(struct presence *presence, const struct plugin_instance *instance);
void presence_asks_free(struct presence *presence);

#endif
