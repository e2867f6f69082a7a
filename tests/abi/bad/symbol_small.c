/* expect: symbol-small.so: descriptor is 8 bytes, at least 144 needed for ABI 0.4; the plugin was miscompiled */
#include <stdint.h>

/* Without the public header: its declaration would not allow this. */
extern const uint64_t plug_plugin_entry;
__attribute__((visibility("default"))) const uint64_t plug_plugin_entry = 0x31424C50u;
