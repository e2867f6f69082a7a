/* Keys in files: JWK sets, PEM files, secrets. Reads them into a key set and tells when they have
 * changed. Blocks on the disk: create, or a thread of the pool. Owns nothing; the list of files is
 * the configuration's. */
#ifndef JWT_FILES_H
#define JWT_FILES_H

#include <stdint.h>

#include "jwt_keyset.h"
#include "jwt_policy.h"
#include "whole_file.h"

enum { JWT_MAX_FILES = 16, JWT_MAX_FILE = 512 << 10, JWT_FILE_WHY = 400 };

struct jwt_files {
  char *jwks;                     /* or NULL */
  struct jwt_texts pems, secrets; /* paths */
  bool base64;                    /* of the secrets */
  size_t min_secret;              /* bytes; shorter ones are refused */
};

size_t jwt_files_count(const struct jwt_files *files);

struct jwt_files_stamp {
  struct whole_file_stamp v[JWT_MAX_FILES];
};
void jwt_files_stamp(const struct jwt_files *files, struct jwt_files_stamp *stamp);

/* Adds the keys of all files. On failure why begins with the file's name. shortest: of the secrets,
 * in bytes; left alone when there are none. */
bool jwt_files_read(const struct jwt_files *files, struct jwt_keyset *set, size_t *shortest,
                    char why[JWT_FILE_WHY]);

/* Decodes a secret as it is written in a file or an option. shortest: of those seen so far. */
bool jwt_secret_take(struct jwt_keyset *set, struct plug_str text, bool base64, size_t *shortest,
                     char why[240]);
#endif
