/* What somebody who runs the server has to know now: the broker is down, a name is taken twice, a
 * certificate ends soon. Each warning has an id, by which it is put again with other words, and
 * taken back. Owns copies, of which there are so many at most. Any thread, behind one mutex. */
#ifndef OPS_WARNINGS_H
#define OPS_WARNINGS_H

#include <stdbool.h>
#include <stdint.h>

#define WARNINGS_MAX     64
#define WARNING_ID_MAX   95 /* bytes, as of the text; what is longer is cut */
#define WARNING_TEXT_MAX 255

struct warnings;

struct warnings *warnings_new(void); /* NULL when out of memory */
void warnings_free(struct warnings *warnings);

/* One that is there keeps its time. True: it is new. When there are too many it is not kept. */
bool warnings_put(struct warnings *warnings, const char *id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for a time: unless it is put again it goes by itself then. */
bool warnings_put_for(struct warnings *warnings, uint64_t for_ms, const char *id,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));
/* True: it was there. */
bool warnings_clear(struct warnings *warnings, const char *id);
/* Puts it if wanted, clears it if not. */
#define warnings_set(warnings, wanted, id, ...) \
  ((wanted) ? warnings_put((warnings), (id), __VA_ARGS__) : warnings_clear((warnings), (id)))

/* Visits them, oldest first; since_ms on the clock of the day. visit may not call any of these. */
void warnings_each(struct warnings *warnings,
                   void (*visit)(void *ctx, const char *id, uint64_t since_ms, const char *text),
                   void *ctx);

#endif
