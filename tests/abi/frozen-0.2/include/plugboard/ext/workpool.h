/* SPDX-License-Identifier: MIT
 *
 * plugboard/ext/workpool.h: extension "plug.host.workpool/1", threads for what takes long.
 *
 * Signatures, password hashes, files, resolvers: what would hold up the home thread runs on one of
 * a few threads that all instances share ([server] pool-threads, pool-queue).
 */
#ifndef PLUGBOARD_EXT_WORKPOOL_H
#define PLUGBOARD_EXT_WORKPOOL_H

#include <plugboard/host.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PLUG_EXT_WORKPOOL "plug.host.workpool/1"

struct plug_workpool {
  uint32_t size, reserved;
  /* [home] PLUG_OK: work(arg) runs once on a thread of the pool, then done(arg) once at home, also
   * while the instance drains and stops. Jobs begin in the order of their submission; several of
   * one instance run at the same time. work may call what is tagged [any].
   * PLUG_EUNAVAIL: the queue is full, neither will run; answer the client that the server is busy.
   * PLUG_ENOMEM, PLUG_ESTATE (before start, after stop): likewise.
   * stop completes when the last done has run: a job that is left counts as a leak. */
  plug_status (*run)(const struct plug_host *, plug_fn work, plug_fn done, void *arg) PLUG_NOEXCEPT;
};

#ifdef __cplusplus
}
#endif
#endif
