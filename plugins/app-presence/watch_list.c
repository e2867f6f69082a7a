#include "watch_list.h"

#include <stdlib.h>

#include "watch_values.h"

bool watch_list_begin(struct watch_list *list, const struct watch_section *section,
                      const struct plug_str *variables)
{
  *list = (struct watch_list){
      .section = section, .values = watch_values(section, variables), .members = json_array()};
  return list->members != NULL;
}

void watch_list_add(struct watch_list *list, struct plug_str user, struct plug_str info)
{
  struct route_refusal refusal;
  if (list->failed || json_array_size(list->members) >= list->section->max_list)
    return;
  struct route_values values = list->values;
  values.roots[WATCH_USER] = json_stringn(user.ptr, user.len);
  values.roots[WATCH_INFO] = watch_values_info(info);
  json_t *member = values.roots[WATCH_USER]
                       ? route_template_make(list->section->member, &values, &refusal)
                       : NULL;
  list->failed = !member || json_array_append_new(list->members, member) != 0;
  json_decref(values.roots[WATCH_USER]);
  json_decref(values.roots[WATCH_INFO]);
}

char *watch_list_end(struct watch_list *list, uint64_t users, size_t *len)
{
  struct route_values values = list->values;
  struct route_refusal refusal;
  values.roots[WATCH_LIST_COUNT] = json_integer((json_int_t)users);
  values.roots[WATCH_LIST_MEMBERS] = list->members;
  char *text = list->failed || !values.roots[WATCH_LIST_COUNT]
                   ? NULL
                   : route_template_fill(list->section->list, &values, len, &refusal);
  json_decref(values.roots[WATCH_LIST_COUNT]);
  json_decref(list->members);
  list->members = NULL;
  return text;
}
