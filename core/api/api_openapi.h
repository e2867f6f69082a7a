/* The description of the HTTP API, openapi.json, as it was when this was built. Constant data: any
 * thread. */
#ifndef API_API_OPENAPI_H
#define API_API_OPENAPI_H

#include <stddef.h>

extern const char api_openapi[];
extern const size_t api_openapi_len;

#endif
