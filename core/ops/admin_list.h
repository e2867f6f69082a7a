/* A page of a list that all workers have a part of: each is walked through in steps, and what is
 * among the first of the page is kept. Embedded in what collects it. Private to core/ops. The
 * thread of the worker that is asked. */
#ifndef OPS_ADMIN_LIST_H
#define OPS_ADMIN_LIST_H

#include "ops/admin_inner.h"
#include "ops/top.h"

struct admin_list {
  struct gather gather; /* step is the owner's */
  struct admin *admin;
  struct mount_request *request; /* NULL: its client has left */
  struct admin_page page;
  struct top top;   /* of json_t */
  uint64_t total;   /* that match, on all pages */
  bool walking;     /* this worker's walk has begun */
  const char *name; /* of the list in the answer */
  void (*free)(struct admin_list *list);
};

/* Reads the page from the query, and asks the workers. False: the request has been refused, and
 * list is the caller's. */
bool admin_list_start(struct admin_list *list, struct admin *admin, struct mount_request *request);
/* The row of one that matches, if it is on the page as far as that is known; its value is NULL if
 * it is new. */
struct top_row *admin_list_row(struct admin_list *list, struct plug_str key);

#endif
