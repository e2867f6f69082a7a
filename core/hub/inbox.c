#include "hub/inbox.h"

#include <string.h>

#include "base/block.h"

struct inbox_item *inbox_item_new(enum inbox_kind kind, struct plug_str text)
{
  struct inbox_item *item = block_alloc(sizeof *item + text.len);
  if (!item)
    return NULL;
  item->kind = kind;
  item->status = PLUG_OK;
  item->msg = NULL;
  item->interest = 0;
  item->waiter = NULL;
  item->text_len = text.len;
  if (text.len)
    memcpy(item->text, text.ptr, text.len);
  return item;
}

void inbox_item_free(struct inbox_item *item)
{
  if (item->msg)
    message_unref(item->msg);
  block_free(item, sizeof *item + item->text_len);
}
