/* The admin API: what operators see of a node, and what they tell it to do, below /admin/api at the
 * doors of [admin]. Owns what it knows (warnings, nodes, who is an operator); shared by all
 * workers. Functions are tagged [start] or [any]. */
#ifndef OPS_ADMIN_H
#define OPS_ADMIN_H

#include "access/chain.h"
#include "config/config.h"
#include "net/env.h"
#include "ops/orders.h"
#include "ops/reload.h"
#include "ops/warnings.h"

struct admin;
struct swap;

struct admin_parts {               /* all outlive it */
  const struct settings *settings; /* of the start */
  struct orders *orders;
  struct swap *swap;
};

struct admin *admin_new(const struct admin_parts *parts); /* [start] NULL when out of memory */
void admin_free(struct admin *admin);                     /* [start] after the workers have ended */
/* [start] Its paths, where [admin] is. False when out of memory. */
bool admin_mount(struct admin *admin, struct mounts *mounts);
/* [start] For every worker's env, whether there is an [admin] or not. */
const struct net_hooks *admin_hooks(const struct admin *admin);
/* [start] What of it a reload renews. */
struct reload_part admin_reload_part(struct admin *admin);
/* [any] */
struct warnings *admin_warnings(struct admin *admin);
struct admin_auth *admin_operators(struct admin *admin);

#endif
