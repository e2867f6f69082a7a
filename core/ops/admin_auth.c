#include "ops/admin_auth.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/api_fault.h"
#include "api/api_keyring.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/str.h"
#include "net/addresses.h"
#include "net/env.h"

struct admin_auth {
  struct api_keyring *_Atomic tokens;
  struct api_keyring *former, *next; /* main thread */
  uint64_t next_max_failures;        /* likewise */
  struct addresses *failures;        /* wrong tokens, by the address that they came from */
  _Atomic uint64_t max_failures;
};

static struct api_keyring *tokens_of(const struct settings *settings)
{
  struct api_key_init *init = calloc(settings->n_admin_tokens + 1, sizeof *init);
  if (!init)
    return NULL;
  for (size_t i = 0; i < settings->n_admin_tokens; i++)
    init[i] = (struct api_key_init){.name = "admin", .secret = settings->admin_tokens[i]};
  struct api_keyring *tokens = api_keyring_new(init, settings->n_admin_tokens);
  free(init);
  return tokens;
}

struct admin_auth *admin_auth_new(const struct settings *settings)
{
  struct admin_auth *auth = calloc(1, sizeof *auth);
  if (!auth)
    return NULL;
  auth->tokens = tokens_of(settings);
  auth->failures = addresses_new(0, settings->admin_max_failures);
  auth->max_failures = settings->admin_max_failures;
  if (auth->tokens && auth->failures)
    return auth;
  admin_auth_free(auth);
  return NULL;
}

void admin_auth_free(struct admin_auth *auth)
{
  if (!auth)
    return;
  api_keyring_free(auth->tokens);
  api_keyring_free(auth->former);
  addresses_free(auth->failures);
  free(auth);
}

bool admin_auth_prepare(struct admin_auth *auth, const struct settings *settings)
{
  auth->next = tokens_of(settings);
  auth->next_max_failures = settings->admin_max_failures;
  return auth->next != NULL;
}

void admin_auth_commit(struct admin_auth *auth)
{
  api_keyring_free(auth->former); /* all workers have come round since */
  auth->former = atomic_exchange(&auth->tokens, auth->next);
  auth->next = NULL;
  auth->max_failures = auth->next_max_failures;
  addresses_limit(auth->failures, 0, auth->next_max_failures);
}

void admin_auth_cancel(struct admin_auth *auth)
{
  api_keyring_free(auth->next);
  auth->next = NULL;
}

static void refuse(struct mount_request *request, uint16_t status, const char *lines,
                   const char *code, const char *message)
{
  struct api_fault fault;
  struct buf text = {0}, headers = {0};
  (void)api_refuse(&fault, status, code, NULL, "%s", message);
  api_fault_put(&fault, &text);
  buf_put_str(&headers, STR(MOUNT_HEADERS));
  buf_put_str(&headers, str_of(lines));
  buf_put_char(&headers, '\0');
  mount_answer(request, &(struct mount_answer){.status = status,
                                               .headers = headers.failed ? NULL : headers.data,
                                               .body = str_from(text.data, text.len)});
  buf_free(&text);
  buf_free(&headers);
}

static bool is_token(const struct admin_auth *auth, struct plug_str authorization)
{
  struct plug_str bearer = STR("bearer ");
  if (authorization.len <= bearer.len ||
      !str_eq_nocase(str_from(authorization.ptr, bearer.len), bearer))
    return false;
  struct plug_str token = str_from(authorization.ptr + bearer.len, authorization.len - bearer.len);
  return api_keyring_find(auth->tokens, str_trim(token)) != NULL;
}

bool admin_auth_check(struct admin_auth *auth, struct mount_request *request)
{
  static struct log_limit limit;
  uint64_t held, now_ms = request->env->now_ms;
  char text[NET_PEER_TEXT_MAX];
  const uint8_t *from = request->peer->address;
  if (request->local)
    return true;
  uint64_t max = auth->max_failures; /* a reload may set it to 0, for no limit, at any time */
  if (max && addresses_are_spent(auth->failures, from, now_ms)) {
    snprintf(text, sizeof text, "retry-after: %llu\r\n", (unsigned long long)(59 / max + 1));
    COUNT(admin_limited);
    refuse(request, 429, text, "too-many-failures", "too many wrong tokens came from this address");
    return false;
  }
  if (is_token(auth, request->authorization))
    return true;
  COUNT(admin_bad_tokens);
  if (!request->authorization.len) {
    refuse(request, 401, "www-authenticate: Bearer realm=\"plugboard-admin\"\r\n", "no-token",
           "a token is needed, in 'Authorization: Bearer TOKEN'");
    return false;
  }
  if (addresses_enter(auth->failures, from, now_ms) == ADDRESS_OK)
    addresses_leave(auth->failures, from, now_ms);
  net_peer_text(request->peer, text);
  if (log_limit_pass(&limit, 10000, &held))
    log_warn("admin", "a token that is none was shown by %s (%llu more before, not reported)", text,
             (unsigned long long)held);
  refuse(request, 401,
         "www-authenticate: Bearer realm=\"plugboard-admin\", error=\"invalid_token\"\r\n",
         "bad-token", "this token is not known here");
  return false;
}
