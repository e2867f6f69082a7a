#include "net/api_routes.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/api_openapi.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/str.h"
#include "http/http_escape.h"
#include "net/api_service.h"

#define PREFIX          "/api/"
#define IDEMPOTENCY_MAX 255
#define RETRY_AFTER     "retry-after: 1\r\n"

static _Thread_local struct buf body, headers;

void api_routes_drop_scratch(void)
{
  buf_free(&body);
  buf_free(&headers);
}

static const struct operation {
  struct plug_str path; /* of presence: what it starts with */
  unsigned right;
  const char *allow, *right_name;
} operations[API_OPERATIONS] = {
    [API_PUBLISH] = {{"publish", 7}, SETTINGS_API_PUBLISH, "allow: POST, OPTIONS\r\n", "publish"},
    [API_DISCONNECT] = {{"disconnect", 10},
                        SETTINGS_API_DISCONNECT,
                        "allow: POST, OPTIONS\r\n",
                        "disconnect"},
    [API_UNSUBSCRIBE] = {{"unsubscribe", 11},
                         SETTINGS_API_DISCONNECT,
                         "allow: POST, OPTIONS\r\n",
                         "disconnect"},
    [API_PRESENCE] = {{"presence/", 9},
                      SETTINGS_API_PRESENCE,
                      "allow: GET, HEAD, OPTIONS\r\n",
                      "presence"},
};

bool api_routes_have(const struct net_env *env, const struct http_request *request,
                     struct plug_str path)
{
  return env->api_keys &&
         (request->door == DOOR_API || (request->door == DOOR_CLIENTS && env->api->everywhere)) &&
         str_has_prefix(path, STR(PREFIX));
}

/* --- answers ------------------------------------------------------------------------------- */

static enum http_route answer(struct http_reply *reply, uint16_t status, const char *lines)
{
  headers.len = 0;
  headers.failed = body.failed;
  buf_put_str(&headers, STR("cache-control: no-store\r\n"));
  buf_put_str(&headers, str_of(lines));
  buf_put_char(&headers, '\0');
  reply->answer.status = headers.failed ? 503 : status;
  reply->answer.headers = headers.failed ? NULL : headers.data;
  reply->answer.type = "application/json";
  reply->body = headers.failed ? STR("{}\n") : str_from(body.data, body.len);
  return HTTP_ROUTE_ANSWER;
}

static enum http_route refuse(struct http_reply *reply, const struct api_fault *fault,
                              const char *lines)
{
  body.len = 0;
  body.failed = false;
  api_fault_put(fault, &body);
  return answer(reply, fault->status, lines);
}

#define REFUSE(reply, status, code, lines, ...)                     \
  do {                                                              \
    struct api_fault fault_;                                        \
    (void)api_refuse(&fault_, (status), (code), NULL, __VA_ARGS__); \
    return refuse((reply), &fault_, (lines));                       \
  } while (0)

/* --- the key ------------------------------------------------------------------------------- */

/* How many fields have this name, in any case; value: of the last. */
static size_t find_field(const struct http_head *head, struct plug_str name, struct plug_str *value)
{
  size_t n = 0;
  for (size_t i = 0; i < head->n_fields; i++)
    if (str_eq_nocase(head->fields[i].name, name)) {
      *value = head->fields[i].value;
      n++;
    }
  return n;
}

/* RFC 6750 2.1, or X-API-Key. Returns how many keys are shown; one that is empty is none. */
static size_t find_key(const struct http_head *head, struct plug_str *key)
{
  struct plug_str bearer = STR(""), plain = STR("");
  size_t n = find_field(head, STR("authorization"), &bearer);
  n += find_field(head, STR("x-api-key"), &plain);
  *key = plain;
  if (!plain.len && bearer.len > 7 && str_eq_nocase(str_from(bearer.ptr, 7), STR("bearer ")))
    *key = str_trim(str_from(bearer.ptr + 7, bearer.len - 7));
  return n > 1 ? n : key->len != 0;
}

static enum http_route wrong_key(struct net_env *env, const struct net_peer *peer,
                                 struct http_reply *reply)
{
  static struct log_limit limit;
  uint64_t held;
  char from[NET_PEER_TEXT_MAX];
  struct addresses *failures = env->api->failures;
  COUNT(api_bad_keys);
  if (addresses_enter(failures, peer->address, env->now_ms) == ADDRESS_OK)
    addresses_leave(failures, peer->address, env->now_ms);
  net_peer_text(peer, from);
  if (log_limit_pass(&limit, 10000, &held))
    log_warn("api", "a key that is none was shown by %s (%llu more before, not reported)", from,
             (unsigned long long)held);
  REFUSE(reply, 401, "bad-key",
         "www-authenticate: Bearer realm=\"plugboard\", error=\"invalid_token\"\r\n",
         "this key is not known here");
}

/* HTTP_ROUTE_SERVE: *key is known. */
static enum http_route check_key(struct net_env *env, const struct http_head *head,
                                 struct http_reply *reply, const struct api_key **key)
{
  struct plug_str shown;
  if (addresses_are_spent(env->api->failures, reply->peer.address, env->now_ms)) {
    char later[48]; /* each wrong key has its share of a minute */
    uint64_t max = env->settings->api_max_failures;
    snprintf(later, sizeof later, "retry-after: %llu\r\n", (unsigned long long)(59 / max + 1));
    COUNT(api_limited);
    REFUSE(reply, 429, "too-many-failures", later, "too many wrong keys came from this address");
  }
  size_t n = find_key(head, &shown);
  if (n > 1)
    REFUSE(reply, 400, "bad-request", "", "there is more than one key");
  if (n == 0) {
    COUNT(api_bad_keys);
    REFUSE(reply, 401, "no-key", "www-authenticate: Bearer realm=\"plugboard\"\r\n",
           "a key is needed, in 'Authorization: Bearer KEY' or in 'X-API-Key'");
  }
  *key = api_keyring_find(env->api_keys, shown);
  if (!*key)
    return wrong_key(env, &reply->peer, reply);
  COUNT(api_requests);
  return HTTP_ROUTE_SERVE;
}

/* --- the request --------------------------------------------------------------------------- */

static void free_task(struct http_task *task)
{
  struct api_task *api = container_of(task, struct api_task, task);
  api_forget(api->wait);
  api_look_forget(api->look);
  free(api->key_name);
  free(api->idempotency);
  free(api->destination);
  buf_free(&task->body);
  free(api);
}

static void too_large(struct http_fault *fault)
{
  COUNT(api_refused_body);
  *fault = (struct http_fault){.status = 413, .text = "The body is larger than max-body allows."};
}

/* What is wrong with a body before anybody could look into it. */
static const char *put_fault(const struct http_fault *http, struct buf *out)
{
  struct api_fault fault;
  COUNT(api_refused);
  api_refuse_http(&fault, http->status, http->text);
  api_fault_put(&fault, out);
  return "application/json";
}

static const struct http_task_kind kind = {.serve = api_serve,
                                           .free = free_task,
                                           .too_large = too_large,
                                           .put_fault = put_fault,
                                           .has_secrets = true};

static bool is_json(struct plug_str type)
{
  struct plug_str first;
  return str_split(&type, ';', &first) && str_eq_nocase(first, STR("application/json"));
}

static bool is_printable(struct plug_str text)
{
  for (size_t i = 0; i < text.len; i++)
    if (text.ptr[i] < ' ' || text.ptr[i] > '~')
      return false;
  return text.len != 0;
}

static struct api_task *task_new(const struct net_env *env, enum api_operation operation,
                                 const struct api_key *key)
{
  struct api_task *task = calloc(1, sizeof *task);
  if (!task)
    return NULL;
  task->task.kind = &kind;
  task->task.max_body = (size_t)env->settings->api_max_body;
  task->operation = operation;
  task->key_name = str_dup(str_of(key->name));
  if (task->key_name)
    return task;
  free(task);
  return NULL;
}

/* task may be NULL; complete: all of it was made. */
static enum http_route give(const struct net_env *env, struct api_task *task, bool complete,
                            struct http_reply *reply)
{
  if (task && complete && !env->shut) {
    reply->task = &task->task;
    return HTTP_ROUTE_SERVE;
  }
  if (task)
    free_task(&task->task);
  if (env->shut)
    REFUSE(reply, 503, "stopping", env->retry_after, "the server is stopping");
  REFUSE(reply, 503, "out-of-memory", RETRY_AFTER, "the server is out of memory");
}

/* "topic/a" and "%2Ftopic%2Fa" are both "/topic/a". Not from the path as it was normalised, for
 * destinations may have what paths may not. */
static void put_destination(struct plug_str raw, struct buf *out)
{
  for (size_t i = 0; i < raw.len; i++) {
    int byte = http_escape_byte(raw, i);
    char c = byte < 0 ? raw.ptr[i] : (char)byte;
    if (byte >= 0)
      i += HTTP_ESCAPE_LEN - 1;
    if (!out->len && c != '/')
      buf_put_char(out, '/');
    buf_put_char(out, c);
  }
}

static enum http_route begin_presence(struct net_env *env, const struct http_head *head,
                                      const struct api_key *key, struct http_reply *reply)
{
  const struct session_env *session = &env->session;
  struct plug_str prefix = STR(PREFIX "presence/"), raw = head->path;
  struct buf text = {0};
  const char *why = NULL;
  if (str_has_prefix(raw, prefix))
    put_destination(str_from(raw.ptr + prefix.len, raw.len - prefix.len), &text);
  struct plug_str destination = str_from(text.data, text.len);
  if (destination_valid(destination, (size_t)session->max_destination_length, &why) &&
      destination_classify(session->terms.destinations, destination) != DESTINATION_BROKER)
    why = "The destination is not one of the broker";
  if (why && !text.failed) {
    struct api_fault fault;
    (void)api_refuse(&fault, 400, "bad-destination", "destination", "%s", why);
    buf_free(&text);
    return refuse(reply, &fault, "");
  }
  struct api_task *task = text.failed ? NULL : task_new(env, API_PRESENCE, key);
  if (task) {
    task->destination = str_dup(destination);
    task->task.head_only = head->method == HTTP_HEAD;
  }
  buf_free(&text);
  return give(env, task, task && task->destination, reply);
}

static enum http_route begin(struct net_env *env, const struct http_head *head,
                             enum api_operation operation, const struct api_key *key,
                             struct http_reply *reply)
{
  struct plug_str idempotency = STR("");
  const struct http_field *type = http_head_field(head, HTTP_CONTENT_TYPE);
  size_t n = operation == API_PUBLISH ? find_field(head, STR("idempotency-key"), &idempotency) : 0;
  if (!(key->rights & operations[operation].right))
    REFUSE(reply, 403, "no-right", "", "this key does not have the right %s",
           operations[operation].right_name);
  if (operation == API_PRESENCE)
    return begin_presence(env, head, key, reply);
  if (!type || head->counts[HTTP_CONTENT_TYPE] > 1 || !is_json(type->value))
    REFUSE(reply, 415, "not-json", "accept-post: application/json\r\n",
           "the body is to be of the content type application/json");
  if (n > 1 || (n && (!is_printable(idempotency) || idempotency.len > IDEMPOTENCY_MAX)))
    REFUSE(reply, 400, "bad-request", "",
           "Idempotency-Key is to be given once, as 1 to %d characters of ASCII", IDEMPOTENCY_MAX);
  struct api_task *task = task_new(env, operation, key);
  if (task && n)
    task->idempotency = str_dup(idempotency);
  return give(env, task, !n || (task && task->idempotency), reply);
}

static enum http_route describe(const struct http_head *head, struct http_reply *reply)
{
  if (head->method == HTTP_OPTIONS) {
    reply->answer = (struct http_answer){.status = 204, .headers = "allow: GET, HEAD, OPTIONS\r\n"};
    return HTTP_ROUTE_ANSWER;
  }
  if (head->method != HTTP_GET && head->method != HTTP_HEAD)
    REFUSE(reply, 405, "bad-method", "allow: GET, HEAD, OPTIONS\r\n",
           "only GET and HEAD are answered here");
  reply->answer.status = 200;
  reply->answer.headers = "cache-control: no-cache\r\n";
  reply->answer.type = "application/json";
  reply->body = str_from(api_openapi, api_openapi_len);
  return HTTP_ROUTE_ANSWER;
}

enum http_route api_route(struct net_env *env, const struct http_request *request,
                          struct plug_str path, struct http_reply *reply)
{
  const struct http_head *head = request->head;
  const struct api_key *key;
  struct plug_str rest = str_from(path.ptr + strlen(PREFIX), path.len - strlen(PREFIX));
  if (str_eq(rest, STR("openapi.json")))
    return describe(head, reply);
  enum api_operation operation = 0;
  while (operation < API_OPERATIONS &&
         !(operation == API_PRESENCE ? str_has_prefix(rest, operations[operation].path)
                                     : str_eq(rest, operations[operation].path)))
    operation++;
  if (operation == API_OPERATIONS)
    REFUSE(reply, 404, "not-found", "",
           "there is nothing here; /api/openapi.json lists what there is");
  if (head->method == HTTP_OPTIONS) {
    reply->answer = (struct http_answer){.status = 204, .headers = operations[operation].allow};
    return HTTP_ROUTE_ANSWER;
  }
  bool get = head->method == HTTP_GET || head->method == HTTP_HEAD;
  if (operation == API_PRESENCE ? !get : head->method != HTTP_POST)
    REFUSE(reply, 405, "bad-method", operations[operation].allow, "only %s answered here",
           operation == API_PRESENCE ? "GET and HEAD are" : "POST is");
  enum http_route route = check_key(env, head, reply, &key);
  if (route != HTTP_ROUTE_SERVE)
    return route;
  route = begin(env, head, operation, key, reply);
  if (route != HTTP_ROUTE_SERVE)
    COUNT(api_refused);
  return route;
}
