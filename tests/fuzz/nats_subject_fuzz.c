/* Topics, patterns and subjects: what is made can be read back, and nothing NATS would refuse is
 * made. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "nats_subject.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No blanks, no empty tokens; wildcards only as whole tokens, > only at the end. */
static void check(const char *subject, int wild)
{
  for (const char *p = subject; *p != '\0';) {
    size_t n = strcspn(p, ".");
    if (n == 0)
      abort();
    for (size_t i = 0; i < n; i++) {
      unsigned char c = (unsigned char)p[i];
      int star = c == '*' || c == '>';
      if (c <= ' ' || c == 0x7f || (star && (!wild || n != 1)) || (c == '>' && p[1] != '\0'))
        abort();
    }
    p += n;
    if (*p == '.' && *++p == '\0')
      abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static char subjects[2][NATS_SUBJECT_MAX + 1], again[NATS_SUBJECT_MAX + 1];
  static char topic[NATS_SUBJECT_MAX + 2];
  const struct plug_str input = {(const char *)data, size};
  if (size == 0 || size >= sizeof topic)
    return 0;
  if (nats_subject_put(subjects[0], "p", input)) {
    check(subjects[0], 0);
    size_t n = nats_subject_topic(subjects[0] + 2, topic, sizeof topic);
    if (n == SIZE_MAX || n > size || !nats_subject_put(again, "p", (struct plug_str){topic, n}) ||
        strcmp(again, subjects[0]) != 0)
      abort();
  }
  for (size_t n = nats_subject_cover(subjects, "p", input); n > 0; n--)
    check(subjects[n - 1], 1);
  /* Any text as a subject. */
  memcpy(topic, data, size);
  topic[size] = '\0';
  size_t n = nats_subject_topic(topic, again, sizeof again);
  if (n != SIZE_MAX && n > strlen(topic) + 1)
    abort();
  return 0;
}
