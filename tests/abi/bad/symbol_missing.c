/* expect: symbol-missing.so: not a plugin for this server: symbol 'plug_plugin_entry' is missing */
#include "parts.h"

__attribute__((visibility("default"))) const int something_else = 1;
