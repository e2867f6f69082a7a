/* The image of a broker plugin, in this process or, with [broker] isolate, in one of its own. Owns
 * nothing. Starting thread. */
#ifndef OPS_BROKER_IMAGE_H
#define OPS_BROKER_IMAGE_H

#include "config/settings.h"
#include "plugin/image.h"

/* plugin: as in [broker] plugin. NULL: err->text says why. */
struct plugin_image *broker_image_load(const struct settings *settings, const char *plugin,
                                       struct plug_err *err);

#endif
