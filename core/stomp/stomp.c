#include "stomp/stomp.h"

static const char *const version_texts[] = {
    [STOMP_NONE] = "none",
    [STOMP_1_0] = "1.0",
    [STOMP_1_1] = "1.1",
    [STOMP_1_2] = "1.2",
};

const char *stomp_version_text(enum stomp_version version)
{
  return version_texts[version];
}

static const char *const command_texts[] = {
    [STOMP_CONNECT] = "CONNECT",
    [STOMP_STOMP] = "STOMP",
    [STOMP_SEND] = "SEND",
    [STOMP_SUBSCRIBE] = "SUBSCRIBE",
    [STOMP_UNSUBSCRIBE] = "UNSUBSCRIBE",
    [STOMP_ACK] = "ACK",
    [STOMP_NACK] = "NACK",
    [STOMP_BEGIN] = "BEGIN",
    [STOMP_COMMIT] = "COMMIT",
    [STOMP_ABORT] = "ABORT",
    [STOMP_DISCONNECT] = "DISCONNECT",
    [STOMP_CONNECTED] = "CONNECTED",
    [STOMP_MESSAGE] = "MESSAGE",
    [STOMP_RECEIPT] = "RECEIPT",
    [STOMP_ERROR] = "ERROR",
};

const char *stomp_command_text(enum stomp_command command)
{
  return command_texts[command];
}

bool stomp_command_is_server(enum stomp_command command)
{
  return command >= STOMP_CONNECTED;
}

const struct plug_str *stomp_frame_header(const struct stomp_frame *frame, struct plug_str name)
{
  for (size_t i = 0; i < frame->n_headers; i++)
    if (str_eq(frame->headers[i].name, name))
      return &frame->headers[i].value;
  return NULL;
}
