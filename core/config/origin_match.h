/* Whether a request may come from where its Origin header says: matches it against the patterns of
 * an endpoint, whose spelling origin.h has checked. Owns nothing, keeps no state. Any thread.
 *
 *   https://app.example.com            exactly this origin
 *   https://app-*.example.com          '*' is any run of characters
 *   https://app-*.example.com:[*]      with any port or none
 *   https://example.com:[8080,8081]    with one of these ports
 *   file://                            pages of files; "app://" and a star: those of an app
 *   *                                  every origin, also "null" (sandboxed pages, file://)
 *
 * A star matches any characters but / ? # \ and @, and none across "://". ws and wss are http and
 * https.
 *
 * Letters match in either case, a slash at the end of the pattern or the origin is ignored, and a
 * port in a pattern that is the scheme's default also matches an origin without a port, which is
 * how browsers write it. */
#ifndef CONFIG_ORIGIN_MATCH_H
#define CONFIG_ORIGIN_MATCH_H

#include <stdbool.h>

#include <plugboard/abi.h>

struct origin_request {
  struct plug_str origin; /* the Origin header; empty: the request has none */
  struct plug_str scheme; /* "http" or "https", as the client sees it */
  struct plug_str host;   /* the Host header */
};

/* True without an Origin header, for the request's own origin (default ports resolved), and for an
 * origin that one of the patterns matches. */
bool origin_allowed(const struct plug_str *patterns, size_t n,
                    const struct origin_request *request);

/* Does the server answer to this host[:port]? If one of the patterns ('*' as above) is it, and
 * always to an address or localhost: a name of somebody else's cannot be one of these. */
bool origin_host_allowed(const struct plug_str *patterns, size_t n, struct plug_str host);

#endif
