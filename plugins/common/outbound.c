#include "outbound.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

static bool is_this_machine(const char *host)
{
  struct in_addr v4;
  return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
         (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}

enum outbound_url outbound_judge_url(const char *url)
{
  char *scheme = NULL, *host = NULL, *user = NULL;
  enum outbound_url verdict;
  CURLU *parsed = curl_url();
  if (parsed == NULL || curl_url_set(parsed, CURLUPART_URL, url, 0) != CURLUE_OK ||
      curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
      curl_url_get(parsed, CURLUPART_HOST, &host, 0) != CURLUE_OK)
    verdict = OUTBOUND_NO_URL;
  else if (curl_url_get(parsed, CURLUPART_USER, &user, 0) == CURLUE_OK)
    verdict = OUTBOUND_HAS_USER;
  else if (strcmp(scheme, "https") == 0)
    verdict = OUTBOUND_HTTPS;
  else if (strcmp(scheme, "http") != 0)
    verdict = OUTBOUND_OTHER_SCHEME;
  else
    verdict = is_this_machine(host) ? OUTBOUND_LOCAL : OUTBOUND_PLAIN;
  curl_free(scheme);
  curl_free(host);
  curl_free(user);
  curl_url_cleanup(parsed);
  return verdict;
}

void outbound_set_basics(CURL *curl, const char *url, const char *user_agent, uint64_t timeout_ms,
                         char error[CURL_ERROR_SIZE])
{
  curl_easy_setopt(curl, CURLOPT_URL, url);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L); /* the operator says who is asked */
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms);
  curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L); /* do not wait for a resolver that hangs */
  curl_easy_setopt(curl, CURLOPT_USERAGENT, user_agent);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
}
