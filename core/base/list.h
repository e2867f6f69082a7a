/* A circular doubly linked list of nodes embedded in their owners. Owns nothing; a node is in at
 * most one list. The thread that owns the list. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
  struct list *next, *prev;
};

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

static inline void list_init(struct list *head)
{
  head->next = head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
  return head->next == head;
}

static inline void list_append(struct list *head, struct list *node)
{
  node->prev = head->prev;
  node->next = head;
  head->prev->next = node;
  head->prev = node;
}

static inline void list_prepend(struct list *head, struct list *node)
{
  list_append(head->next, node);
}

/* Also legal for a node that is in no list but was initialised. */
static inline void list_remove(struct list *node)
{
  node->prev->next = node->next;
  node->next->prev = node->prev;
  list_init(node);
}

static inline struct list *list_first(struct list *head)
{
  return list_empty(head) ? NULL : head->next;
}

#endif
