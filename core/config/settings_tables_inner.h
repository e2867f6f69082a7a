/* What the files with option tables share: settings_tables.c, and settings_tables_limits.c with the
 * longest of the tables. Private to these. Constant data: any thread. */
#ifndef CONFIG_SETTINGS_TABLES_INNER_H
#define CONFIG_SETTINGS_TABLES_INNER_H

#include "config/settings_tables.h"

/* Every option says whether a reload applies it. */
#define LIVE  OPTION_LIVE
#define FIXED OPTION_FIXED

/* The list of sections is made by the compiler, which has to know how long a table of another file
 * is. With one more there it complains, and with one less settings_test does. */
#define SETTINGS_N_LIMITS 29
extern const struct plug_option settings_limits_options[SETTINGS_N_LIMITS];

#endif
