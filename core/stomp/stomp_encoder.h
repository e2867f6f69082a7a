/* Writes STOMP frames into a buffer, with the escaping of the version. Owns nothing. Any thread. */
#ifndef STOMP_STOMP_ENCODER_H
#define STOMP_STOMP_ENCODER_H

#include "base/buf.h"
#include "stomp/stomp.h"

/* Adds nothing but escapes. CONNECT, STOMP and CONNECTED frames and version 1.0 are never escaped;
 * there, bytes that would break the frame (LF, CR, NUL, and ':' in a name) become a blank. Version
 * 1.1 cannot escape a CR, which becomes a blank too, as does a NUL in every version. STOMP_NONE
 * escapes as 1.2 does. */
void stomp_put_command(struct buf *out, enum stomp_command command);
void stomp_put_header(struct buf *out, enum stomp_version version, enum stomp_command command,
                      struct plug_str name, struct plug_str value);
/* The same for a name of our own that needs no escaping, such as "destination:". */
void stomp_put_known_header(struct buf *out, enum stomp_version version, enum stomp_command command,
                            struct plug_str name_and_colon, struct plug_str value);
void stomp_put_header_u64(struct buf *out, struct plug_str name, uint64_t value);
/* Ends the headers, writes the body and the NUL. */
void stomp_put_body(struct buf *out, struct plug_str body);

/* Only the escaped value, for callers that lay frames out themselves. */
void stomp_put_escaped(struct buf *out, enum stomp_version version, struct plug_str text,
                       bool is_name);

#endif
