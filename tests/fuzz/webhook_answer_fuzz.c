/* The answer of a backend, behind one byte that says what was asked. What is taken is looked at as
 * a whole: it must keep what hook_answer.h promises. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hook_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads every byte, so that one beyond its memory is noticed. */
static void look(struct plug_str s)
{
  char *copy = malloc(s.len + 1);
  if (!copy)
    abort();
  if (s.len)
    memcpy(copy, s.ptr, s.len);
  free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  enum { MOST = 8 };
  struct hook_answer answer;
  char why[200] = "";
  if (!size)
    return 0;
  enum hook_asked asked = (enum hook_asked)(data[0] % 3);
  struct plug_str text = {(const char *)data + 1, size - 1};
  if (!hook_answer_parse(&answer, text, asked, MOST, why)) {
    if (!why[0] || answer.json || answer.messages)
      abort();
    return 0;
  }
  if (answer.n_publishes > MOST || (answer.has_error && (answer.n_publishes || answer.has_reply)) ||
      (asked == HOOK_ASKED_EVENT && (answer.has_error || answer.has_reply)))
    abort();
  for (size_t i = 0; i < answer.n_publishes + answer.has_reply; i++) {
    const struct plug_app_message *message = &answer.messages[i];
    if (i < answer.n_publishes && (!message->destination.len || message->destination.ptr[0] != '/'))
      abort();
    if (message->n_headers > HOOK_HEADERS_MAX)
      abort();
    look(message->destination);
    look(message->content_type);
    look(message->body);
    for (size_t k = 0; k < message->n_headers; k++) {
      look(message->headers[k].key);
      look(message->headers[k].value);
    }
  }
  if (answer.has_error) {
    if (!answer.error.code.len || answer.error.code.len > HOOK_CODE_MAX)
      abort();
    look(answer.error.code);
    look(answer.error.reason);
  }
  hook_answer_fini(&answer);
  return 0;
}
