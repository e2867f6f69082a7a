/* What the server does with a broker's presence, for tests: keeps the members of a node, joins them
 * again when they are lost, and a view of each watched topic that is listed and then kept up by
 * changes. It breaks the test where the header's contract is broken: changes out of order, gaps,
 * operations of before lost() that succeed after it. One thread. */
#ifndef MOCK_PRESENCE_H
#define MOCK_PRESENCE_H

#include "mock_host.h"

struct mock_user {
  char *user, *info;
};

struct mock_view {
  struct mock_view *next;
  char *topic;
  struct mock_user *v; /* not sorted */
  size_t n;
  uint64_t members; /* of the last list */
  uint64_t users;   /* of the last list or change */
  struct plug_position pos;
  bool watched, listed;
  struct plug_position heard; /* of the last change, whatever was made of it; epoch 0: none */
  unsigned n_joined, n_left, n_lists, n_epochs;
};

struct mock_member {
  struct mock_member *next;
  char *topic, *member, *user, *info;
  bool wanted;
};

struct mock_presence_op;

struct mock_presence {
  struct mock_presence *next; /* of all */
  struct mock_host *h;
  const struct plug_broker_presence *ext;
  struct mock_member *members;
  struct mock_view *views;
  struct mock_presence_op *ops;
  bool lost;       /* and not restored yet */
  bool refused;    /* the last join was */
  bool holds_back; /* does not join again, until it is cleared */
  unsigned n_lost, n_restored;
  plug_status last_status;
  char last_detail[256];
};

/* To be called before hosts are made, and after all are gone. */
void mock_presence_begin(void);
void mock_presence_end(void);

/* The presence of a host that is up. */
struct mock_presence *mock_presence_new(struct mock_host *h);
/* After its host has gone. */
void mock_presence_free(struct mock_presence *mp);

void mock_presence_join(struct mock_presence *mp, const char *topic, const char *member,
                        const char *user, const char *info);
void mock_presence_leave(struct mock_presence *mp, const char *topic, const char *member);
void mock_presence_watch(struct mock_presence *mp, const char *topic);
struct mock_view *mock_presence_view(struct mock_presence *mp, const char *topic);
struct mock_user *mock_view_user(struct mock_view *view, const char *user);

/* Does what is due, in all of them. True: nothing is pending or lost anywhere. */
bool mock_presence_pump(void);

/* Lists the topic, waiting for it, into view. */
plug_status mock_presence_list(struct mock_presence *mp, const char *topic);

#endif
