/* Typed options: checks a section against a table of struct plug_option (plugboard/plugin.h) and
 * reads values from it. The server's own sections and those of plugins use the same tables, the
 * same rules and the same messages. Owns nothing. Single-threaded. */
#ifndef CONFIG_OPTION_H
#define CONFIG_OPTION_H

#include <stdbool.h>

#include <plugboard/plugin.h>

#include "base/buf.h"
#include "config/config.h"

/* Flags of the server's own options beside those of plugboard/plugin.h, which plugins may not use:
 * what a reload does with a changed value. Every option of the server has one of them. */
#define OPTION_LIVE  (UINT32_C(1) << 30) /* it is applied */
#define OPTION_FIXED (UINT32_C(1) << 31) /* the old one stays until the next start */

struct option_table {
  const struct plug_option *options;
  size_t n;
};

/* Checks the table itself (names, types, that defaults parse and lie in their range), for tables
 * that come from plugins. err->text names the option. own: it is the server's, whose options have
 * flags of their own. */
plug_status option_table_check(const struct option_table *table, bool own, struct plug_err *err);

/* Checks every entry of the section: known name (else "FILE:LINE: unknown key 'x' in [s]; did you
 * mean 'y'?"), type, range, required ones present. section may be NULL: nothing was written. name
 * is the section's name for messages about missing options. */
plug_status option_check(const struct option_table *table, const struct config_section *section,
                         const char *name, struct plug_err *err);

/* NULL: there is none of that name. */
const struct plug_option *option_find(const struct option_table *table, const char *key);
/* Whether a and b are written otherwise and yet mean the same: "64k" and "65536". */
bool option_same_value(const struct plug_option *option, struct plug_str a, struct plug_str b);

/* The value or its default. PLUG_EINVAL: no such option in the table, or neither value nor default.
 * To be called after option_check; out is borrowed from the config or the table. */
plug_status option_str(const struct option_table *table, const struct config_section *section,
                       const char *key, struct plug_str *out);
plug_status option_i64(const struct option_table *table, const struct config_section *section,
                       const char *key, int64_t *out);

/* Parses one value by type; used by the above and by tests. DURATION gives ms, BYTES bytes. */
plug_status option_parse_i64(uint32_t type, struct plug_str text, int64_t *out);

/* The nearest of n names to name, or NULL when none is near; for "did you mean". */
const char *option_nearest(const char *name, const char *(*name_at)(const void *ctx, size_t i),
                           const void *ctx, size_t n);

/* The table as a Markdown table (name, type, default, range, for the server's own what a reload
 * does, help) for the reference. */
void option_put_reference(struct buf *out, const struct option_table *table);

#endif
