/* Where a claim is: names that lead from the claims downwards. A dot separates names; a name
 * between double quotes is taken as it is, and so is a whole path with "://" in it:
 *
 *   realm_access.roles      resource_access."chat.example".roles      cognito:groups
 *   https://chat.example/roles
 *
 * Owns its names. Constant once parsed. Any thread. */
#ifndef JWT_PATH_H
#define JWT_PATH_H

#include <jansson.h>
#include <plugboard/abi.h>
#include <stdbool.h>

enum { JWT_PATH_MAX_NAMES = 8 };

struct jwt_path {
  char *text; /* as it was written, without quotes when they are around all of it */
  size_t n;
  char *names[JWT_PATH_MAX_NAMES]; /* C strings */
};

/* On failure why is a sentence. */
bool jwt_path_parse(struct jwt_path *path, struct plug_str text, char why[160]);
void jwt_path_fini(struct jwt_path *path);

/* Borrowed; NULL when there is none, or when it is null. */
json_t *jwt_path_find(const struct jwt_path *path, json_t *claims);

/* Paths separated by commas. */
struct jwt_paths {
  size_t n;
  struct jwt_path *v;
};
bool jwt_paths_parse(struct jwt_paths *paths, struct plug_str list, char why[160]);
void jwt_paths_fini(struct jwt_paths *paths);

#endif
