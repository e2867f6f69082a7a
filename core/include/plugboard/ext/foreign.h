/* SPDX-License-Identifier: MIT
 *
 * plugboard/ext/foreign.h: extension "plug.broker.foreign/1", a broker whose messages travel in the
 * format of other programs.
 *
 * Such a format has no room for the origin and the id of a message: what comes back is made anew by
 * msg_make. While another broker takes over, both bring the same messages, and the server knows
 * them by these two. It therefore swaps no broker whose entry.extension gives this table. Others
 * keep both, by msg_encode and msg_decode.
 */
#ifndef PLUGBOARD_EXT_FOREIGN_H
#define PLUGBOARD_EXT_FOREIGN_H

#include <plugboard/host.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PLUG_EXT_BROKER_FOREIGN "plug.broker.foreign/1"

struct plug_broker_foreign {
  uint32_t size, reserved;
};

#ifdef __cplusplus
}
#endif
#endif
