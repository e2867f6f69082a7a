#include "check.h"

/* In the order in which they run. */
extern const struct check_group check_group_descriptor, check_group_lifecycle;
extern const struct check_group check_group_broker, check_group_backend, check_group_presence, check_group_auth;

const struct check_group *const check_groups[] = {
    &check_group_descriptor,
    &check_group_lifecycle,
    &check_group_broker,
    &check_group_backend,
    &check_group_presence,
    &check_group_auth,
    NULL,
};
