#include "redis_role.h"

#include <stdio.h>
#include <string.h>

bool redis_role_asks(const struct redis_role_watch *watch)
{
  return watch->expected != REDIS_ROLE_ANY && !watch->mute;
}

static enum redis_verdict wrong(struct redis_role_watch *watch, const char *why)
{
  watch->status = PLUG_EUNAVAIL;
  snprintf(watch->why, sizeof watch->why, "%s", why);
  return REDIS_ROLE_WRONG;
}

static enum redis_verdict refused(struct redis_role_watch *watch, struct plug_str error)
{
  if (watch->expected != REDIS_ROLE_PROVEN && !redis_error_is_fatal(error)) {
    watch->mute = true;
    return REDIS_ROLE_FITS;
  }
  watch->status = redis_error_status(error);
  redis_error_explain(error, false, watch->why);
  return REDIS_ROLE_WRONG;
}

static const char *text_at(const redisReply *reply, size_t i)
{
  const redisReply *e =
      reply->type == REDIS_REPLY_ARRAY && i < reply->elements ? reply->element[i] : NULL;
  return e != NULL && e->type == REDIS_REPLY_STRING ? e->str : "";
}

/* "slave", host, port, ... */
static void explain_replica(struct redis_role_watch *watch, const redisReply *reply)
{
  char master[160] = "";
  const char *host = text_at(reply, 1);
  if (host[0] != '\0' && reply->elements > 2 && reply->element[2]->type == REDIS_REPLY_INTEGER)
    snprintf(master, sizeof master, " of %.120s:%lld", host, reply->element[2]->integer);
  if (watch->logged_in)
    snprintf(watch->why, sizeof watch->why,
             "it has been made a replica%s, what is published there does not reach other servers",
             master);
  else
    snprintf(watch->why, sizeof watch->why,
             "it is a replica%s, what is published there does not reach other servers: point url "
             "at the master, or use sentinels",
             master);
  watch->status = PLUG_EUNAVAIL;
}

enum redis_verdict redis_role_answer(struct redis_role_watch *watch, const redisReply *reply)
{
  if (reply->type == REDIS_REPLY_ERROR)
    return refused(watch, (struct plug_str){reply->str, reply->len});
  const char *role = text_at(reply, 0);
  if (strcmp(role, "master") == 0)
    return REDIS_ROLE_FITS;
  if (strcmp(role, "sentinel") == 0)
    return wrong(watch,
                 "it is a Sentinel: name it in the option sentinels, with the option master");
  if (strcmp(role, "slave") != 0)
    return watch->expected == REDIS_ROLE_PROVEN
               ? wrong(watch, "it does not say whether it is a master")
               : REDIS_ROLE_FITS;
  if (watch->in_cluster)
    return REDIS_ROLE_FITS;
  explain_replica(watch, reply);
  if (watch->expected == REDIS_ROLE_PROVEN) /* Sentinels watch no clusters */
    return watch->logged_in
               ? REDIS_ROLE_WRONG
               : wrong(watch, "it is not a master: a failover is under way, or Sentinel is behind");
  return REDIS_ROLE_ASK_INFO;
}

/* Servers older than 3 know no such section, and users without +info may not ask: no cluster. */
enum redis_verdict redis_role_info(struct redis_role_watch *watch, const redisReply *reply)
{
  static const char enabled[] = "cluster_enabled:1";
  if (reply->type == REDIS_REPLY_STRING && strstr(reply->str, enabled) != NULL)
    watch->in_cluster = true;
  return watch->in_cluster ? REDIS_ROLE_FITS : REDIS_ROLE_WRONG;
}
