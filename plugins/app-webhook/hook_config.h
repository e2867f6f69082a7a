/* What the configuration says: the options of [app.webhook], and of each section [app.webhook NAME]
 * a hook, whose keys may replace them. Owns all of it. [create]; constant afterwards. */
#ifndef HOOK_CONFIG_H
#define HOOK_CONFIG_H

#include <plugboard/plugin.h>

#include "hook_env.h"
#include "hook_sign.h"
#include "hook_tls.h"

/* Numbers of a hook, in the order of hook_options, where their defaults stand. */
enum hook_number {
  HOOK_TIMEOUT,
  HOOK_CONCURRENCY,
  HOOK_QUEUE,
  HOOK_QUEUE_SIZE,
  HOOK_ORDER,
  HOOK_RETRY,
  HOOK_RETRIES,
  HOOK_RETRY_DELAY,
  HOOK_BREAKER_FAILURES,
  HOOK_BREAKER_PAUSE,
  HOOK_MAX_ANSWER,
  HOOK_MAX_MESSAGES,
  HOOK_KEEP_ALIVE,
  HOOK_N_NUMBERS
};
enum { HOOK_N_OPTIONS = HOOK_N_NUMBERS + 5 };
extern const struct plug_option hook_options[HOOK_N_OPTIONS];

/* Places of the choices of HOOK_ORDER and HOOK_RETRY. */
enum hook_order { HOOK_ORDER_SESSION, HOOK_ORDER_DESTINATION, HOOK_ORDER_NONE };
enum hook_retry { HOOK_RETRY_EVENTS, HOOK_RETRY_ALL, HOOK_RETRY_NONE };

/* Bits of hook_config.events: 1u << PLUG_APP_SUBSCRIBED, ... */
#define HOOK_EVENT(kind) (1u << (kind))

struct hook_config {
  char *name, *url;
  struct hook_key key;        /* bytes NULL: requests are not signed */
  const struct hook_tls *tls; /* of the configs; NULL: http, without TLS */
  uint32_t events;            /* which are told */
  uint64_t n[HOOK_N_NUMBERS];
};

struct hook_configs {
  struct hook_config *hooks;
  size_t n;
  struct hook_tls *tls;      /* by file */
  struct plug_claim *claims; /* of all hooks */
  struct plug_str *watches;
  size_t *claim_hooks, *watch_hooks; /* whose each is */
  size_t n_claims, n_watches;
};

/* On a failure the line that it is about is blamed. configs is to be ended with hook_configs_fini
 * whatever comes out. */
plug_status hook_configs_read(struct hook_configs *configs, const struct hook_env *env,
                              struct plug_err *err);
void hook_configs_fini(struct hook_configs *configs);

#endif
