#include "ops/warnings.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/day.h"
#include "base/utf8.h"

struct warning {
  char id[WARNING_ID_MAX + 1], text[WARNING_TEXT_MAX + 1];
  uint64_t since_ms, until_ms; /* of the day; of base/clock.h, 0: for ever */
};

struct warnings {
  pthread_mutex_t mutex; /* of all that follows */
  size_t n;
  struct warning items[WARNINGS_MAX];
};

struct warnings *warnings_new(void)
{
  struct warnings *warnings = calloc(1, sizeof *warnings);
  if (warnings)
    pthread_mutex_init(&warnings->mutex, NULL);
  return warnings;
}

void warnings_free(struct warnings *warnings)
{
  if (!warnings)
    return;
  pthread_mutex_destroy(&warnings->mutex);
  free(warnings);
}

static struct warning *find(struct warnings *warnings, const char *id)
{
  for (size_t i = 0; i < warnings->n; i++)
    if (strncmp(warnings->items[i].id, id, WARNING_ID_MAX) == 0)
      return &warnings->items[i];
  return NULL;
}

static void drop_expired(struct warnings *warnings)
{
  uint64_t now_ms = clock_now_ms();
  size_t kept = 0;
  for (size_t i = 0; i < warnings->n; i++)
    if (!warnings->items[i].until_ms || now_ms < warnings->items[i].until_ms)
      warnings->items[kept++] = warnings->items[i];
  warnings->n = kept;
}

static bool put(struct warnings *warnings, uint64_t for_ms, const char *id, const char *format,
                va_list args)
{
  char text[WARNING_TEXT_MAX + 2];
  if (vsnprintf(text, sizeof text, format, args) > WARNING_TEXT_MAX)
    text[utf8_cut(text, WARNING_TEXT_MAX + 1, WARNING_TEXT_MAX)] = '\0';
  pthread_mutex_lock(&warnings->mutex);
  drop_expired(warnings);
  struct warning *warning = find(warnings, id);
  bool is_new = !warning && warnings->n < WARNINGS_MAX;
  if (is_new) {
    warning = &warnings->items[warnings->n++];
    snprintf(warning->id, sizeof warning->id, "%s", id);
    warning->since_ms = day_now_ms();
  }
  if (warning) {
    memcpy(warning->text, text, strlen(text) + 1);
    warning->until_ms = for_ms ? clock_now_ms() + for_ms : 0;
  }
  pthread_mutex_unlock(&warnings->mutex);
  return is_new;
}

bool warnings_put(struct warnings *warnings, const char *id, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  bool is_new = put(warnings, 0, id, format, args);
  va_end(args);
  return is_new;
}

bool warnings_put_for(struct warnings *warnings, uint64_t for_ms, const char *id,
                      const char *format, ...)
{
  va_list args;
  va_start(args, format);
  bool is_new = put(warnings, for_ms, id, format, args);
  va_end(args);
  return is_new;
}

bool warnings_clear(struct warnings *warnings, const char *id)
{
  pthread_mutex_lock(&warnings->mutex);
  struct warning *warning = find(warnings, id);
  if (warning) {
    size_t i = (size_t)(warning - warnings->items);
    memmove(warning, warning + 1, (--warnings->n - i) * sizeof *warning);
  }
  pthread_mutex_unlock(&warnings->mutex);
  return warning != NULL;
}

void warnings_each(struct warnings *warnings,
                   void (*visit)(void *ctx, const char *id, uint64_t since_ms, const char *text),
                   void *ctx)
{
  pthread_mutex_lock(&warnings->mutex);
  drop_expired(warnings);
  for (size_t i = 0; i < warnings->n; i++)
    visit(ctx, warnings->items[i].id, warnings->items[i].since_ms, warnings->items[i].text);
  pthread_mutex_unlock(&warnings->mutex);
}
