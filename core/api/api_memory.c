#include "api/api_memory.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/counter.h"
#include "base/list.h"
#include "base/map.h"
#include "base/str.h"

#define DIGEST_BYTES 32

struct api_memory_entry {
  struct map_entry by_key; /* key points at key */
  struct list link;        /* once it is done: in answered */
  unsigned char key[DIGEST_BYTES], request[DIGEST_BYTES];
  uint64_t until_ms, answer;
  bool done;
};

struct api_memory {
  pthread_mutex_t mutex; /* protects what follows */
  struct map map;
  struct list answered; /* the oldest answer first */
  size_t max;
  uint64_t keep_ms;
};

struct api_memory *api_memory_new(size_t max, uint64_t keep_ms)
{
  struct api_memory *memory = calloc(1, sizeof *memory);
  if (!memory)
    return NULL;
  pthread_mutex_init(&memory->mutex, NULL);
  list_init(&memory->answered);
  memory->max = max;
  memory->keep_ms = keep_ms;
  return memory;
}

static void forget(struct api_memory *memory, struct api_memory_entry *entry)
{
  map_remove(&memory->map, &entry->by_key);
  list_remove(&entry->link);
  free(entry);
  COUNT_BY(api_remembered, -1);
}

void api_memory_free(struct api_memory *memory)
{
  struct map_iter it = {0};
  struct map_entry *e;
  if (!memory)
    return;
  while ((e = map_next(&memory->map, &it)))
    forget(memory, container_of(e, struct api_memory_entry, by_key));
  map_fini(&memory->map);
  pthread_mutex_destroy(&memory->mutex);
  free(memory);
}

static bool digest(const struct plug_str *parts, size_t n, unsigned char out[DIGEST_BYTES])
{
  unsigned int len = 0;
  EVP_MD_CTX *md = EVP_MD_CTX_new();
  bool well = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1;
  for (size_t i = 0; well && i < n; i++) {
    uint64_t part = parts[i].len; /* so that no two lists of parts make one text */
    well = EVP_DigestUpdate(md, &part, sizeof part) == 1 &&
           EVP_DigestUpdate(md, parts[i].ptr, parts[i].len) == 1;
  }
  well = well && EVP_DigestFinal_ex(md, out, &len) == 1 && len == DIGEST_BYTES;
  EVP_MD_CTX_free(md);
  return well;
}

static struct api_memory_entry *find(const struct api_memory *memory,
                                     const unsigned char key[DIGEST_BYTES])
{
  struct map_entry *e = map_find(&memory->map, str_from((const char *)key, DIGEST_BYTES));
  return e ? container_of(e, struct api_memory_entry, by_key) : NULL;
}

/* What has had its time goes, and then the oldest, until there is room for one more; what is under
 * way stays. */
static void make_room(struct api_memory *memory, uint64_t now_ms)
{
  struct list *node;
  while ((node = list_first(&memory->answered))) {
    struct api_memory_entry *entry = container_of(node, struct api_memory_entry, link);
    if (entry->until_ms > now_ms) {
      if (memory->map.count < memory->max)
        return;
      COUNT(api_forgotten);
    }
    forget(memory, entry);
  }
}

static struct api_memory_entry *add(struct api_memory *memory,
                                    const unsigned char key[DIGEST_BYTES],
                                    const unsigned char request[DIGEST_BYTES])
{
  struct api_memory_entry *entry = calloc(1, sizeof *entry);
  if (!entry)
    return NULL;
  memcpy(entry->key, key, DIGEST_BYTES);
  memcpy(entry->request, request, DIGEST_BYTES);
  entry->by_key.key = str_from((const char *)entry->key, DIGEST_BYTES);
  if (!map_insert(&memory->map, &entry->by_key)) {
    free(entry);
    return NULL;
  }
  list_init(&entry->link);
  COUNT(api_remembered);
  return entry;
}

enum api_memory_verdict api_memory_begin(struct api_memory *memory, struct plug_str owner,
                                         struct plug_str key, struct plug_str request,
                                         uint64_t now_ms, struct api_memory_entry **entry,
                                         uint64_t *answer)
{
  unsigned char name[DIGEST_BYTES], what[DIGEST_BYTES];
  const struct plug_str parts[] = {owner, key};
  enum api_memory_verdict verdict = API_MEMORY_NEW;
  *entry = NULL;
  if (!memory->max || !digest(parts, 2, name) || !digest(&request, 1, what))
    return verdict;
  pthread_mutex_lock(&memory->mutex);
  struct api_memory_entry *known = find(memory, name);
  if (known && known->done && known->until_ms <= now_ms) {
    forget(memory, known);
    known = NULL;
  }
  if (known) {
    *answer = known->answer;
    verdict = memcmp(known->request, what, DIGEST_BYTES) != 0 ? API_MEMORY_OTHER
              : known->done                                   ? API_MEMORY_DONE
                                                              : API_MEMORY_UNDER_WAY;
  } else {
    make_room(memory, now_ms);
    *entry = memory->map.count < memory->max ? add(memory, name, what) : NULL;
    if (*entry)
      (*entry)->until_ms = now_ms + memory->keep_ms;
    else
      COUNT(api_forgotten);
  }
  pthread_mutex_unlock(&memory->mutex);
  return verdict;
}

void api_memory_end(struct api_memory *memory, struct api_memory_entry *entry, bool done,
                    uint64_t answer)
{
  if (!entry)
    return;
  pthread_mutex_lock(&memory->mutex);
  entry->done = done;
  entry->answer = answer;
  if (done)
    list_append(&memory->answered, &entry->link);
  else
    forget(memory, entry);
  pthread_mutex_unlock(&memory->mutex);
}
