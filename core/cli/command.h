/* The commands of plugctl as tables: options, operands, help, examples. What parses the command
 * line, --help, the shell completions and the manual page are all made from them. Owns nothing.
 * One thread. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/text_list.h"

/* What the command line says; which fields mean something is the command's. Texts are those of
 * argv and of the environment. */
struct arguments {
  /* where to, and as whom */
  const char *url, *host, *login, *passcode, *passcode_file, *token, *token_file;
  const char *cafile, *cert, *key;
  bool insecure;
  struct text_list connect_headers, http_headers;
  int64_t connect_timeout_ms, heartbeat_ms;
  /* the admin listener */
  const char *admin, *admin_token, *admin_token_file;
  /* pub and sub */
  struct text_list headers;
  const char *file, *content_type, *ack;
  bool lines, no_receipt, verbose, reconnect;
  int64_t count, timeout_ms, for_ms;
  /* bench */
  int64_t publishers, subscribers, topics, rate, size, duration_ms, warmup_ms, in_flight;
  /* token */
  const char *secret, *secret_file, *alg, *kid, *subject, *issuer;
  struct text_list claims, roles, audiences;
  int64_t expires_ms;
  /* admin commands */
  const char *search, *user, *message, *after;
  int64_t limit, overlap_ms;
  const char *former; /* the plugin whose place is taken */
  /* all */
  bool json;
  const char *const *operands;
  size_t n_operands;
};

enum option_kind {
  OPTION_FLAG,
  OPTION_TEXT,
  OPTION_LIST,     /* may be repeated */
  OPTION_NUMBER,   /* min to max */
  OPTION_DURATION, /* 500ms, 5s, 2m: in ms */
  OPTION_BYTES,    /* 512, 1K, 4M */
};

struct option_spec {
  const char *name;
  char letter;       /* 0: none */
  const char *value; /* what stands for the value in the help; FILE is completed as one */
  enum option_kind kind;
  size_t at;               /* in struct arguments */
  int64_t min, max, usual; /* of numbers; usual is the value without the option */
  const char *words;       /* the values there are, with blanks between; NULL: any */
  const char *help;
};

struct option_group {
  const char *title;
  const struct option_spec *options;
  size_t n;
};

enum { COMMAND_GROUPS_MAX = 3 };

struct command {
  const char *name, *operands, *summary;
  const char *text;     /* paragraphs, an empty line between them */
  const char *examples; /* line by line */
  size_t min_operands, max_operands;
  const struct option_group *groups[COMMAND_GROUPS_MAX];
  int (*run)(const struct arguments *arguments); /* returns an enum exit_code */
};

extern const struct command *const commands[];
extern const size_t n_commands;

const struct command *command_find(const char *name);

/* Groups that several commands have. */
extern const struct option_group options_connection, options_admin;

/* Runs the command line: the exit code. */
int command_line(int argc, char **argv);

#define AT(field) offsetof(struct arguments, field)

#endif
