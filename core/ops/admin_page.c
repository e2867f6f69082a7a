#include "ops/admin_page.h"

#include <limits.h>
#include <stdio.h>

#include "base/log.h"
#include "base/str.h"
#include "config/fault.h"

/* Nothing of elsewhere is loaded, sent to or shown within. */
#define HEADERS                                                                               \
  "cache-control: no-cache\r\n"                                                               \
  "referrer-policy: no-referrer\r\n"                                                          \
  "x-content-type-options: nosniff\r\n"                                                       \
  "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; "        \
  "img-src 'self'; connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors " \
  "'none'\r\n"

static void handle(void *ctx, struct mount_request *request)
{
  const struct pages *pages = ctx;
  struct mount_answer answer = {.headers = HEADERS};
  char path[NAME_MAX + 2];
  if (request->method != HTTP_GET && request->method != HTTP_HEAD) {
    answer.status = 405;
    answer.headers = "allow: GET, HEAD\r\n" HEADERS;
    answer.type = "text/plain; charset=utf-8";
    answer.body = STR("Only GET and HEAD are answered here.\n");
    mount_answer(request, &answer);
    return;
  }
  int len = snprintf(path, sizeof path, "/%.*s", STR_ARG(request->rest));
  const struct page *page =
      len > 0 && (size_t)len < sizeof path ? pages_find(pages, str_from(path, (size_t)len)) : NULL;
  answer.status = page ? 200 : 404;
  answer.type = page ? page->type : "text/plain; charset=utf-8";
  answer.body = page ? str_from(page->body.data, page->body.len) : STR("There is nothing here.\n");
  mount_answer(request, &answer);
}

plug_status admin_page_mount(struct pages *pages, const char *web_dir, struct mounts *mounts,
                             struct plug_err *err)
{
  char dir[PATH_MAX];
  int len = snprintf(dir, sizeof dir, "%s" ADMIN_PAGE_PATH, web_dir);
  if (len < 0 || (size_t)len >= sizeof dir || pages_load(pages, dir, err) != PLUG_OK) {
    log_warn("ops", "the page for operators is not there: %s", err->text);
    err->text[0] = '\0';
    return PLUG_OK;
  }
  const struct mount mount = {.path = ADMIN_PAGE_PATH,
                              .below = true,
                              .doors = MOUNT_AT(DOOR_ADMIN),
                              .handle = handle,
                              .ctx = pages};
  return mounts_add(mounts, &mount) ? PLUG_OK : fault_no_memory(err);
}
