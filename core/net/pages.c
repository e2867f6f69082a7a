#include "net/pages.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/list.h"
#include "base/str.h"

#define PAGE_MAX_BYTES (4u << 20)

/* The page opens WebSockets to wherever its user points it, so connect-src names the schemes. */
const char pages_headers[] =
    "cache-control: no-cache\r\n"
    "referrer-policy: no-referrer\r\n"
    "content-security-policy: default-src 'self'; connect-src 'self' ws: wss:; "
    "frame-ancestors 'none'\r\n";

static const char *content_type(const char *name)
{
  static const struct {
    const char *ending, *type;
  } types[] = {
      {".html", "text/html; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".svg", "image/svg+xml"},
      {".png", "image/png"},
      {".ico", "image/x-icon"},
      {".txt", "text/plain; charset=utf-8"},
      {".json", "application/json"},
  };
  size_t len = strlen(name);
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    size_t n = strlen(types[i].ending);
    if (len > n && strcmp(name + len - n, types[i].ending) == 0)
      return types[i].type;
  }
  return "application/octet-stream";
}

static void page_free(struct page *page)
{
  free(page->path);
  buf_free(&page->body);
  free(page);
}

static plug_status read_file(int fd, struct buf *out)
{
  ssize_t n;
  do {
    if (!buf_reserve(out, 65536))
      return PLUG_ENOMEM;
    n = read(fd, out->data + out->len, 65536);
    if (n > 0)
      out->len += (size_t)n;
    if (out->len > PAGE_MAX_BYTES)
      return PLUG_ETOOBIG;
  } while (n > 0);
  return n < 0 ? PLUG_EINTERNAL : PLUG_OK;
}

static plug_status load_one(struct pages *pages, int dir_fd, const char *name, struct plug_err *err)
{
  struct stat st;
  plug_status status = PLUG_EINTERNAL;
  struct page *page = NULL;
  int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &st) != 0)
    goto fail;
  if (!S_ISREG(st.st_mode)) {
    close(fd);
    return PLUG_OK;
  }
  status = PLUG_ENOMEM;
  errno = ENOMEM;
  page = calloc(1, sizeof *page);
  if (!page || asprintf(&page->path, "/%s", strcmp(name, "index.html") ? name : "") < 0)
    goto fail;
  status = read_file(fd, &page->body);
  if (status != PLUG_OK)
    goto fail;
  page->type = content_type(name);
  page->by_path.key = str_of(page->path);
  if (!map_insert(&pages->map, &page->by_path))
    goto fail;
  close(fd);
  return PLUG_OK;

fail:
  snprintf(err->text, sizeof err->text, "cannot read '%.100s' for the page: %s", name,
           status == PLUG_ETOOBIG ? "too large" : strerror(errno));
  if (page)
    page_free(page);
  if (fd >= 0)
    close(fd);
  return status == PLUG_OK ? PLUG_ENOMEM : status;
}

plug_status pages_add(struct pages *pages, const char *path, const char *text)
{
  struct map_entry *old = map_find(&pages->map, str_of(path));
  struct page *page = calloc(1, sizeof *page);
  if (page)
    page->path = strdup(path);
  if (!page || !page->path) {
    free(page);
    return PLUG_ENOMEM;
  }
  if (old) {
    map_remove(&pages->map, old);
    page_free(container_of(old, struct page, by_path));
  }
  buf_put_str(&page->body, str_of(text));
  page->type = content_type(path);
  page->by_path.key = str_of(page->path);
  if (!page->body.failed && map_insert(&pages->map, &page->by_path))
    return PLUG_OK;
  page_free(page);
  return PLUG_ENOMEM;
}

plug_status pages_load(struct pages *pages, const char *dir, struct plug_err *err)
{
  DIR *d = opendir(dir);
  if (!d) {
    snprintf(err->text, sizeof err->text, "cannot read web-dir '%s': %s", dir, strerror(errno));
    return PLUG_EINVAL;
  }
  plug_status status = PLUG_OK;
  struct dirent *entry;
  while (status == PLUG_OK && (entry = readdir(d)))
    if (entry->d_name[0] != '.')
      status = load_one(pages, dirfd(d), entry->d_name, err);
  closedir(d);
  if (status != PLUG_OK)
    pages_fini(pages);
  return status;
}

const struct page *pages_find(const struct pages *pages, struct plug_str path)
{
  struct map_entry *e = map_find(&pages->map, path);
  return e ? container_of(e, struct page, by_path) : NULL;
}

void pages_fini(struct pages *pages)
{
  struct map_iter it = {0, NULL};
  struct map_entry *e;
  while ((e = map_next(&pages->map, &it)))
    page_free(container_of(e, struct page, by_path));
  map_fini(&pages->map);
}
