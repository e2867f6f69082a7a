#include "check.h"

/* In the order in which they run. */
extern const struct check_group check_group_descriptor, check_group_lifecycle, check_group_threads,
    check_group_operations, check_group_broker, check_group_backend, check_group_presence,
    check_group_auth, check_group_app, check_group_swap;

const struct check_group *const check_groups[] = {
    &check_group_descriptor,
    &check_group_lifecycle,
    &check_group_threads,
    &check_group_operations,
    &check_group_broker,
    &check_group_backend,
    &check_group_presence,
    &check_group_auth,
    &check_group_app,
    &check_group_swap,
    NULL,
};
