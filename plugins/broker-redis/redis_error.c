#include "redis_error.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { DENIED = 1, FATAL = 2 };

static const struct {
  const char *prefix, *advice;
  unsigned flags;
} known[] = {
    {"NOAUTH", "Redis wants a password: set username and password, or put them into the url",
     DENIED | FATAL},
    {"WRONGPASS",
     "user name or password is wrong, or the user is off: check username and password "
     "against ACL LIST in Redis",
     DENIED | FATAL},
    {"ERR invalid password", "the password is wrong: check password against requirepass in Redis",
     DENIED | FATAL},
    {"ERR AUTH", "Redis has no password for this user: remove password here or set it there",
     DENIED | FATAL},
    {"ERR Client sent AUTH", "Redis has no password: remove password here or set it there",
     DENIED | FATAL},
    {"ERR wrong number of arguments for 'auth'",
     "this Redis is older than 6 and knows no users: set password only", DENIED | FATAL},
    {"NOPERM",
     "the ACL user may not do that: it needs +client|setname +publish +subscribe +unsubscribe "
     "+psubscribe +punsubscribe +role and the channels &PREFIX*, for patterns allchannels",
     DENIED},
    {"ERR The user executing the script",
     "the ACL user may not do in scripts what presence does: see the manual", DENIED},
    {"ERR ACL failure in script", /* the same from 8.0 on */
     "the ACL user may not do in scripts what presence does: see the manual", DENIED},
    {"OOM", "Redis has no memory left: raise maxmemory there", 0},
    {"NOREPLICAS", "Redis has too few replicas in step: look at min-replicas-to-write there", 0},
    {"MOVED",
     "this is a Redis Cluster, and presence is kept by another of its servers: point url at it", 0},
    {"ERR unknown command", "this Redis is too old, or has been told not to do that", DENIED},
    {"LOADING", "Redis is still loading its data: it is tried again", FATAL},
    {"READONLY", "this Redis is a replica: point url at the master, or use sentinels", FATAL},
    {"MASTERDOWN", "this Redis is a replica that has lost its master: point url at the master",
     FATAL},
    {"ERR max number of clients",
     "Redis has no room for more connections: raise maxclients there, or close others", FATAL},
    {"MAXCLIENTS", "Redis has no room for more connections: raise maxclients there", FATAL},
    {"DENIED", "Redis is in protected mode: set a password there, or bind and protected-mode no",
     DENIED | FATAL},
    {"MISCONF", "Redis cannot write its data to disk: look at its log", 0},
    {"BUSY", "a script keeps Redis busy: SCRIPT KILL ends it", 0},
    {"CLUSTERDOWN", "the Redis cluster is down: look at CLUSTER INFO", 0},
};

static bool starts_with(struct plug_str s, const char *prefix)
{
  size_t n = strlen(prefix);
  return s.len >= n && memcmp(s.ptr, prefix, n) == 0;
}

static int find(struct plug_str error)
{
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (starts_with(error, known[i].prefix))
      return (int)i;
  return -1;
}

void redis_error_explain(struct plug_str error, bool secret, char out[REDIS_WHY_MAX])
{
  char text[80];
  size_t n = 0;
  int i = find(error);
  if (secret && i >= 0) {
    snprintf(out, REDIS_WHY_MAX, "%s: %s", known[i].prefix, known[i].advice);
    return;
  }
  for (; n < error.len && n < sizeof text - 1; n++) {
    if (secret && !isupper((unsigned char)error.ptr[n]))
      break;
    text[n] = isprint((unsigned char)error.ptr[n]) ? error.ptr[n] : ' ';
  }
  text[n] = '\0';
  if (i >= 0)
    snprintf(out, REDIS_WHY_MAX, "%s: %s", text, known[i].advice);
  else
    snprintf(out, REDIS_WHY_MAX, "Redis answered: %s", text);
}

plug_status redis_error_status(struct plug_str error)
{
  int i = find(error);
  return i >= 0 && (known[i].flags & DENIED) != 0 ? PLUG_EDENIED : PLUG_EUNAVAIL;
}

bool redis_error_is_fatal(struct plug_str error)
{
  int i = find(error);
  return i >= 0 && (known[i].flags & FATAL) != 0;
}
