/* What this node knows of the others of its cluster, and of itself, from the beats by which they
 * tell: who they are, how they are, when they were heard last. Writes and reads beats. Owns its
 * entries, of which there are so many at most. No I/O; the time comes as an argument. Any thread,
 * behind one mutex. */
#ifndef OPS_NODES_H
#define OPS_NODES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define NODES_MAX         1000
#define NODE_NAME_SHOWN   64
#define NODE_TEXT_SHOWN   64
#define NODE_INSTANCE_LEN 16
/* So many intervals without a beat, and a node is gone. */
#define NODE_MISSED       3

struct nodes;

struct node_beat {
  char instance[NODE_INSTANCE_LEN + 1]; /* hexadecimal; other after each start */
  char version[NODE_TEXT_SHOWN + 1], state[NODE_TEXT_SHOWN + 1], broker[NODE_TEXT_SHOWN + 1];
  char host[NODE_TEXT_SHOWN + 1];
  uint64_t pid, uptime_ms, connections, sessions, interval_ms;
  uint64_t day_ms; /* its clock of the day */
  double in_per_s, out_per_s;
  bool wanted; /* the others are to tell of themselves, too */
};

/* False when out of memory. */
bool node_beat_put(const struct node_beat *beat, struct buf *out);
/* False: it is no beat. Members that are not known are passed over. */
bool node_beat_read(struct plug_str text, struct node_beat *beat);

struct nodes *nodes_new(void); /* NULL when out of memory */
void nodes_free(struct nodes *nodes);
/* A beat of the node of this name; false: it is not kept, because there are too many. */
bool nodes_hear(struct nodes *nodes, struct plug_str name, const struct node_beat *beat,
                uint64_t now_ms);
/* An array of objects, by name; self: the instance that is this node. NULL when out of memory. */
json_t *nodes_list(struct nodes *nodes, const char *self, uint64_t now_ms);

#endif
