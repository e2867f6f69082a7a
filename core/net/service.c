#include "net/service.h"

#include "net/conn.h"

void service_send(struct conn *conn, struct plug_str message, bool binary)
{
  struct frame *frame = frame_new(binary ? FRAME_WS_BINARY : FRAME_WS_TEXT, true, &message, 1);
  if (!frame) {
    conn_doom(conn);
    return;
  }
  conn_queue(conn, frame);
  frame_unref(frame);
}

void service_close(struct conn *conn, uint16_t code, const char *reason)
{
  session_close(&conn->session, code, reason);
}

void service_begin(struct conn *conn)
{
  session_begin_plain(&conn->session);
  conn_settle(conn);
  conn_arm(conn);
}
