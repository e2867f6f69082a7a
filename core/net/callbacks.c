#include "net/callbacks.h"

#include "net/http.h"
#include "net/worker.h"

/* What libwebsockets keeps for each connection. */
struct slot {
  struct conn *conn;
};

static struct worker *worker_of(struct lws *wsi)
{
  return lws_context_user(lws_get_context(wsi));
}

static int on_opened(struct worker *worker, struct lws *wsi, struct slot *slot, enum conn_kind kind)
{
  if (worker->draining)
    return -1;
  slot->conn = conn_new(worker, wsi, kind);
  return slot->conn ? 0 : -1;
}

static void on_closed(struct slot *slot)
{
  if (slot && slot->conn)
    conn_free(slot->conn);
  if (slot)
    slot->conn = NULL;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
  struct slot *slot = user;
  struct worker *worker;

  switch (reason) {
  case LWS_CALLBACK_RECEIVE:
    worker = slot->conn->worker;
    worker->now_ms = uv_now(&worker->loop);
    conn_receive_ws(slot->conn, in, len);
    return 0;
  case LWS_CALLBACK_RAW_RX:
    worker = worker_of(wsi);
    worker->now_ms = uv_now(&worker->loop);
    conn_receive(slot->conn, in, len);
    return 0;
  case LWS_CALLBACK_SERVER_WRITEABLE:
  case LWS_CALLBACK_RAW_WRITEABLE:
    worker = worker_of(wsi);
    worker->now_ms = uv_now(&worker->loop);
    if (slot && slot->conn)
      conn_writable(slot->conn);
    return 0;
  case LWS_CALLBACK_ESTABLISHED:
    worker = worker_of(wsi);
    worker->now_ms = uv_now(&worker->loop);
    return on_opened(worker, wsi, slot, CONN_WEBSOCKET);
  case LWS_CALLBACK_RAW_ADOPT:
    worker = worker_of(wsi);
    worker->now_ms = uv_now(&worker->loop);
    /* An HTTP CONNECT request turns its connection into one without protocol: not for us. */
    if (strcmp(lws_get_protocol(wsi)->name, CALLBACKS_TCP) != 0)
      return -1;
    return on_opened(worker, wsi, slot, CONN_TCP);
  case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
    worker = worker_of(wsi);
    worker->now_ms = uv_now(&worker->loop);
    if (slot && slot->conn)
      conn_peer_closes(slot->conn);
    return 0;
  case LWS_CALLBACK_CLOSED:
  case LWS_CALLBACK_RAW_CLOSE:
    on_closed(slot);
    return 0;
  case LWS_CALLBACK_HTTP:
    worker = worker_of(wsi);
    return http_request(worker, wsi);
  case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
    return http_check_upgrade(worker_of(wsi), wsi, in);
  case LWS_CALLBACK_WSI_DESTROY:
    worker_connection_ended(worker_of(wsi));
    return 0;
  default:
    /* Not lws_callback_http_dummy: nothing of its file serving, CGI or proxying is wanted. */
    return 0;
  }
}

/* The first serves plain HTTP and upgrades without a subprotocol. Names with a blank cannot be
 * asked for in Sec-WebSocket-Protocol. One coalesced write is at most 64 KiB and a frame; what is
 * larger libwebsockets sends in pieces of this size. */
#define TX_BYTES 131072
#define RX_BYTES CALLBACKS_RX_BYTES

const struct lws_protocols callbacks_protocols[] = {
    {"plain http", callback, sizeof(struct slot), RX_BYTES, 0, NULL, TX_BYTES},
    {"v12.stomp", callback, sizeof(struct slot), RX_BYTES, 0, NULL, TX_BYTES},
    {"v11.stomp", callback, sizeof(struct slot), RX_BYTES, 0, NULL, TX_BYTES},
    {"v10.stomp", callback, sizeof(struct slot), RX_BYTES, 0, NULL, TX_BYTES},
    {CALLBACKS_TCP, callback, sizeof(struct slot), RX_BYTES, 0, NULL, TX_BYTES},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};
