/* An engine from within: what its files share, life and upcalls (engine.c) and publishing
 * (engine_publish.c). Private to these. */
#ifndef BROKER_ENGINE_INNER_H
#define BROKER_ENGINE_INNER_H

#include "base/mpsc.h"
#include "broker/both.h"
#include "broker/down_queue.h"
#include "broker/engine.h"
#include "broker/followed.h"
#include "broker/gate.h"
#include "broker/interest_group.h"
#include "broker/lane.h"
#include "broker/order.h"

struct engine {
  struct broker_settings settings;
  struct engine_place place;
  struct plugin_instance *instance;
  struct interest_table *interests;
  const struct plug_broker *plugin;
  uint32_t caps;
  _Atomic int up; /* as the plugin last reported */
  _Atomic int ready;
  struct gate *_Atomic gate; /* what it brings passes it; NULL: there is none */
  struct loop_task publish_task;
  struct mpsc publishes;
  struct order *order; /* without PLUG_CAP_ECHO */
  struct lane *lane;   /* instead of publishes; NULL: there is none */
  /* Not taken by the backend, but for the down_queue; or taken, and not their turn yet. */
  _Alignas(64) _Atomic int64_t n_publishes;
  _Atomic int64_t publish_bytes; /* of these */
  /* control thread */
  struct interest_sync sync;
  struct loop_hook hook;
  struct down_queue down_queue; /* struct publish.waiting */
  int64_t n_over, bytes_over;   /* of the lane, in this turn: still among the above */
  bool was_lost;                /* since it was last ready */
  struct health health;
  bool running;
  struct engine *twin; /* the other one, while messages are given to both; NULL: none */
  struct proof proof;
  struct followed followed; /* with PLUG_CAP_ECHO and not PLUG_CAP_DIRECT */
};

/* [home] Up, restored: ready or not. */
void engine_update_ready(struct engine *engine);
/* [home] What workers have published since the last time is given to the plugin. */
void engine_run_publishes(struct loop_task *task);
/* [home] At the end of a turn: what was answered in it counts no longer. */
void engine_count_over(struct engine *engine);
/* [any] Delivers a message that the backend has taken and does not echo. */
plug_status engine_let_in(void *ctx, const struct plug_msg *msg);
/* [start] The part of engine_create that is about publishing. False: out of memory. */
bool engine_publish_init(struct engine *engine, const struct lane_calls *lane);

#endif
