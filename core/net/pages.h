/* The files that the server itself serves (the page to try it on), read into memory at the start,
 * Owns them. Read-only after pages_load: any thread. */
#ifndef NET_PAGES_H
#define NET_PAGES_H

#include "base/buf.h"
#include "base/map.h"

struct page {
  struct map_entry by_path; /* "/app.js"; "/" is index.html */
  char *path;
  const char *type; /* of its content */
  struct buf body;
};

/* Header lines of every page's answer. */
extern const char pages_headers[];

struct pages {
  struct map map;
};

/* Reads the regular files of dir (not those below it). err->text names what could not be read. */
plug_status pages_load(struct pages *pages, const char *dir, struct plug_err *err);
/* One more, made by the server itself, in place of a file of that name. */
plug_status pages_add(struct pages *pages, const char *path, const char *text);
const struct page *pages_find(const struct pages *pages, struct plug_str path);
void pages_fini(struct pages *pages);

#endif
