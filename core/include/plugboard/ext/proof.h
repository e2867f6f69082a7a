/* SPDX-License-Identifier: MIT
 *
 * plugboard/ext/proof.h: extension "plug.broker.proof/1", a broker that proves by itself that it
 * delivers.
 *
 * A connection that is open proves nothing, so the server publishes a message to itself by each
 * broker again and again, and is ready only while these come back ([broker] probe-interval). It
 * leaves that to a broker whose entry.extension gives this table: such a one reports PLUG_STATE_UP
 * only as long as messages of its own go through its backend and come back.
 */
#ifndef PLUGBOARD_EXT_PROOF_H
#define PLUGBOARD_EXT_PROOF_H

#include <plugboard/host.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PLUG_EXT_BROKER_PROOF "plug.broker.proof/1"

struct plug_broker_proof {
  uint32_t size, reserved;
  /* [any] When the last message of its own has come back, on the clock of now_ms; 0: none has. */
  uint64_t (*proven_ms)(void *self) PLUG_NOEXCEPT;
};

#ifdef __cplusplus
}
#endif
#endif
