#include "protocol.h"

static const struct protocol *const all[] = {
    &protocol_stomp, &protocol_stomp_chat, &protocol_mqtt,       &protocol_nats,
    &protocol_nchan, &protocol_stomp_app,  &protocol_centrifugo, &protocol_socketio};

const struct protocol *protocol_find(const char *name)
{
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
    if (strcmp(all[i]->name, name) == 0)
      return all[i];
  return NULL;
}

const char *protocol_names(void)
{
  return "stomp, stomp-chat, stomp-app, mqtt, nats, nchan, centrifugo, socketio";
}

void protocol_path_base(struct bytes *out, const char *base, enum role role, const char *topic)
{
  (void)role;
  (void)topic;
  bytes_put_text(out, base);
}
