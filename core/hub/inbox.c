#include "hub/inbox.h"

#include <string.h>

#include "base/block.h"

_Static_assert(sizeof(struct inbox_item) <= MESSAGE_SLOT_BYTES, "it fits into a message");

static void item_init(struct inbox_item *item, enum inbox_kind kind, struct plug_str text)
{
  item->kind = kind;
  item->status = PLUG_OK;
  item->msg = NULL;
  item->interest = 0;
  item->waiter = NULL;
  item->text_len = text.len;
  if (text.len)
    memcpy(item->text, text.ptr, text.len);
}

struct inbox_item *inbox_item_new(enum inbox_kind kind, struct plug_str text)
{
  struct inbox_item *item = block_alloc(sizeof *item + text.len);
  if (item)
    item_init(item, kind, text);
  return item;
}

struct inbox_item *inbox_item_for(enum inbox_kind kind, struct plug_str text,
                                  const struct plug_msg *msg)
{
  struct inbox_item *item = text.len ? NULL : message_take_slot(msg);
  if (item) { /* what a delivery does not use is left as it is */
    item->kind = kind;
    item->text_len = 0;
  } else {
    item = inbox_item_new(kind, text);
    if (!item)
      return NULL;
  }
  message_ref(msg);
  item->msg = msg;
  return item;
}

void inbox_item_free(struct inbox_item *item)
{
  const struct plug_msg *msg = item->msg;
  if (!msg || message_slot(msg) != item)
    block_free(item, sizeof *item + item->text_len);
  if (msg)
    message_unref(msg);
}
