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

static const struct plug_str command_texts[] = {
    [STOMP_CONNECT] = {"CONNECT", 7},
    [STOMP_STOMP] = {"STOMP", 5},
    [STOMP_SEND] = {"SEND", 4},
    [STOMP_SUBSCRIBE] = {"SUBSCRIBE", 9},
    [STOMP_UNSUBSCRIBE] = {"UNSUBSCRIBE", 11},
    [STOMP_ACK] = {"ACK", 3},
    [STOMP_NACK] = {"NACK", 4},
    [STOMP_BEGIN] = {"BEGIN", 5},
    [STOMP_COMMIT] = {"COMMIT", 6},
    [STOMP_ABORT] = {"ABORT", 5},
    [STOMP_DISCONNECT] = {"DISCONNECT", 10},
    [STOMP_CONNECTED] = {"CONNECTED", 9},
    [STOMP_MESSAGE] = {"MESSAGE", 7},
    [STOMP_RECEIPT] = {"RECEIPT", 7},
    [STOMP_ERROR] = {"ERROR", 5},
};

const char *stomp_command_text(enum stomp_command command)
{
  return command_texts[command].ptr;
}

bool stomp_command_find_any(struct plug_str text, enum stomp_command *command)
{
  for (enum stomp_command c = STOMP_CONNECT; c <= STOMP_ERROR; c++)
    if (str_eq(text, command_texts[c])) {
      *command = c;
      return true;
    }
  return false;
}

bool stomp_command_is_server(enum stomp_command command)
{
  return command >= STOMP_CONNECTED;
}
