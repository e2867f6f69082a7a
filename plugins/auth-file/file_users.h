/* The users of a file: names, password hashes and roles. Immutable once parsed and shared by
 * reference count. Parsed from text without I/O; any thread.
 *
 *   # comment
 *   alice:$y$j9T$...:ADMIN, USER
 *   relay:$2b$10$...
 *   meter-7:certificate CN=meter-7,O=Example:METER
 */
#ifndef FILE_USERS_H
#define FILE_USERS_H

#include <plugboard/abi.h>
#include <stdbool.h>
#include <stdint.h>

enum {
  FILE_MAX_BYTES = 16 << 20,
  FILE_MAX_USERS = 200000,
  FILE_MAX_NAME = 255,
  FILE_MAX_ROLES = 64,     /* of one user */
  FILE_MAX_PASSWORD = 511, /* bytes, what crypt(3) takes */
};

struct file_user {
  const char *name;    /* C strings */
  const char *hash;    /* "certificate SUBJECT" for who comes by that */
  const char *subject; /* of the certificate, in hash; NULL: there is a password */
  const struct plug_str *roles;
  size_t n_roles;
  unsigned line;
};

struct file_users;

/* On failure why names the line; it never holds what might be a password. */
struct file_users *file_users_parse(struct plug_str text, char why[240], unsigned *line);
struct file_users *file_users_ref(struct file_users *users);
void file_users_unref(struct file_users *users); /* NULL is allowed */

size_t file_users_count(const struct file_users *users);
const struct file_user *file_users_at(const struct file_users *users, size_t i); /* by name */
/* NULL: no such user. */
const struct file_user *file_users_find(const struct file_users *users, struct plug_str name);

/* Whose certificate has this subject; NULL: nobody's. */
const struct file_user *file_users_find_subject(const struct file_users *users,
                                                struct plug_str subject);

/* Is this the user's password? Takes as long as the hash demands. For somebody who does not exist
 * (user NULL) the hash of another is computed, the same one for the same name and seed, so that
 * neither the answer nor the time tells which names there are. False too when out of memory. */
bool file_users_check(const struct file_users *users, const struct file_user *user,
                      struct plug_str name, struct plug_str password, uint64_t seed);

#endif
