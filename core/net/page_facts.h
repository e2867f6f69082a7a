/* What the page to try the server on has to know of the server that serves it, as JSON at
 * /try-page.json: the node's name, the endpoint to dial, the room's destinations, and whether it
 * may sign people in. Owns nothing. The starting thread. */
#ifndef NET_PAGE_FACTS_H
#define NET_PAGE_FACTS_H

#include "config/settings.h"
#include "net/pages.h"

#define PAGE_FACTS_PATH "/try-page.json"

plug_status page_facts_add(struct pages *pages, const struct settings *settings,
                           struct plug_err *err);

#endif
