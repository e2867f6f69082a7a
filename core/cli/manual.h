/* What the tables of command.h say, for people: --help, the manual page, and the completions of
 * bash and zsh. Owns nothing. One thread. */
#ifndef CLI_MANUAL_H
#define CLI_MANUAL_H

#include <stdio.h>

#include "cli/command.h"

/* All print to standard output, and return an exit code. */
int manual_print_help(const struct command *command);
int manual_print_overview(FILE *stream);
int manual_print_completion(const char *shell); /* bash or zsh */
int manual_print_page(void);                    /* plugctl.1 */

#endif
