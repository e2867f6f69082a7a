/* What the checks of plugboard-check are written with. A check runs in a process of its own, which
 * it may crash or hang: it returns when all is well, or ends by check_fail or check_not, which do
 * not return. Its instances live in the mock host of the SDK with the kit's bookkeeping
 * (check_host.h). All functions: the one thread of the check, which is the home of its instances.
 *
 * A group is an array of checks in a file of its own, named in check_groups.c. */
#ifndef SDK_CHECK_H
#define SDK_CHECK_H

#include <stdbool.h>

#include <plugboard/plugin.h>

#include "config/config.h"
#include "plugin/image.h"

struct check_run;

struct check {
  const char *id;        /* "L4": the group and a number */
  const char *title;     /* for --list, and while it is looked up what an id means */
  const char *paragraph; /* what it does and what to do about it: --explain, plugboard-check(1) */
  unsigned limit_s;      /* killed after that; 0: CHECK_LIMIT_S */
  void (*run)(struct check_run *run);
};

#define CHECK_LIMIT_S 30

struct check_group {
  const char *letter, *title;
  const struct check *checks;
  size_t n;
  bool plain; /* see CHECK_GROUP_PLAIN */
};

/* PLAIN: what its instances are lent stays readable (check_host.h), so that a pointer kept too long
 * is found by the checks that are about it. */
#define CHECK_GROUP_PLAIN(its_letter, its_title, its_checks) \
  {its_letter, its_title, its_checks, sizeof(its_checks) / sizeof(its_checks)[0], true}
#define CHECK_GROUP(its_letter, its_title, its_checks) \
  {its_letter, its_title, its_checks, sizeof(its_checks) / sizeof(its_checks)[0], false}

/* NULL at the end. */
extern const struct check_group *const check_groups[];

/* What the command line says. */
struct check_order {
  const char *file;      /* absolute */
  const char *section;   /* "broker.redis": the instance's name */
  struct config *config; /* NULL: none was given */
  unsigned limit_s;      /* for every check; 0: its own */
  bool plain;            /* of the group that runs */
};

/* ---- The end of a check ---- */
_Noreturn void check_fail(struct check_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* It does not apply: why. */
_Noreturn void check_not(struct check_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* What stands behind "ok", should it come to that. */
void check_say(struct check_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Unless it is so, the check has failed for the reason that follows. */
#define CHECK(run, so, ...)         \
  do {                              \
    if (!(so))                      \
      check_fail(run, __VA_ARGS__); \
  } while (0)

/* ---- What it is about ---- */
const struct check_order *check_order(const struct check_run *run);
/* Loaded by the rules of the server, in this process, when first asked for; a file that the server
 * refuses fails the check. */
struct plugin_image *check_image(struct check_run *run);
const struct plug_plugin *check_plugin(struct check_run *run);
/* The tables, or the check does not apply. */
const struct plug_broker *check_broker(struct check_run *run);
const struct plug_auth *check_auth(struct check_run *run);
const struct plug_app *check_app(struct check_run *run);

/* What a crash would be told to have happened in; a static text. */
void check_in(const char *what);

#endif
