/* Beats of other nodes: what is read can be written and is read the same again, and lists of nodes
 * are JSON whatever they said. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/str.h"
#include "ops/nodes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct node_beat beat, again;
  struct plug_str text = str_from((const char *)data, size);
  if (!node_beat_read(text, &beat))
    return 0;
  struct buf out = {0};
  invariant(node_beat_put(&beat, &out));
  invariant(node_beat_read(str_from(out.data, out.len), &again));
  invariant(strcmp(beat.instance, again.instance) == 0 && strcmp(beat.host, again.host) == 0 &&
            beat.interval_ms == again.interval_ms && beat.wanted == again.wanted);
  struct nodes *nodes = nodes_new();
  invariant(nodes);
  (void)nodes_hear(nodes, STR("n1"), &beat, 1000);
  (void)nodes_hear(nodes, text, &again, 2000); /* names are others' text, too */
  json_t *list = nodes_list(nodes, beat.instance, 3000);
  invariant(list && json_array_size(list) >= 1);
  char *dump = json_dumps(list, 0);
  invariant(dump);
  free(dump);
  json_decref(list);
  nodes_free(nodes);
  buf_free(&out);
  return 0;
}
