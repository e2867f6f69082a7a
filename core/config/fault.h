/* Messages about the configuration: "FILE:LINE: what is wrong" in a struct plug_err, and values
 * quoted so that they cannot break the line they stand in. Owns nothing. Any thread. */
#ifndef CONFIG_FAULT_H
#define CONFIG_FAULT_H

#include <plugboard/abi.h>

/* Writes "FILE:LINE: " (or "FILE: " for line 0, nothing for a NULL file) and the message; a text
 * too long is cut at a character's border. Returns PLUG_EINVAL for the caller to pass on. */
plug_status fault_at(struct plug_err *err, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Where the last fault of this thread was; taken once. file NULL: nowhere, or it has been taken. */
struct fault_place {
  const char *file;
  int line;
};
struct fault_place fault_take_place(void);
/* The same, without taking it. */
struct fault_place fault_last_place(void);

/* The same for want of memory; returns PLUG_ENOMEM. */
plug_status fault_no_memory(struct plug_err *err);

/* text in single quotes, shortened if it is long, control characters as '?'. */
struct fault_quote {
  char text[80];
};
const char *fault_quote(struct fault_quote *quote, struct plug_str text);

#endif
