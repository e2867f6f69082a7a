/* As planted_broker_entry.h, for a broker with a backend. LOSE, RETRY and ARRIVE are what it does
 * when its connection has gone, when it is time to try again, and when a message has come. */
#ifndef LOSE
#define LOSE base_lose
#endif
#ifndef RETRY
#define RETRY base_again
#endif
#ifndef ARRIVE
#define ARRIVE base_arrive
#endif
static void net_lose(struct net *net)
{
  LOSE(net);
}
static void net_retry(void *arg)
{
  RETRY(arg);
}
static void net_arrive(struct net *net, const struct plug_msg *msg)
{
  ARRIVE(net, msg);
}
#define OPTIONS net_options
#ifndef CAPS
#define CAPS (PLUG_CAP_CROSS_NODE | PLUG_CAP_ECHO | PLUG_CAP_ORDERED | PLUG_CAP_PATTERN)
#endif
#define CREATE  net_create
#define DESTROY net_destroy
#define START   net_start
#define STOP    net_stop
#ifndef SUBSCRIBE
#define SUBSCRIBE net_subscribe
#endif
#ifndef PUBLISH
#define PUBLISH net_publish
#endif
#ifndef HEALTH
#define HEALTH net_health
#endif
#include "planted_broker_entry.h"
