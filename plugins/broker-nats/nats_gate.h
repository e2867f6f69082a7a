/* What stands between the library's threads and the server: they bring messages and errors whenever
 * they like, also after a connection was given up, and are let through only while the plugin runs.
 * A gate and the taps on it are counted; the last one to let go frees. Any thread. */
#ifndef NATS_GATE_H
#define NATS_GATE_H

#include <nats/nats.h>

#include "nats_env.h"

struct nats_gate;
/* One subject that is listened to, for one interest of the server. */
struct nats_tap;

/* prefix_len: bytes before the part of a subject that names a topic. wake is called when the
 * library has something to say about its connection: only while the gate is open. NULL: out of
 * memory. */
struct nats_gate *nats_gate_new(const struct nats_env *env, size_t prefix_len,
                                void (*wake)(void *arg), void *arg);
/* From the return of this call on nothing goes through any more. */
void nats_gate_close(struct nats_gate *gate);
/* Blocks until nobody but the caller has it, for some seconds at most: what the library still has
 * to say when it is torn down is neither said nor freed. Not on the library's threads. */
void nats_gate_settle(struct nats_gate *gate);
void nats_gate_release(struct nats_gate *gate); /* NULL is fine */

/* A tap that listens to a subject from now on. topic: only messages of exactly this one are let
 * through; ptr NULL: all. NULL with *status: the library refuses. */
struct nats_tap *nats_tap_open(struct nats_gate *gate, natsConnection *nc, const char *subject,
                               uint64_t interest, struct plug_str topic, natsStatus *status);
/* It may still bring what is on its way. */
void nats_tap_close(struct nats_tap *tap);

/* To be given to the options of a connection, with the gate, which is held for it. The last that a
 * connection says is that it is closed, which lets go of the gate; one that could not be made says
 * nothing. */
void nats_gate_hold(struct nats_gate *gate);
void nats_gate_on_error(natsConnection *nc, natsSubscription *sub, natsStatus status, void *gate);
void nats_gate_on_closed(natsConnection *nc, void *gate);

/* The library is used and left; the last who leaves tears it down. Not on its own threads. */
void nats_library_enter(void);
void nats_library_leave(void);

#endif
