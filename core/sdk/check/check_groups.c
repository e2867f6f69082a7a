#include "check.h"

/* In the order in which they run. */
extern const struct check_group check_group_descriptor, check_group_lifecycle, check_group_threads,
    check_group_operations;

const struct check_group *const check_groups[] = {
    &check_group_descriptor,
    &check_group_lifecycle,
    &check_group_threads,
    &check_group_operations,
    NULL,
};
