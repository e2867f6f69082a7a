/* What bindgen translates: add the extensions that you use. */
#include <plugboard/ext/metrics.h>
#include <plugboard/plugin.h>
