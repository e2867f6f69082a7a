/* The cluster's wire format of a message: opaque to brokers, versioned, extensible. No I/O. Owns
 * nothing. Any thread.
 *
 *   byte 0        0xB5: tells an envelope from text
 *   byte 1        version, 1
 *   then fields   tag (1 byte), length (4 bytes, big-endian), that many bytes
 *
 *   tag 1 topic      tag 2 content-type   tag 3 origin     tag 4 id (8 bytes, big-endian)
 *   tag 5 payload    tag 6 header: name length (4 bytes, big-endian), name, value; may repeat
 *   tag 7 flags (4 bytes, big-endian)
 *
 * Unknown tags are skipped, so that nodes of different age share a cluster; a higher version is
 * refused. topic, origin and id are required. */
#ifndef MESSAGE_ENVELOPE_H
#define MESSAGE_ENVELOPE_H

#include "base/buf.h"

#include <plugboard/host.h>

void envelope_put(struct buf *out, const struct plug_msg *msg);

/* A new message with one reference, or NULL with *why set to a static sentence. */
const struct plug_msg *envelope_parse(struct plug_str wire, const char **why);

#endif
