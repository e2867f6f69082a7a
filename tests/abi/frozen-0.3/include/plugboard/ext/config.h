/* SPDX-License-Identifier: MIT
 *
 * plugboard/ext/config.h: extension "plug.host.config/1", what an operator has named by himself.
 *
 * Beside the section of an instance, "[app.route]", there may be any number of "[app.route NAME]",
 * whose keys the server does not know: the plugin reads and judges them. For app plugins.
 */
#ifndef PLUGBOARD_EXT_CONFIG_H
#define PLUGBOARD_EXT_CONFIG_H

#include <plugboard/host.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PLUG_EXT_CONFIG "plug.host.config/1"

struct plug_config { /* all strings are borrowed until create returns */
  uint32_t size, reserved;
  /* [create] The NAME of the section of that number, in the order of the file; PLUG_EINVAL: there
   * are not so many. A plugin that never asks for number 0 has no such sections. */
  plug_status (*section)(const struct plug_host *, size_t section,
                         struct plug_str *name) PLUG_NOEXCEPT;
  /* [create] Its key of that number; PLUG_EINVAL likewise. */
  plug_status (*entry)(const struct plug_host *, size_t section, size_t entry,
                       struct plug_kv *out) PLUG_NOEXCEPT;
  /* [create] The failure of create that follows is about this line: its file and number stand
   * before the plugin's sentence. entry SIZE_MAX: about the section. */
  void (*blame)(const struct plug_host *, size_t section, size_t entry) PLUG_NOEXCEPT;
};

#ifdef __cplusplus
}
#endif
#endif
