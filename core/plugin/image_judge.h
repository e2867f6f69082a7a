/* What is known of a plugin's shared object, and the judgement on what it says of itself. Owns
 * nothing. Any thread. */
#ifndef PLUGIN_IMAGE_JUDGE_H
#define PLUGIN_IMAGE_JUDGE_H

#include <plugboard/plugin.h>

#include "base/buf.h"
#include "base/list.h"

struct plugin_image {
  struct list link;
  char *path, *base;         /* of the file, and its last component for messages */
  char *copy;                /* what is mapped instead of path, or NULL (image.c) */
  uint64_t device, inode;    /* of path when it was loaded */
  int held;                  /* of a file whose copy is mapped: open, so that no later file has its
                                inode, and is taken for it; -1: that is mapped itself */
  struct plug_plugin entry;  /* our copy; zero-extended */
  struct plug_broker broker; /* our copy, valid if entry.broker != NULL; entry.broker points here */
  struct plug_auth auth;     /* likewise */
  struct plug_app app;       /* likewise */
  const struct lane_calls *lane; /* of a broker in a process of its own, or NULL */
};

/* Judges a descriptor: magic, major, minor, size, kinds, required members, id, option table. size
 * is how many bytes at entry may be read. Fills image->entry and its tables. No I/O, for fuzzing.
 */
plug_status image_judge(struct plugin_image *image, const void *entry, size_t size,
                        struct plug_err *err);

/* key=value lines for --plugin-info. */
void image_put_info(struct buf *out, const struct plugin_image *image);

#endif
