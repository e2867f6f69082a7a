#include "load_bulk.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

void bulk_put_pairs(struct bytes *block, const struct protocol *protocol, char *const *topics,
                    unsigned n_topics, unsigned n)
{
  for (unsigned i = 0; i < n; i++) {
    struct bytes subscribe = {0}, unsubscribe = {0};
    protocol->subscribe_pair(&subscribe, &unsubscribe, topics[i % n_topics], i, i + 1 == n);
    ws_put_frame(block, protocol->opcode, subscribe.at, subscribe.len);
    ws_put_frame(block, protocol->opcode, unsubscribe.at, unsubscribe.len);
    bytes_free(&subscribe);
    bytes_free(&unsubscribe);
  }
}

uint64_t bulk_drive(struct bulk *bulk, bool start_new)
{
  uint64_t answered = bulk->conn->fences - bulk->done;
  bulk->done += answered;
  while (bulk->at || (start_new && bulk->sent - bulk->done < BULK_BLOCKS)) {
    ssize_t n = send(bulk->conn->fd, bulk->block->at + bulk->at, bulk->block->len - bulk->at,
                     MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      break;
    if (n < 0 && errno != EINTR)
      load_fail("send: %s", strerror(errno));
    bulk->at += n > 0 ? (size_t)n : 0;
    if (bulk->at == bulk->block->len) {
      bulk->at = 0;
      bulk->sent++;
    }
  }
  return answered;
}
