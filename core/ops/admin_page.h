/* The page for operators: its files, as a mount. They are nobody's secret; what they show comes
 * from the admin API, which wants a token. Owns the files. Made before workers run, read-only
 * afterwards. */
#ifndef OPS_ADMIN_PAGE_H
#define OPS_ADMIN_PAGE_H

#include "net/mount.h"
#include "net/pages.h"

#define ADMIN_PAGE_PATH "/admin"

/* [start] Reads web_dir/admin and adds the mount. Without the files the server does all but show
 * the page: logged, and no failure. PLUG_ENOMEM. pages outlives the mounts. */
plug_status admin_page_mount(struct pages *pages, const char *web_dir, struct mounts *mounts,
                             struct plug_err *err);

#endif
