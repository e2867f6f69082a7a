/* ${ENV} in values: ${NAME} is the environment variable, ${NAME:-default} gives the default when
 * the variable is unset or empty, $$ is a plain '$'. What comes out is not expanded again. Owns
 * nothing. Start-up only: reads the environment. */
#ifndef CONFIG_EXPAND_H
#define CONFIG_EXPAND_H

#include "base/buf.h"

/* Appends the expanded text to *out. On failure err->text names file, line and variable, never the
 * value: it may be a secret. Running out of memory shows as out->failed. */
plug_status expand_value(struct plug_str text, const char *file, int line, struct buf *out,
                         struct plug_err *err);

#endif
