/* The auth plugins in the order in which they are asked; or all plugins of another kind. Owns their
 * instances from chain_create to chain_free. Read-only between chain_start and chain_stop, but for
 * its count of users: any thread. */
#ifndef ACCESS_CHAIN_H
#define ACCESS_CHAIN_H

#include "base/str.h"
#include "config/config.h"
#include "plugin/instance.h"

struct chain_settings {
  const char *kind;                           /* "auth"; set by whoever owns the chain */
  bool named;                                 /* there may be sections "[auth.jwt NAME]", too */
  const struct instance_extension *extension; /* for named ones, or NULL */
  const struct plug_str *plugins;             /* names or absolute paths; NUL-terminated, too */
  size_t n_plugins;
  const char *plugin_dir;
  const char *file; /* where they were chosen, for messages */
  int line;
  uint64_t timeout_ms; /* for all of them together */
  bool own_homes;      /* each instance has a thread of its own */
};

/* What all of them together say of the headers that carry credentials. */
struct chain_credentials {
  struct plug_str *headers;
  size_t n_headers;
  uint64_t max_bytes;
};

struct chain {
  struct plugin_instance **instances;
  bool *foreign; /* by instance: another chain starts, stops and frees it */
  size_t n;
  struct loop *loop;
  _Atomic int64_t n_users; /* of its instances, apart from operations and holds: logins */
  struct chain_credentials credentials;
};

/* Loads, checks and creates the instances; loop NULL: for --check. On failure err->text is complete
 * and chain_free is still due. */
plug_status chain_create(struct chain *chain, const struct chain_settings *settings,
                         const struct config *config, struct loop *loop, struct plug_err *err);
/* The same while former runs: its instances are used again, as foreign ones, but for those of which
 * renew says that they are to be made anew. name: as of their sections. */
plug_status chain_create_next(struct chain *chain, const struct chain_settings *settings,
                              const struct config *config, const struct chain *former,
                              bool (*renew)(void *ctx, const char *name), void *ctx,
                              struct plug_err *err);
/* What next has of it is next's own from now on, and foreign here. */
void chain_pass_on(struct chain *chain, struct chain *next);
plug_status chain_start(struct chain *chain, struct plug_err *err);
/* In two steps, between which grants that are on their way to workers come back: after chain_drain
 * no operation is open, after chain_stop nothing of the plugins runs. */
void chain_drain(struct chain *chain);
void chain_stop(struct chain *chain);
/* What was posted to its instances is done, or will not be: waits for each home that does not hang,
 * at most until deadline_ms. */
void chain_settle(struct chain *chain, uint64_t deadline_ms);
/* Nobody will call it any more, if nobody begins to. */
bool chain_is_idle(const struct chain *chain);
void chain_free(struct chain *chain);

/* "auth.jwt" for "jwt"; for a path, "KIND." and the file's name without kind and ending. */
void chain_section_name(const char *kind, const char *plugin, char *out, size_t size);

#endif
