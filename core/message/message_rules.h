/* What a message must be so that the frames made of it are whole: which headers are the server's to
 * write, and the limits of messages that plugins make. Owns the limits. Any thread. */
#ifndef MESSAGE_MESSAGE_RULES_H
#define MESSAGE_MESSAGE_RULES_H

#include <stdbool.h>

#include <plugboard/host.h>

/* Zero: no limit. */
struct message_limits {
  uint64_t bytes; /* payload, type and headers together, as in a frame */
  uint64_t n_headers, header_bytes, topic_bytes;
};
void message_set_limits(const struct message_limits *limits);

/* A header of MESSAGE that only the server writes; from anybody else it would break the frame, or
 * forge what clients believe of it. */
bool message_is_servers_header(struct plug_str name);

/* NULL when frames can be made of it; else why not, in static text. */
const char *message_breaks_frames(const struct plug_msg_init *init);
/* NULL, or which limit it is over. */
const char *message_over_limit(const struct plug_msg_init *init);

#endif
