/* Private copies of plugin files, for those that replace a file that is mapped already. Owns one
 * directory per process, which is removed with its files at exit. Starting thread only. */
#ifndef PLUGIN_IMAGE_COPY_H
#define PLUGIN_IMAGE_COPY_H

#include <plugboard/abi.h>

/* Copies the open file fd; base is for its name and for messages. The path of the copy, the
 * caller's to free, or NULL with *err filled. */
char *image_copy(const char *base, int fd, struct plug_err *err);

#endif
