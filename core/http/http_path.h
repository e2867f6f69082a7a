/* The path of a request as it is compared with what the server has: escapes are decoded, "." and
 * ".." resolved (RFC 3986 5.2.4), several slashes are one. Owns nothing. Any thread. */
#ifndef HTTP_HTTP_PATH_H
#define HTTP_HTTP_PATH_H

#include <plugboard/abi.h>

/* raw: http_head.path, which starts with a slash and whose escapes are whole. Writes at most
 * raw.len bytes to out and returns the path there. It may hold any byte, NUL included. */
struct plug_str http_path_normalise(struct plug_str raw, char *out);

#endif
