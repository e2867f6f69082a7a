/* Group L: create, start, drain, stop, destroy, in all the orders that happen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_host.h"

/* ---- L1 ---- */

static void create_and_destroy(struct check_run *run)
{
  size_t threads = check_count_threads(), fds = 0;
  for (int i = 0; i < 3; i++) {
    struct check_host *host = check_create(run, NULL);
    CHECK(run, check_count_threads() == threads, "create starts a thread");
    check_destroy(host);
    check_no_breach(host, CHECK_BREACH(MOCK_LEFT) | CHECK_BREACH(MOCK_THREAD),
                    "created and destroyed");
    check_free(host);
    CHECK(run, i == 0 || check_count_fds() <= fds,
          "destroy without start leaves %zu open descriptors, after %zu before", check_count_fds(),
          fds);
    fds = check_count_fds();
  }
}

/* ---- L8 ---- */

static void audit_is_clean(struct check_run *run)
{
  struct check_host *host = check_start(run, NULL);
  check_exercise(host);
  check_drain(host);
  plug_status status = check_stop(host);
  CHECK(run, status == PLUG_OK, "stop ends with %d", status);
  check_no_breach(host, CHECK_BREACH(MOCK_LEFT), "started, used and stopped");
  check_destroy(host);
  check_no_breach(host, CHECK_BREACH(MOCK_LEFT), "started, used, stopped and destroyed");
}

static const struct check checks[] = {
    {"L1", "create and destroy, without start",
     "An instance that is created and destroyed again, as the server's --check does. create checks "
     "the configuration and allocates: it starts no thread, uses no watch and no timer; destroy "
     "gives back all of it, also of an instance that has never been started.",
     0, create_and_destroy},
    {"L8", "nothing is left after stop",
     "After an instance has been started, used and stopped, the host counts what it still has: "
     "timers, watches, open operations, jobs of the work pool, and messages after destroy. stop "
     "gives back what start and the time since have taken.",
     0, audit_is_clean},
};

const struct check_group check_group_lifecycle =
    CHECK_GROUP("L", "create, start, drain, stop, destroy", checks);
