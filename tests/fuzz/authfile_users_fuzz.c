/* The users' file: no content may break its reader, and who is in it can be found. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "file_users.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  char why[240] = "";
  unsigned line;
  struct file_users *users =
      file_users_parse((struct plug_str){(const char *)data, size}, why, &line);
  if (users == NULL) {
    if (why[0] == '\0')
      abort();
    return 0;
  }
  for (size_t i = 0; i < file_users_count(users); i++) {
    const struct file_user *user = file_users_at(users, i);
    if (file_users_find(users, (struct plug_str){user->name, strlen(user->name)}) != user ||
        user->line == 0 || user->name[0] == '\0')
      abort();
    if (user->subject != NULL &&
        file_users_find_subject(users, (struct plug_str){user->subject, strlen(user->subject)}) !=
            user)
      abort();
  }
  if (file_users_count(users) == 0)
    abort();
  file_users_unref(users);
  return 0;
}
