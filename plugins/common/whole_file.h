/* Small files that are read as a whole and watched for changes by looking at them now and then,
 * which also works where they are replaced through symbolic links or lie on a network. Blocks on
 * the disk; no state, any thread. */
#ifndef WHOLE_FILE_H
#define WHOLE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is known of a file without reading it; differs once the file is written or replaced. All 0
 * when there is none. */
struct whole_file_stamp {
  uint64_t inode, size, mtime_s, mtime_ns, ctime_ns;
};

void whole_file_look(const char *path, struct whole_file_stamp *stamp);

/* The content, len bytes and a NUL behind, which the caller frees; NULL with a sentence in why when
 * it is no regular file, longer than max, or cannot be read. others_read, if not NULL, is set when
 * everybody on the machine may read it. */
char *whole_file_read(const char *path, size_t max, size_t *len, bool *others_read, char why[240]);

#endif
