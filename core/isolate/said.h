/* What the process of an isolated plugin says, read frame by frame and checked: nothing here trusts
 * it. No I/O. Owns nothing; what is read is borrowed from the frame. Any thread. */
#ifndef ISOLATE_SAID_H
#define ISOLATE_SAID_H

#include <plugboard/ext/presence.h>
#include <plugboard/plugin.h>

#include "isolate/wire.h"

/* Which extensions the plugin has. */
#define SAID_PROOF    1u
#define SAID_PRESENCE 2u

struct said {
  enum wire_kind kind;
  uint64_t id;        /* DONE, USER, TOTAL; PONG: the number */
  uint64_t interest;  /* DELIVER */
  plug_status status; /* FAILED, DONE */
  int32_t state;      /* STATE, HEALTH */
  uint32_t flags;     /* STATE; CREATED: the extensions; HEALTH: the round trip in us; LOG: level */
  uint64_t since_ms, proven_ms;       /* HEALTH */
  struct plug_str text;               /* FAILED, DONE, STATE, HEALTH, LOG, HANGS */
  struct plug_str area;               /* LOG; DELIVER: the message */
  struct plug_str user, info;         /* USER */
  uint64_t members, users;            /* USER, TOTAL */
  struct plug_position pos;           /* TOTAL */
  struct plug_presence_change change; /* CHANGED */
  uint32_t n;                         /* METRICS, CREATED: how many follow in items */
  struct wire_reader items;
};

/* NULL, or in static text what is wrong with the frame. WIRE_DESCRIPTION: only its kind. */
const char *said_read(const struct wire_frame *frame, struct said *said);

/* Of WIRE_ECHO, which there may be a million of in a second. */
struct said_echo {
  uint64_t interest, id;
  bool done;
  plug_status status; /* if it is done */
};
const char *said_read_echo(const struct wire_frame *frame, struct said_echo *echo);

/* Of WIRE_CREATED, said.n times; false: broken. */
struct said_metric {
  bool is_gauge;
  struct plug_str name, help;
};
bool said_next_metric(struct wire_reader *items, struct said_metric *metric);

/* The descriptor of a plugin. */
struct said_description {
  uint32_t abi; /* major << 16 | minor */
  uint32_t caps;
  uint32_t kinds; /* SAID_IS_... */
  uint64_t max_payload;
  struct plug_str id, version, summary, build;
  uint32_t n_options;
  struct wire_reader options;
};
#define SAID_IS_AUTH 1u
#define SAID_IS_APP  2u
const char *said_read_description(const struct wire_frame *frame, struct said_description *out);

struct said_option {
  uint32_t type, flags;
  bool has_def, has_range;
  struct plug_str name, def, range, help;
};
bool said_next_option(struct wire_reader *options, struct said_option *option);

/* The other side's writing of these. */
void said_put_description(struct buf *out, const struct plug_plugin *entry);

#endif
