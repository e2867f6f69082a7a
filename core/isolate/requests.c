#include "isolate/requests.h"

#include <stdlib.h>

void requests_fini(struct requests *requests)
{
  free(requests->all);
  *requests = (struct requests){0};
}

/* Of 31 bits, for the uppermost of an id is WIRE_LANE. */
static uint64_t generation_of(const struct request *request)
{
  return request->generation & INT32_MAX;
}

static uint64_t id_of(const struct requests *requests, size_t index)
{
  return generation_of(&requests->all[index]) << 32 | (index + 1);
}

uint64_t requests_add(struct requests *requests, struct plug_op *op, const struct plug_msg *msg)
{
  if (!requests->free && requests->n == requests->cap) {
    size_t cap = requests->cap ? requests->cap * 2 : 64;
    struct request *all =
        cap < UINT32_MAX ? realloc(requests->all, cap * sizeof *requests->all) : NULL;
    if (!all)
      return 0;
    requests->all = all;
    requests->cap = cap;
  }
  size_t index;
  if (requests->free) {
    index = requests->free - 1;
    requests->free = requests->all[index].next_free;
  } else {
    index = requests->n++;
    requests->all[index] = (struct request){.generation = 0};
  }
  struct request *request = &requests->all[index];
  request->op = op;
  request->msg = msg;
  request->open = true;
  requests->n_open++;
  return id_of(requests, index);
}

static struct request *find(const struct requests *requests, uint64_t id)
{
  size_t index = (size_t)(id & UINT32_MAX) - 1;
  if (index >= requests->n)
    return NULL;
  struct request *request = &requests->all[index];
  return request->open && generation_of(request) == id >> 32 ? request : NULL;
}

const struct request *requests_find(const struct requests *requests, uint64_t id)
{
  return find(requests, id);
}

static void close_it(struct requests *requests, struct request *request)
{
  request->open = false;
  request->op = NULL;
  request->msg = NULL;
  request->generation++;
  request->next_free = requests->free;
  requests->free = (uint32_t)(request - requests->all) + 1;
  requests->n_open--;
}

bool requests_take(struct requests *requests, uint64_t id, struct plug_op **op)
{
  struct request *request = find(requests, id);
  if (!request)
    return false;
  *op = request->op;
  close_it(requests, request);
  return true;
}

void requests_close_all(struct requests *requests, void (*fn)(void *ctx, struct plug_op *op),
                        void *ctx)
{
  for (size_t i = 0; requests->n_open && i < requests->n; i++) {
    struct request *request = &requests->all[i];
    struct plug_op *op = request->op;
    if (!request->open)
      continue;
    close_it(requests, request);
    fn(ctx, op);
  }
}
