/* Which mount answers which path at which door. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "net/mount.h"

static const char *found(const struct mounts *mounts, enum door_kind door, const char *path)
{
  const struct mount *mount = mounts_find(mounts, door, str_of(path));
  return mount ? mount->path : "none";
}

static void the_longest_that_covers_the_path_answers(void **state)
{
  (void)state;
  struct mounts mounts = {0};
  const struct mount items[] = {
      {.path = "/admin", .below = true, .doors = MOUNT_AT(DOOR_ADMIN)},
      {.path = "/admin/api", .below = true, .doors = MOUNT_AT(DOOR_ADMIN)},
      {.path = "/live", .doors = MOUNT_ANYWHERE},
      {.path = "/metrics", .doors = MOUNT_AT(DOOR_ADMIN) | MOUNT_AT(DOOR_METRICS)},
  };
  for (size_t i = 0; i < sizeof items / sizeof *items; i++)
    assert_true(mounts_add(&mounts, &items[i]));
  assert_string_equal(found(&mounts, DOOR_ADMIN, "/admin"), "/admin");
  assert_string_equal(found(&mounts, DOOR_ADMIN, "/admin/app.js"), "/admin");
  assert_string_equal(found(&mounts, DOOR_ADMIN, "/admin/api"), "/admin/api");
  assert_string_equal(found(&mounts, DOOR_ADMIN, "/admin/api/status"), "/admin/api");
  assert_string_equal(found(&mounts, DOOR_ADMIN, "/admin/apis"), "/admin");
  assert_string_equal(found(&mounts, DOOR_ADMIN, "/administration"), "none");
  assert_string_equal(found(&mounts, DOOR_CLIENTS, "/admin/api"), "none");
  assert_string_equal(found(&mounts, DOOR_API, "/metrics"), "none");
  assert_string_equal(found(&mounts, DOOR_METRICS, "/metrics"), "/metrics");
  assert_string_equal(found(&mounts, DOOR_METRICS, "/metrics/"), "/metrics");
  assert_string_equal(found(&mounts, DOOR_METRICS, "/metrics/x"), "none");
  for (int door = 0; door < DOOR_KINDS; door++)
    assert_string_equal(found(&mounts, (enum door_kind)door, "/live"), "/live");
  assert_string_equal(found(NULL, DOOR_ADMIN, "/live"), "none");
  mounts_fini(&mounts);
  assert_string_equal(found(&mounts, DOOR_ADMIN, "/live"), "none");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_longest_that_covers_the_path_answers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
