/* Reading the configuration again while the server runs: checked whole as --check does, compared
 * with what holds, and applied as far as it can be (config/changes.h). What is wrong changes
 * nothing. Owns what it has read, from the first reload on, until no worker uses it any more. Main
 * thread.
 *
 *   read --> check --> merge with what stays --> make what may fail --> switch --> wait --> free
 *   `------------- faults: all is as it was -----------------------'
 */
#ifndef OPS_RELOAD_H
#define OPS_RELOAD_H

#include "config/changes.h"
#include "config/load.h"
#include "message/message_rules.h"
#include "net/generation.h"
#include "net/worker.h"
#include "ops/sources.h"

/* What else is made of the settings, outside of the workers. Called in the order of the list. */
struct reload_part {
  /* All that may fail, for settings that are about to hold. Otherwise err->text is
   * "FILE:LINE: ..." or a sentence, and the reload is off. */
  plug_status (*prepare)(void *ctx, const struct settings *settings, struct plug_err *err);
  /* What was prepared holds from here on; what is worth telling is added to changes. */
  void (*commit)(void *ctx, struct config_changes *changes);
  void (*cancel)(void *ctx); /* it was prepared, and is off */
  void *ctx;
};

struct reload_set;

struct reload {
  /* Set by the owner, which keeps what they point to until reload_fini. */
  const struct config_source *source; /* NULL: the server was given its configuration otherwise */
  struct worker *workers;
  unsigned n_workers;
  struct addresses *addresses;
  struct sockjs_registry *sockjs;
  struct api_service *api;
  struct loop *loop;                          /* where plugins are at home */
  const struct instance_extension *extension; /* for app plugins, or NULL */
  const struct reload_part *parts;
  size_t n_parts;
  bool tls;                    /* certificates are in use */
  struct ops_sources *sources; /* are told of other plugins before any worker is */
  /* Finds what --check finds beyond the settings, and complains of it. */
  void (*check)(struct config *config, const struct settings *settings,
                struct config_complaints *complaints);

  /* What holds; at first the owner's, which keeps all but access and app for ever. */
  struct generation now;

  bool broker; /* the last one has changed what the broker is to be */

  struct reload_set *set; /* what now is made of; NULL: it is the owner's */
};

/* Reads and applies. PLUG_OK: *answer is the JSON object {"applied":["[section] key",...],
 * "kept":[{"key","why"}]}. PLUG_EINVAL: {"code","message","faults":["FILE:LINE: ...",...]}.
 * Otherwise a sentence. All of it was logged. *answer ends with a NUL. */
plug_status reload_run(struct reload *reload, struct buf *answer);
/* Of a key in such an answer: where reload->broker is set it holds when the broker has been
 * swapped. */
bool reload_is_brokers(const char *key);
/* Another auth plugin in the place of one that runs, or one, or an application, made anew. */
struct reload_order {
  const char *kind;   /* "auth", "app" */
  const char *plugin; /* a name, "jwt" for [auth.jwt] */
  const char *former; /* whose place it takes; "": its own, or that of the only one */
};
/* The section is read again, and nothing else of the file; the new instance is made and started
 * beside the old one, and takes over as after a reload. PLUG_OK: {"kind","from","to","took_ms"}.
 * PLUG_EINVAL (what was asked for), PLUG_ESTATE (it does not start): {"code","message"}, perhaps
 * "faults", and all is as it was. All of it was logged. */
plug_status reload_plugin(struct reload *reload, const struct reload_order *order,
                          struct buf *answer);
/* Does what is left of former reloads. True: there is more, to be looked at again in a second. */
bool reload_tend(struct reload *reload);
/* After the workers have been taken apart. The access and the app that hold now are the owner's. */
void reload_fini(struct reload *reload);

/* The message limits and the levels of the log, by which all threads go. */
void reload_set_process(const struct settings *settings);
/* Of messages that plugins make. */
struct message_limits reload_message_limits(const struct settings *settings);

#endif
