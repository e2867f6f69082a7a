/* SPDX-License-Identifier: MIT
 *
 * plugboard/plugin.h: the one symbol that a plugin exports.
 *
 * A plugin is a shared object with a single exported symbol, plug_plugin_entry, constant data that
 * is judged before any of the plugin's code runs. There is no global state: everything hangs off
 * the self pointer that create() gives, and several instances of one plugin live side by side.
 *
 *     LOADED -- create --> CREATED -- start --> RUNNING -- drain --> DRAINING -- stop --> STOPPED
 *                             |                                                             |
 *                             +------------------------- destroy <--------------------------+
 *
 * create  checks the configuration; no network, no threads. Limit 1 s.
 * start   connects, opens watches and timers, starts threads. Limit 10 s.
 * drain   no new work arrives any more; finish or fail what was taken. Limit 5 s.
 * stop    close sockets, free timers, join threads. Limit 5 s. Afterwards only log and msg_unref
 *         may be called. The server checks that no watch, timer, operation or message is left.
 * destroy frees memory. The image itself stays mapped.
 */
#ifndef PLUGBOARD_PLUGIN_H
#define PLUGBOARD_PLUGIN_H

#include <plugboard/auth.h>
#include <plugboard/broker.h>
#include <plugboard/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/* plug_option.type, and what cfg_str or cfg_i64 give for it */
#define PLUG_OPT_STRING   1
#define PLUG_OPT_INTEGER  2
#define PLUG_OPT_BOOL     3 /* on/off, true/false, yes/no, 1/0; cfg_i64 */
#define PLUG_OPT_DURATION 4 /* 250ms, 10s, 5m, 1h; cfg_i64 in milliseconds */
#define PLUG_OPT_BYTES    5 /* 512, 64k, 16m, 1g; cfg_i64 in bytes */
#define PLUG_OPT_PATH     6
#define PLUG_OPT_HOSTPORT 7  /* host:port, [v6]:port */
#define PLUG_OPT_LIST     8  /* comma-separated; cfg_str gives the whole text, blanks trimmed */
#define PLUG_OPT_SECRET   9  /* a string that never appears in a log or a dump */
#define PLUG_OPT_CHOICE   10 /* one of the words in range, "reject|queue"; cfg_str */

#define PLUG_OPT_REQUIRED 1u /* plug_option.flags */

/* All C strings, static for the life of the image. Passed in arrays: frozen. */
struct plug_option {
  const char *name; /* [a-z0-9-]+ */
  uint32_t type, flags;
  const char *def;   /* default as an operator would write it; NULL is none */
  const char *range; /* "1..64", "10ms..1h", "a|b|c", or NULL */
  const char *help;  /* one sentence for the reference */
};

struct plug_app; /* the application kind; its table comes with a later minor */

#define PLUG_ID_MAX 64 /* bytes of plug_plugin.id, which is [a-z0-9.-]+ */

struct plug_plugin {
  uint32_t magic; /* bytes 0..15: the same in every major, for ever */
  uint16_t abi_major, abi_minor;
  uint32_t size;
  uint32_t flags; /* 0 */

  const char *id, *version, *summary, *build; /* C strings; build may be NULL */
  const struct plug_option *options;
  size_t n_options;
  const struct plug_broker *broker; /* what this plugin is: at least one is set */
  const struct plug_auth *auth;
  const struct plug_app *app; /* NULL in this minor */

  /* [create] Sets *self or fills *err with one sentence; on failure nothing else is called. */
  plug_status (*create)(const struct plug_host *, void **self, struct plug_err *) PLUG_NOEXCEPT;
  plug_status (*start)(void *self, struct plug_op *) PLUG_NOEXCEPT; /* [home] optional */
  plug_status (*drain)(void *self, struct plug_op *) PLUG_NOEXCEPT; /* [home] optional */
  plug_status (*stop)(void *self, struct plug_op *) PLUG_NOEXCEPT;  /* [home] optional */
  void (*destroy)(void *self) PLUG_NOEXCEPT;                        /* [create] */
  /* [home] Optional: a request to finish op soon; it must still be completed. */
  void (*cancel)(void *self, struct plug_op *) PLUG_NOEXCEPT;
  /* [any] Optional: the plugin's half of an extension, or NULL. */
  const void *(*extension)(void *self, const char *id)PLUG_NOEXCEPT;
};

#define PLUG_PLUGIN_HEAD                                                            \
  .magic = PLUG_MAGIC, .abi_major = PLUG_ABI_MAJOR, .abi_minor = PLUG_TARGET_MINOR, \
  .size = (uint32_t)sizeof(struct plug_plugin)

#ifdef PLUG_STATIC_PLUGIN /* linked into a test or a fuzzer instead of loaded */
#define PLUG_PASTE_(a, b) a##b
#define PLUG_PASTE(a, b)  PLUG_PASTE_(a, b)
#define PLUG_ENTRY        PLUG_PASTE(plug_plugin_entry_, PLUG_STATIC_PLUGIN)
#else
#define PLUG_ENTRY plug_plugin_entry
#endif

#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
extern const struct plug_plugin PLUG_ENTRY;

#ifdef __cplusplus
}
#endif
#endif
