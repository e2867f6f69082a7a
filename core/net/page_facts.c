#include "net/page_facts.h"

#include <jansson.h>
#include <stdlib.h>

#include "config/fault.h"
#include "net/sign_in.h"

/* The first that a browser's WebSocket may speak to. */
static const char *endpoint_of(const struct settings *settings)
{
  for (size_t i = 0; i < settings->n_endpoints; i++)
    if (settings->endpoints[i].websocket)
      return settings->endpoints[i].path;
  return NULL;
}

static json_t *room_of(const struct settings_page *page)
{
  if (!page->room_send || !*page->room_send)
    return json_null();
  return json_pack("{s:s, s:s, s:s*, s:s*}", "send", page->room_send, "messages",
                   page->room_messages, "watch", *page->room_watch ? page->room_watch : NULL,
                   "members", *page->room_members ? page->room_members : NULL);
}

plug_status page_facts_add(struct pages *pages, const struct settings *settings,
                           struct plug_err *err)
{
  json_t *facts =
      json_pack("{s:s, s:s?, s:s?, s:b, s:o}", "node", settings->node, "endpoint",
                endpoint_of(settings), "signIn", settings->page.sign_in ? SIGN_IN_PATH : NULL,
                "auth", settings->auth_plugins.n > 0, "room", room_of(&settings->page));
  char *text = facts ? json_dumps(facts, JSON_INDENT(2)) : NULL;
  json_decref(facts);
  if (!text)
    return fault_no_memory(err);
  plug_status status = pages_add(pages, PAGE_FACTS_PATH, text);
  free(text);
  return status == PLUG_OK ? PLUG_OK : fault_no_memory(err);
}
