/* Answers to a WebSocket handshake: whole and as they grow; once there is a judgement of a part it
 * stays, but for the text that a refusal quotes. */
#include <stdint.h>
#include <stdlib.h>

#include "base/assert.h"
#include "cli/ws_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==";
  enum ws_client_answer last = WS_CLIENT_MORE;
  size_t used = 0, used_then = 0, step = size / 16 + 1;
  char why[240];
  for (size_t len = 0; len <= size; len += step) {
    char *copy = malloc(len ? len : 1);
    invariant(copy);
    if (len)
      memcpy(copy, data, len);
    why[0] = '\0';
    enum ws_client_answer answer = ws_client_read_answer(copy, len, key, &used, why);
    invariant(last == WS_CLIENT_MORE || answer == last);
    if (answer == WS_CLIENT_OPEN) {
      invariant(used <= len && (last == WS_CLIENT_MORE || used == used_then));
      used_then = used;
    } else if (answer != WS_CLIENT_MORE) {
      invariant(why[0]);
    }
    last = answer;
    free(copy);
  }
  return 0;
}
