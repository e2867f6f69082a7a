/* A plugin's shared object: loaded, judged, its tables copied. Images stay mapped for the life of
 * the process; a registry by path, device and inode gives the same image for the same file. Owns
 * the copies. Starting thread only. */
#ifndef PLUGIN_IMAGE_H
#define PLUGIN_IMAGE_H

#include "plugin/image_judge.h"

/* name: an absolute path, or NAME for DIR/KIND-NAME.so ("memory", kind "broker"). The plugin must
 * be of that kind; with an absolute path kind may be "", which takes any. On failure err->text is
 * the one line of "BASENAME.so: ..." that an operator reads. */
struct plugin_image *image_load(const char *dir, const char *kind, const char *name,
                                struct plug_err *err);

#endif
