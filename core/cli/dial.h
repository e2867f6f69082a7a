/* From the command line to a connection: the URL, who one is, TLS, addresses; and the wait for a
 * link, for an input and for signals. Owns what the link's terms point to. One thread. */
#ifndef CLI_DIAL_H
#define CLI_DIAL_H

#include "cli/command.h"
#include "cli/link.h"

struct dial {
  struct target target;
  struct link_terms terms;
  char *passcode, *token; /* read from files */
  struct addrinfo *addresses;
  int signal_fd; /* SIGINT and SIGTERM come here */
};

/* EXIT_DONE: the terms are complete. Else it has been said what is wrong. */
enum exit_code dial_init(struct dial *dial, const struct arguments *arguments);
/* Looks the name up (again); what it says goes to why. */
enum exit_code dial_resolve(struct dial *dial, char why[240]);
void dial_fini(struct dial *dial);

/* A secret's text from option, file (first line) or environment, in this order; *read is to be
 * freed when it is not NULL. False: it has been said what is wrong. */
bool dial_secret(const char *option, const char *file, const char *variable, char **read,
                 const char **out);

#define DIAL_LINKS_MAX 2

enum dial_news { DIAL_NOTHING, DIAL_INPUT = 1, DIAL_SIGNAL = 2 };

/* Waits until one of the links has something to do, input (a descriptor, or -1) can be read, a
 * signal has come, or until is reached (UINT64_MAX: no end). Returns which of the last two, a set;
 * links are for link_turn in any case. */
unsigned dial_wait(const struct dial *dial, struct link *const *links, size_t n, int input,
                   uint64_t until_us);

#endif
