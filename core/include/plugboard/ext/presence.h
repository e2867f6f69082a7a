/* SPDX-License-Identifier: MIT
 *
 * plugboard/ext/presence.h: who is in which room, on all nodes together.
 *
 * Two extensions. "plug.broker.presence/1" is between the server and a broker: the broker keeps the
 * members of all nodes where it keeps its messages. "plug.host.presence/1" is between the server
 * and an application: any application works with any broker that has the first.
 *
 * A MEMBER is one session in one topic; several members of one user count as one user, who joins
 * with the first of them and leaves with the last. Members belong to the node that has joined them.
 * A node that is not heard of for a time that the broker sets loses them, and others see its users
 * leave.
 *
 * CHANGES of a topic are numbered without a gap within an epoch. The server finds gaps and new
 * epochs by itself, asks for the whole list then, and tells applications the difference only.
 */
#ifndef PLUGBOARD_EXT_PRESENCE_H
#define PLUGBOARD_EXT_PRESENCE_H

#include <plugboard/host.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PLUG_EXT_BROKER_PRESENCE "plug.broker.presence/1"
#define PLUG_EXT_PRESENCE        "plug.host.presence/1"

/* Passed in arrays: frozen. */
struct plug_member {
  struct plug_str topic;
  struct plug_str member; /* the session, unique in the cluster */
  struct plug_str user;   /* not empty */
  struct plug_str info;   /* what the application says about the user; bytes, may be empty */
};

#define PLUG_PRESENCE_JOINED 1u /* plug_presence_change.kind */
#define PLUG_PRESENCE_LEFT   2u

/* Borrowed for the call. Grows at the tail. */
struct plug_presence_change {
  uint32_t size;
  uint32_t kind;
  struct plug_str topic, user;
  struct plug_str info;     /* of the member with which the user joined */
  uint64_t users;           /* in the topic after the change */
  struct plug_position pos; /* of the change */
};

/* --- "plug.broker.presence/1" ------------------------------------------------------------- */

/* The broker's half, from its extension(). */
struct plug_broker_presence {
  uint32_t size, reserved;
  /* [home] v[0..n) are there from now on; those that are there already stay as they are. Done: the
   * backend has them. A failure: none of them is counted, the server tries again. v is borrowed
   * (see host.h), here and below. */
  plug_status (*join)(void *self, const struct plug_member *v, size_t n,
                      struct plug_op *op) PLUG_NOEXCEPT;
  /* [home] They are gone; those that were not there are no failure. info is not looked at. */
  plug_status (*leave)(void *self, const struct plug_member *v, size_t n,
                       struct plug_op *op) PLUG_NOEXCEPT;
  /* [home] Done: every later change of the topic, on whatever node, is told to changed. May be
   * asked for twice, and is after lost. */
  plug_status (*watch)(void *self, struct plug_str topic, struct plug_op *op) PLUG_NOEXCEPT;
  /* [home] A change that comes late is ignored. */
  void (*unwatch)(void *self, struct plug_str topic) PLUG_NOEXCEPT;
  /* [home] Who is there: user for each user, total once, then op_done. */
  plug_status (*list)(void *self, struct plug_str topic, struct plug_op *op) PLUG_NOEXCEPT;
  /* [home] All members have been joined again since lost was called last. */
  void (*restored)(void *self) PLUG_NOEXCEPT;
};

/* The server's half, from the host's extension() in a broker. */
struct plug_broker_presence_up {
  uint32_t size, reserved;
  /* [home] For an operation of list. members: how many of them the user has. */
  void (*user)(struct plug_op *, struct plug_str user, struct plug_str info,
               uint64_t members) PLUG_NOEXCEPT;
  /* [home] pos: of the last change that the list has in it. */
  void (*total)(struct plug_op *, uint64_t users, uint64_t members,
                struct plug_position pos) PLUG_NOEXCEPT;
  /* [home] In the order of pos, each at least once. */
  void (*changed)(const struct plug_host *, const struct plug_presence_change *) PLUG_NOEXCEPT;
  /* [home] The backend has lost this node's members, or may have. The server joins all of them
   * again and then calls restored. Changes may have been missed: it lists what it watches, too. */
  void (*lost)(const struct plug_host *) PLUG_NOEXCEPT;
};

/* --- "plug.host.presence/1" --------------------------------------------------------------- */

/* The application's half, from its extension(). */
struct plug_presence_app {
  uint32_t size, reserved;
  /* [home] Of topics that it watches. */
  void (*changed)(void *self, const struct plug_presence_change *) PLUG_NOEXCEPT;
};

/* [home] Once per user; borrowed for the call. members: 0 if it is not known, as from memory. */
typedef void (*plug_presence_user_fn)(void *arg, struct plug_str user, struct plug_str info,
                                      uint64_t members) PLUG_NOEXCEPT;
/* [home] Exactly once if the call's result is PLUG_PENDING, else never, and before stop: when the
 * server stops, with PLUG_ECANCELED. Of a join PLUG_EUNAVAIL, PLUG_ECANCELED, PLUG_ETIMEDOUT,
 * PLUG_ESTATE and PLUG_ENOMEM pass: the server goes on trying unless the member has left. With any
 * other failure the broker refuses it: it is tried again only when it is joined again, or when the
 * backend has lost all members. */
typedef void (*plug_presence_done_fn)(void *arg, plug_status, uint64_t users,
                                      uint64_t members) PLUG_NOEXCEPT;

/* The server's half, from the host's extension() in an application; NULL if the broker has none. */
struct plug_presence {
  uint32_t size, reserved;
  /* [home] From now until leave the server keeps the member there, also when the backend comes and
   * goes. Everything is copied. done may be NULL. */
  plug_status (*join)(const struct plug_host *, const struct plug_member *,
                      plug_presence_done_fn done, void *arg) PLUG_NOEXCEPT;
  plug_status (*leave)(const struct plug_host *, const struct plug_member *,
                       plug_presence_done_fn done, void *arg) PLUG_NOEXCEPT;
  /* [home] Counted: as many unwatch as watch end it. done tells when changes are certain to be
   * seen, with the counts of that moment. */
  plug_status (*watch)(const struct plug_host *, struct plug_str topic, plug_presence_done_fn done,
                       void *arg) PLUG_NOEXCEPT;
  void (*unwatch)(const struct plug_host *, struct plug_str topic) PLUG_NOEXCEPT;
  /* [home] Who is there; from memory if the topic is watched. */
  plug_status (*list)(const struct plug_host *, struct plug_str topic, plug_presence_user_fn user,
                      plug_presence_done_fn done, void *arg) PLUG_NOEXCEPT;
  /* [home] The same, but of the users only the one of that name is visited, if there. */
  plug_status (*find)(const struct plug_host *, struct plug_str topic, struct plug_str name,
                      plug_presence_user_fn user, plug_presence_done_fn done,
                      void *arg) PLUG_NOEXCEPT;
};

#ifdef __cplusplus
}
#endif
#endif
