#include "hook_call.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hook_answer.h"
#include "outbound.h"

static size_t on_read(char *to, size_t size, size_t n, void *arg)
{
  struct hook_call *call = arg;
  size_t room = size * n, left = call->body.len - call->sent;
  size_t len = left < room ? left : room;
  if (len)
    memcpy(to, call->body.ptr + call->sent, len);
  call->sent += len;
  return len;
}

/* libcurl wants to send it again. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
  struct hook_call *call = arg;
  if (origin != SEEK_SET || offset != 0)
    return CURL_SEEKFUNC_FAIL;
  if (call->sent && !call->may_repeat)
    return CURL_SEEKFUNC_FAIL;
  call->sent = 0;
  return CURL_SEEKFUNC_OK;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
  struct hook_call *call = arg;
  size_t len = size * n;
  if (len > call->max - call->len) {
    call->too_long = true;
    return 0;
  }
  char *more = realloc(call->answer, call->len + len + 1);
  if (!more)
    return 0;
  call->answer = more;
  memcpy(more + call->len, data, len);
  call->len += len;
  return len;
}

static bool add_header(struct hook_call *call, const char *text)
{
  struct curl_slist *more = curl_slist_append(call->headers, text);
  if (more)
    call->headers = more;
  return more != NULL;
}

static bool add_headers(struct hook_call *call, const struct hook_config *config, const char *id)
{
  char line[200], timestamp[24], signature[HOOK_SIGNATURE_SIZE];
  snprintf(timestamp, sizeof timestamp, "%" PRId64, (int64_t)time(NULL));
  snprintf(line, sizeof line, "webhook-id: %s", id);
  bool good = add_header(call, line);
  snprintf(line, sizeof line, "webhook-timestamp: %s", timestamp);
  good = good && add_header(call, line);
  if (config->key.bytes) {
    good = good && hook_sign(&config->key, id, timestamp, call->body, signature);
    snprintf(line, sizeof line, "webhook-signature: %s", good ? signature : "");
    good = good && add_header(call, line);
  }
  return good && add_header(call, "Content-Type: application/json") &&
         add_header(call, "Accept: application/json") &&
         add_header(call, "Expect:"); /* no answer before the body is there */
}

bool hook_call_begin(struct hook_call *call, const struct hook_config *config, const char *id,
                     struct plug_str body, uint64_t timeout_ms, bool may_repeat,
                     const char *user_agent)
{
  *call = (struct hook_call){.body = body,
                             .may_repeat = may_repeat,
                             .max = (size_t)config->n[HOOK_MAX_ANSWER],
                             .easy = curl_easy_init()};
  if (!call->easy || !add_headers(call, config, id)) {
    hook_call_end(call);
    return false;
  }
  CURL *curl = call->easy;
  outbound_set_basics(curl, config->url, user_agent, timeout_ms, call->error);
  if (config->tls)
    hook_tls_use(config->tls, curl);
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* whatever the environment says */
  curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
  curl_easy_setopt(curl, CURLOPT_POST, 1L);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
  curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
  curl_easy_setopt(curl, CURLOPT_READDATA, call);
  curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
  curl_easy_setopt(curl, CURLOPT_SEEKDATA, call);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, call);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, call->headers);
  curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, (long)(config->n[HOOK_KEEP_ALIVE] / 1000));
  return true;
}

/* The beginning of what was answered, for the log. */
static const char *show_answer(const struct hook_call *call, char shown[HOOK_SHOWN_SIZE])
{
  if (!call->len)
    return "nothing";
  size_t len = call->len < 80 ? call->len : 80;
  return hook_show(shown, (struct plug_str){call->answer, len});
}

static enum hook_outcome judge_failure(const struct hook_call *call, CURLcode code,
                                       char why[HOOK_WHY])
{
  if (call->too_long) {
    snprintf(why, HOOK_WHY, "the answer is longer than max-answer, %zu bytes", call->max);
    return HOOK_BAD;
  }
  if (code == CURLE_OPERATION_TIMEDOUT) {
    snprintf(why, HOOK_WHY, "not answered in time: %.300s",
             call->error[0] ? call->error : curl_easy_strerror(code));
    return HOOK_LATE;
  }
  if (code == CURLE_SEND_FAIL_REWIND)
    snprintf(why, HOOK_WHY, "the connection ended before an answer came");
  else
    snprintf(why, HOOK_WHY, "%.300s", call->error[0] ? call->error : curl_easy_strerror(code));
  return HOOK_LOST;
}

enum hook_outcome hook_call_judge(struct hook_call *call, CURLcode code, char why[HOOK_WHY])
{
  char shown[HOOK_SHOWN_SIZE], type_shown[HOOK_SHOWN_SIZE];
  char *type = NULL;
  long status = 0;
  if (code != CURLE_OK)
    return judge_failure(call, code, why);
  curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &type);
  if (status == 204)
    return HOOK_NOTHING;
  if (status == 200 && hook_answer_is_json(type))
    return HOOK_ANSWERED;
  hook_show(type_shown, type ? (struct plug_str){type, strlen(type)}
                             : (struct plug_str){"no Content-Type", 15});
  snprintf(why, HOOK_WHY, "answered with status %ld%s, %.60s: %.100s", status,
           status >= 300 && status < 400 ? ", and redirects are not followed" : "", type_shown,
           show_answer(call, shown));
  if (status >= 500 || status == 408 || status == 425 || status == 429)
    return HOOK_FAILING;
  return status >= 400 ? HOOK_REFUSED : HOOK_BAD;
}

void hook_call_end(struct hook_call *call)
{
  curl_easy_cleanup(call->easy); /* NULL is nothing to any of them */
  curl_slist_free_all(call->headers);
  free(call->answer);
  call->easy = NULL;
  call->headers = NULL;
  call->answer = NULL;
}
