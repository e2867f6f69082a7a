/* The workers' parts of access control, for the files of this folder: what each knows of its
 * subjects, and how a plugin's word about a user or a session reaches all of them. Owns the parts
 * only as far as the list goes. workers_notify: any thread; the rest is single-threaded set-up. */
#ifndef ACCESS_WORKERS_H
#define ACCESS_WORKERS_H

#include "access/access.h"
#include "base/map.h"

struct access_class {
  struct map_entry by_key;
  uint64_t id;
  uint64_t refs;
  struct shape **permissions; /* of its subjects' identities; NULL where one is no pattern */
  size_t n_permissions;
  const uint32_t *actions; /* of these */
  char key[];
};

/* All subjects of one user's name. */
struct access_user {
  struct map_entry by_name;
  struct list subjects; /* struct subject.of_user */
  char name[];
};

struct access_worker {
  struct access *access;
  const struct access_events *events;
  struct inbox *inbox;
  unsigned index;
  struct map classes, users, subjects;
  struct list all; /* subjects, those of former generations first */
  uint64_t last_class;
  uint64_t generation; /* of the rules */
};

struct access_workers {
  unsigned refs;      /* accesses */
  struct list former; /* struct access_plugins.link: no access has them, but maybe sessions */
  struct access_worker **items;
  size_t n;
};

struct access_worker *workers_add(struct access_workers *workers, struct access *access,
                                  unsigned index, struct inbox *inbox,
                                  const struct access_events *events);
void workers_fini(struct access_workers *workers);
struct access_workers *access_workers_of(struct access *access); /* access.c */
struct chain *access_own_chain(struct access *access);           /* access.c */

/* What a plugin says about the sessions that it has granted. */
struct notice {
  struct plugin_instance *instance;
  bool all;                        /* that this instance has granted */
  struct plug_str user;            /* empty: the session of that number */
  uint64_t session;                /* as in plug_auth_request */
  const struct plug_identity *who; /* another identity, or NULL */
  bool revoke;
  struct plug_str reason;
};

/* [any] Hands copies to all workers, or to none: PLUG_ENOMEM. */
plug_status workers_notify(struct access_workers *workers, const struct notice *notice);

/* [worker] subject.c: what becomes of it on one worker. */
void subject_notice(struct access_worker *worker, const struct notice *notice);

#endif
