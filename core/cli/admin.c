#include "cli/admin.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "cli/dial.h"
#include "cli/say.h"

enum { ANSWER_MAX = 64 << 20 };

struct call {
  const struct admin_request *request;
  CURL *curl;
  struct curl_slist *headers;
  struct buf answer;
  char *token, *sent;  /* read from a file; the body */
  uint64_t head_by_ms; /* of a stream: when its first line has to be there */
  bool too_long, ended, late;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
  (void)number;
  interrupted = 1;
}

static size_t on_bytes(char *bytes, size_t size, size_t n, void *ctx)
{
  struct call *call = ctx;
  long status = 0;
  curl_easy_getinfo(call->curl, CURLINFO_RESPONSE_CODE, &status);
  if (call->request->on_piece && status == 200) {
    call->ended = !call->request->on_piece(call->request->ctx, bytes, size * n);
    return call->ended ? 0 : size * n;
  }
  call->too_long = call->answer.len + size * n > ANSWER_MAX;
  if (!call->too_long)
    buf_put(&call->answer, bytes, size * n);
  return call->too_long || call->answer.failed ? 0 : size * n;
}

static int on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
  struct call *call = ctx;
  long status = 0;
  (void)a, (void)b, (void)c, (void)d;
  curl_easy_getinfo(call->curl, CURLINFO_RESPONSE_CODE, &status);
  call->late = !status && clock_now_ms() >= call->head_by_ms;
  return interrupted || call->late;
}

static bool is_socket(const char *where)
{
  return where[0] == '/' || where[0] == '.';
}

/* http://HOST/admin/api/PATH?NAME=VALUE...; NULL: out of memory. */
static char *make_url(const struct call *call, const char *where)
{
  const struct admin_request *request = call->request;
  struct buf url = {0};
  size_t len = strlen(where);
  if (is_socket(where))
    buf_put_str(&url, STR("http://localhost"));
  else
    buf_put(&url, where, len && where[len - 1] == '/' ? len - 1 : len);
  buf_putf(&url, "/admin/api/%s", request->path);
  char sign = '?';
  for (size_t i = 0; i < sizeof request->query / sizeof *request->query; i++) {
    if (!request->query[i][1])
      continue;
    char *value = curl_easy_escape(call->curl, request->query[i][1], 0);
    buf_putf(&url, "%c%s=%s", sign, request->query[i][0], value ? value : "");
    url.failed = url.failed || !value;
    curl_free(value);
    sign = '&';
  }
  buf_put_char(&url, '\0');
  if (!url.failed)
    return url.data;
  buf_free(&url);
  return NULL;
}

static bool add_header(struct call *call, const char *name, const char *value)
{
  char *line = NULL;
  struct curl_slist *more = NULL;
  if (asprintf(&line, "%s: %s", name, value) >= 0) {
    more = curl_slist_append(call->headers, line);
    free(line);
  }
  if (more)
    call->headers = more;
  return more != NULL;
}

static bool set_up(struct call *call, const struct arguments *arguments, const char *where,
                   const char *token)
{
  CURL *curl = call->curl;
  bool streams = call->request->on_piece;
  char *url = make_url(call, where);
  bool good = url && curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK;
  free(url);
  if (is_socket(where))
    good = good && curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, where) == CURLE_OK;
  if (token && !is_socket(where)) {
    char *bearer = NULL;
    good = good && asprintf(&bearer, "Bearer %s", token) >= 0 &&
           add_header(call, "Authorization", bearer);
    free(bearer);
  }
  if (strcmp(call->request->method, "POST") == 0) {
    call->sent = call->request->body ? json_dumps(call->request->body, JSON_COMPACT) : strdup("{}");
    good = good && call->sent && add_header(call, "Content-Type", "application/json") &&
           curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->sent) == CURLE_OK;
  }
  if (arguments->cafile)
    good = good && curl_easy_setopt(curl, CURLOPT_CAINFO, arguments->cafile) == CURLE_OK;
  if (arguments->cert)
    good = good && curl_easy_setopt(curl, CURLOPT_SSLCERT, arguments->cert) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SSLKEY,
                            arguments->key ? arguments->key : arguments->cert) == CURLE_OK;
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* not for the operator's own machines */
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "plugctl/" PLUGBOARD_VERSION);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, arguments->insecure ? 0L : 1L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, arguments->insecure ? 0L : 2L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)arguments->timeout_ms);
  if (!streams)
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)arguments->timeout_ms);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, streams ? 0L : 1L);
  /* A stream goes on as long as it likes, but not without having begun. */
  call->head_by_ms = clock_now_ms() + (uint64_t)arguments->timeout_ms;
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, call);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, call);
  return good && curl_easy_setopt(curl, CURLOPT_HTTPHEADER, call->headers) == CURLE_OK;
}

static enum exit_code judge_curl(const struct call *call, CURLcode code, const char *where)
{
  switch (code) {
  case CURLE_OK:
    return EXIT_DONE;
  case CURLE_ABORTED_BY_CALLBACK:
  case CURLE_WRITE_ERROR:
    if (interrupted || call->ended)
      return EXIT_DONE;
    if (call->late) {
      say_error("%s: no answer in time", where);
      return EXIT_TIMED_OUT;
    }
    say_error("%s: %s", where, call->too_long ? "the answer is too long" : "out of memory");
    return call->too_long ? EXIT_GARBAGE : EXIT_FAILED;
  case CURLE_OPERATION_TIMEDOUT:
    say_error("%s: no answer in time", where);
    return EXIT_TIMED_OUT;
  case CURLE_WEIRD_SERVER_REPLY:
  case CURLE_UNSUPPORTED_PROTOCOL:
    say_error("%s: what answers is no HTTP server", where);
    return EXIT_GARBAGE;
  case CURLE_URL_MALFORMAT:
    say_error("%s: --admin wants a path, or http:// or https://HOST:PORT", where);
    return EXIT_BAD_USAGE;
  case CURLE_OUT_OF_MEMORY:
    say_error("out of memory");
    return EXIT_FAILED;
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_CACERT_BADFILE: /* a file of this machine's */
    say_error("%s", curl_easy_strerror(code));
    return EXIT_FAILED;
  case CURLE_PEER_FAILED_VERIFICATION:
    say_error("%s: %s; --cafile FILE names whom to trust, --insecure trusts anybody", where,
              curl_easy_strerror(code));
    return EXIT_UNREACHABLE;
  case CURLE_COULDNT_CONNECT:
    say_error("%s: nobody listens there; --admin is where [admin] listen, tls-listen or socket of "
              "the server's configuration is",
              where);
    return EXIT_UNREACHABLE;
  default:
    say_error("%s: %s", where, curl_easy_strerror(code));
    return EXIT_UNREACHABLE;
  }
}

static enum exit_code judge_status(const struct call *call, const char *where, json_t *answer)
{
  long status = 0;
  curl_easy_getinfo(call->curl, CURLINFO_RESPONSE_CODE, &status);
  if (!answer && !call->request->on_piece) {
    say_error("%s: the answer (%ld) is no JSON: this is not the admin door of a Plugboard server",
              where, status);
    return status == 401 || status == 403 || status == 404 ? EXIT_REFUSED : EXIT_GARBAGE;
  }
  if (status >= 200 && status < 300)
    return EXIT_DONE;
  const char *message = json_string_value(json_object_get(answer, "message"));
  const char *code = json_string_value(json_object_get(answer, "code"));
  say_error("%s: %s%s%s (%ld)", where, code ? code : "refused", message ? ": " : "",
            message ? message : "", status);
  return status < 500 ? EXIT_REFUSED : EXIT_FAILED;
}

static enum exit_code perform(struct call *call, const struct arguments *arguments,
                              const char *where, json_t **answer)
{
  const char *token;
  if (!dial_secret(arguments->admin_token, arguments->admin_token_file, "PLUGCTL_ADMIN_TOKEN",
                   &call->token, &token))
    return EXIT_FAILED;
  call->curl = curl_easy_init();
  if (!call->curl || !set_up(call, arguments, where, token)) {
    say_error("the request cannot be made");
    return EXIT_FAILED;
  }
  enum exit_code code = judge_curl(call, curl_easy_perform(call->curl), where);
  if (code != EXIT_DONE || (call->request->on_piece && (interrupted || call->ended)))
    return code;
  json_t *parsed = json_loadb(call->answer.data ? call->answer.data : "", call->answer.len,
                              JSON_REJECT_DUPLICATES, NULL);
  code = judge_status(call, where, json_is_object(parsed) ? parsed : NULL);
  if (answer && json_is_object(parsed))
    *answer = parsed;
  else
    json_decref(parsed);
  return code;
}

enum exit_code admin_ask(const struct arguments *arguments, const struct admin_request *request,
                         json_t **answer)
{
  struct call call = {.request = request};
  const char *where = arguments->admin ? arguments->admin : getenv("PLUGCTL_ADMIN");
  if (!where || !*where)
    where = "/run/plugboard/admin.sock";
  if (answer)
    *answer = NULL;
  if (!is_socket(where) && strncmp(where, "http://", 7) != 0 &&
      strncmp(where, "https://", 8) != 0) {
    say_error("--admin wants a path that begins with / or ., or http:// or https://HOST:PORT, not "
              "'%s'",
              where);
    return EXIT_BAD_USAGE;
  }
  if (request->on_piece) {
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
  }
  enum exit_code code = perform(&call, arguments, where, answer);
  curl_easy_cleanup(call.curl);
  curl_slist_free_all(call.headers);
  buf_free(&call.answer);
  free(call.token);
  free(call.sent);
  return code;
}
