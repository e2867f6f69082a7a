/* Prints a MESSAGE to standard output. Owns nothing. One thread. */
#ifndef CLI_SHOW_MESSAGE_H
#define CLI_SHOW_MESSAGE_H

#include <stdbool.h>

#include "stomp/stomp.h"

/* As a line of JSON, or as its body, with its headers above when verbose. False: it cannot be
 * written, and errno says why. */
bool show_message(const struct stomp_frame *frame, bool json, bool verbose);

#endif
