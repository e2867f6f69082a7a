/* HTTP requests that a plugin makes by libcurl: what holds for each of them, whoever makes it, and
 * whether a URL is one that may be asked. Owns nothing. Any thread. */
#ifndef OUTBOUND_H
#define OUTBOUND_H

#include <curl/curl.h>
#include <stdint.h>

enum outbound_url {
  OUTBOUND_HTTPS,
  OUTBOUND_LOCAL, /* plain HTTP to this machine: nobody is on the way */
  OUTBOUND_PLAIN, /* plain HTTP to another one */
  OUTBOUND_NO_URL,
  OUTBOUND_OTHER_SCHEME,
  OUTBOUND_HAS_USER /* a name or a password before the host */
};
enum outbound_url outbound_judge_url(const char *url);

/* http and https only, no redirects, no signals, a resolver that hangs is not waited for; TLS is
 * verified, as it is libcurl's default. error is borrowed for as long as the handle lives. */
void outbound_set_basics(CURL *curl, const char *url, const char *user_agent, uint64_t timeout_ms,
                         char error[CURL_ERROR_SIZE]);

#endif
