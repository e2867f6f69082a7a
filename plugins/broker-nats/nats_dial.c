#include "nats_dial.h"

#include <stdio.h>
#include <string.h>

/* Between two looks at whether anybody still waits for it. */
enum { LOOK_MS = 50 };

void nats_dial_explain(natsStatus status, const char *detail, char why[NATS_WHY_MAX])
{
  const char *text = natsStatus_GetText(status);
  switch (status) {
  case NATS_NO_SERVER:
    text = "nobody answers there: host, port or firewall may be wrong";
    break;
  case NATS_TIMEOUT:
    text = "no answer in time: host, port or firewall may be wrong";
    break;
  case NATS_CONNECTION_AUTH_FAILED:
    text = "NATS refuses the login: check user, password, token or credentials";
    break;
  case NATS_SECURE_CONNECTION_WANTED:
    text = "NATS has no TLS there: write nats:// into servers";
    break;
  case NATS_SSL_ERROR:
    text = "TLS does not fit: check tls-ca-file, tls-server-name and tls-certificate";
    break;
  case NATS_PROTOCOL_ERROR:
  case NATS_CONNECTION_CLOSED: /* so later versions of libnats call it */
    text = "NATS hung up in the middle of the login; if it wants a client certificate, set "
           "tls-certificate and tls-key";
    break;
  default:
    break;
  }
  if (detail != NULL && *detail != '\0' && strcmp(detail, text) != 0)
    snprintf(why, NATS_WHY_MAX, "%.120s (%.120s)", text, detail);
  else
    snprintf(why, NATS_WHY_MAX, "%s", text);
}

/* NATS_TIMEOUT: it has not come, or nobody waits for it any more. */
static natsStatus await(natsConnection *nc, natsSubscription *sub, uint64_t timeout_ms,
                        const struct nats_patience *patience)
{
  natsMsg *msg = NULL;
  const char *said = NULL;
  natsStatus status = NATS_TIMEOUT;
  for (uint64_t left_ms = timeout_ms; status == NATS_TIMEOUT && left_ms > 0;) {
    uint64_t look_ms = left_ms < LOOK_MS ? left_ms : LOOK_MS;
    status = natsSubscription_NextMsg(&msg, sub, (int64_t)look_ms);
    left_ms -= look_ms;
    if (status == NATS_TIMEOUT && natsConnection_GetLastError(nc, &said) == NATS_NOT_PERMITTED)
      status = NATS_NOT_PERMITTED;
    if (patience->is_over(patience->arg))
      left_ms = 0;
  }
  natsMsg_Destroy(msg);
  return status;
}

/* Its own message must come back: a user without rights gets no error otherwise. */
static natsStatus prove(const struct nats_config *config, natsConnection *nc,
                        const struct nats_patience *patience)
{
  natsSubscription *sub = NULL;
  const char *subject = config->probe_subject;
  natsStatus status = natsConnection_SubscribeSync(&sub, nc, subject);
  if (status == NATS_OK)
    status = natsConnection_PublishString(nc, subject, "");
  if (status == NATS_OK)
    status = await(nc, sub, config->ping_timeout_ms, patience);
  natsSubscription_Destroy(sub);
  return status;
}

natsConnection *nats_dial(const struct nats_config *config, const struct nats_server *server,
                          struct nats_gate *gate, const struct nats_patience *patience,
                          char why[NATS_WHY_MAX])
{
  natsConnection *nc = NULL;
  natsOptions *options;
  natsStatus status = nats_config_options(config, server, &options, why);
  if (status != NATS_OK)
    return NULL;
  nats_gate_hold(gate);
  status = natsOptions_SetErrorHandler(options, nats_gate_on_error, gate);
  if (status == NATS_OK)
    status = natsOptions_SetClosedCB(options, nats_gate_on_closed, gate);
  if (status == NATS_OK)
    status = natsConnection_Connect(&nc, options);
  natsOptions_Destroy(options);
  if (status != NATS_OK) {
    nats_gate_release(gate);
    nats_dial_explain(status, nats_GetLastError(NULL), why);
    return NULL;
  }
  status = prove(config, nc, patience);
  if (status == NATS_OK)
    return nc;
  const char *said = NULL;
  (void)natsConnection_GetLastError(nc, &said);
  if (status != NATS_TIMEOUT)
    nats_dial_explain(status, said, why);
  else
    snprintf(why, NATS_WHY_MAX, "it accepts the connection but delivers nothing");
  natsConnection_Close(nc);
  natsConnection_Destroy(nc);
  return NULL;
}
