#include "ops/admin_list.h"

#include "base/str.h"

static void free_json(void *value)
{
  json_decref(value);
}

static void list_free(struct admin_list *list)
{
  admin_walk_end(list->admin);
  admin_page_free(&list->page);
  top_fini(&list->top);
  list->free(list);
}

static json_t *result(struct admin_list *list)
{
  json_t *items = json_array(), *out;
  for (size_t i = 0; items && i < list->top.n; i++)
    (void)json_array_append(items, list->top.rows[i].value);
  out = json_pack("{s:o, s:I}", list->name, items, "total", (json_int_t)list->total);
  if (out && list->top.more) {
    const struct top_row *last = &list->top.rows[list->top.n - 1];
    (void)json_object_set_new(out, "next", admin_string(str_from(last->key, last->key_len)));
  }
  return out;
}

static void on_done(struct gather *gather, struct net_env *env)
{
  struct admin_list *list = container_of(gather, struct admin_list, gather);
  (void)env;
  if (list->request)
    admin_answer(list->request, 200, list->top.failed ? NULL : result(list));
  list_free(list);
}

static void on_gone(void *arg)
{
  struct admin_list *list = arg;
  list->request = NULL;
}

bool admin_list_start(struct admin_list *list, struct admin *admin, struct mount_request *request)
{
  if (!admin_page_read(request, &list->page))
    return false;
  list->admin = admin;
  list->gather.done = on_done;
  admin_walk_begin(admin);
  if (!top_init(&list->top, list->page.limit, free_json) ||
      !gather_start(&list->gather, request->env)) {
    admin_walk_end(admin);
    top_fini(&list->top);
    admin_page_free(&list->page);
    admin_no_memory(request);
    return false;
  }
  list->request = request;
  mount_wait(request, on_gone, list);
  return true;
}

struct top_row *admin_list_row(struct admin_list *list, struct plug_str key)
{
  struct plug_str after = str_of(list->page.after.data);
  if (after.len && top_compare(key, after) <= 0)
    return NULL;
  return top_row(&list->top, key);
}
