#include "nats_taps.h"

#include <stdlib.h>

#include "nats_subject.h"

enum { MIN_SLOTS = 64 };

struct nats_taps_entry {
  struct nats_taps_entry *next;
  uint64_t interest;
  size_t n;
  struct nats_tap *tap[2];
};

/* The server counts them up: neighbours in number shall not be neighbours here. */
static size_t slot_of(const struct nats_taps *taps, uint64_t interest)
{
  return (size_t)((interest * UINT64_C(0x9E3779B97F4A7C15)) >> 20) & (taps->n_slots - 1);
}

static bool grow(struct nats_taps *taps)
{
  size_t n_slots = taps->n_slots == 0 ? MIN_SLOTS : taps->n_slots * 2;
  struct nats_taps old = *taps;
  if (taps->n < taps->n_slots)
    return true;
  taps->slots = calloc(n_slots, sizeof *taps->slots);
  if (taps->slots == NULL) {
    taps->slots = old.slots;
    return old.n_slots > 0; /* fuller than it should be */
  }
  taps->n_slots = n_slots;
  for (size_t i = 0; i < old.n_slots; i++)
    for (struct nats_taps_entry *entry = old.slots[i], *next; entry != NULL; entry = next) {
      next = entry->next;
      struct nats_taps_entry **slot = &taps->slots[slot_of(taps, entry->interest)];
      entry->next = *slot;
      *slot = entry;
    }
  free(old.slots);
  return true;
}

static void close_entry(struct nats_taps *taps, struct nats_taps_entry *entry)
{
  for (size_t i = 0; i < entry->n; i++)
    nats_tap_close(entry->tap[i]);
  taps->n_subjects -= entry->n;
  free(entry);
}

const char *nats_taps_add(struct nats_taps *taps, struct nats_gate *gate, natsConnection *nc,
                          const char *prefix, const struct nats_item *item)
{
  char subjects[2][NATS_SUBJECT_MAX + 1];
  size_t n = item->is_pattern ? nats_subject_cover(subjects, prefix, item->topic)
                              : nats_subject_put(subjects[0], prefix, item->topic);
  natsStatus status = NATS_OK;
  if (n == 0)
    return "the name is too long for a NATS subject";
  struct nats_taps_entry *entry = grow(taps) ? calloc(1, sizeof *entry) : NULL;
  if (entry == NULL)
    return "out of memory";
  entry->interest = item->interest;
  const struct plug_str topic = item->is_pattern ? (struct plug_str){NULL, 0} : item->topic;
  for (size_t i = 0; i < n && status == NATS_OK; i++) {
    entry->tap[i] = nats_tap_open(gate, nc, subjects[i], item->interest, topic, &status);
    if (entry->tap[i] != NULL) {
      entry->n++;
      taps->n_subjects++;
    }
  }
  if (status != NATS_OK) {
    close_entry(taps, entry);
    return natsStatus_GetText(status);
  }
  struct nats_taps_entry **slot = &taps->slots[slot_of(taps, item->interest)];
  entry->next = *slot;
  *slot = entry;
  taps->n++;
  return NULL;
}

void nats_taps_remove(struct nats_taps *taps, uint64_t interest)
{
  if (taps->n_slots == 0)
    return;
  struct nats_taps_entry **at = &taps->slots[slot_of(taps, interest)];
  while (*at != NULL && (*at)->interest != interest)
    at = &(*at)->next;
  struct nats_taps_entry *entry = *at;
  if (entry == NULL)
    return;
  *at = entry->next;
  taps->n--;
  close_entry(taps, entry);
}

void nats_taps_clear(struct nats_taps *taps)
{
  for (size_t i = 0; i < taps->n_slots; i++)
    for (struct nats_taps_entry *entry = taps->slots[i], *next; entry != NULL; entry = next) {
      next = entry->next;
      close_entry(taps, entry);
    }
  free(taps->slots);
  *taps = (struct nats_taps){0};
}
