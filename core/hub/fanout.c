#include "hub/fanout.h"

#include <stdlib.h>

#include "base/counter.h"
#include "base/hash.h"
#include "message/message.h"
#include "stomp/stomp_encoder.h"

struct job {
  struct hub *hub;
  const struct plug_msg *const *msgs;
  uint32_t n;
  bool encoded[STOMP_1_2 + 1];                     /* is hub->shared this job's? */
  size_t ends[STOMP_1_2 + 1][FANOUT_MESSAGES_MAX]; /* where in it the messages end */
};

/* --- encoding ----------------------------------------------------------------------------- */

#define NODE_SHOWN      64u /* node ids have no more */
#define MESSAGE_ID_SIZE (NODE_SHOWN + 1 + 20)

static struct plug_str put_message_id_prefix(char out[MESSAGE_ID_SIZE], const struct plug_msg *msg)
{
  size_t len = msg->origin.len < NODE_SHOWN ? msg->origin.len : NODE_SHOWN;
  memcpy(out, msg->origin.ptr, len);
  out[len++] = '-';
  return str_from(out, len);
}

static struct plug_str put_message_id(char out[MESSAGE_ID_SIZE], const struct plug_msg *msg)
{
  size_t len = put_message_id_prefix(out, msg).len;
  len += str_put_u64(out + len, msg->id);
  return str_from(out, len);
}

/* As the subscriber knows it (struct hub, user_prefix). */
static void __attribute__((noinline)) put_user_destination(const struct hub *hub, struct buf *out,
                                                           enum stomp_version version,
                                                           struct plug_str topic)
{
  const char *slash = memchr(topic.ptr, '/', topic.len);
  size_t skip = slash ? (size_t)(slash - topic.ptr) : topic.len;
  buf_put_str(out, STR("destination:"));
  stomp_put_escaped(out, version, hub->user_prefix, false);
  stomp_put_escaped(out, version, str_from(topic.ptr + skip, topic.len - skip), false);
  buf_put_char(out, '\n');
}

/* What the messages of a burst have in common, if they come from one node: the destination, and the
 * message-id but for its number. */
static void put_start(const struct hub *hub, struct buf *out, enum stomp_version version,
                      const struct plug_msg *msg)
{
  char id[MESSAGE_ID_SIZE];
  struct plug_str prefix = put_message_id_prefix(id, msg);
  if (msg->topic.ptr[0] == '/')
    stomp_put_known_header(out, version, STOMP_MESSAGE, STR("destination:"), msg->topic);
  else
    put_user_destination(hub, out, version, msg->topic);
  buf_put_str(out, STR("message-id:"));
  stomp_put_escaped(out, version, prefix, false);
}

/* The number in the message-id, and the line's end. */
static void put_id(struct hub *hub, struct buf *out, const struct plug_msg *msg)
{
  number_set(&hub->last_id, msg->id);
  if (!buf_reserve(out, NUMBER_TEXT + 1))
    return;
  char *at = number_put(&hub->last_id, out->data + out->len);
  *at++ = '\n';
  out->len = (size_t)(at - out->data);
}

static void put_body(struct hub *hub, struct buf *out, struct plug_str body)
{
  static const char name[] = "content-length:";
  number_set(&hub->last_len, body.len);
  if (!buf_reserve(out, sizeof name + NUMBER_TEXT + 2 + body.len + 1))
    return;
  char *at = out->data + out->len;
  memcpy(at, name, sizeof name);
  at = number_put(&hub->last_len, at + sizeof name - 1);
  *at++ = '\n';
  *at++ = '\n';
  if (body.len)
    memcpy(at, body.ptr, body.len);
  at[body.len] = '\0';
  out->len = (size_t)(at - out->data) + body.len + 1;
}

static void put_rest(struct hub *hub, struct buf *out, enum stomp_version version,
                     const struct plug_msg *msg)
{
  put_id(hub, out, msg);
  if (msg->content_type.len)
    stomp_put_known_header(out, version, STOMP_MESSAGE, STR("content-type:"), msg->content_type);
  for (size_t i = 0; i < msg->n_headers; i++)
    stomp_put_header(out, version, STOMP_MESSAGE, msg->headers[i].key, msg->headers[i].value);
  put_body(hub, out, msg->payload);
}

static inline bool same_text(struct plug_str a, struct plug_str b)
{
  return a.len == b.len && (a.ptr == b.ptr || str_eq(a, b));
}

/* Everything behind the headers that differ between groups, of all messages. */
static bool encode_shared(struct job *job, enum stomp_version version)
{
  struct buf *out = &job->hub->shared[version];
  if (job->encoded[version])
    return true;
  out->len = 0;
  out->failed = false;
  size_t start = 0, start_len = 0;
  for (uint32_t i = 0; i < job->n; i++) {
    const struct plug_msg *msg = job->msgs[i];
    if (i && same_text(msg->origin, job->msgs[i - 1]->origin)) {
      if (buf_reserve(out, start_len))
        buf_put(out, out->data + start, start_len);
    } else {
      start = out->len;
      put_start(job->hub, out, version, msg);
      start_len = out->len - start;
    }
    put_rest(job->hub, out, version, msg);
    job->ends[version][i] = out->len;
  }
  job->encoded[version] = !out->failed;
  return job->encoded[version];
}

static struct plug_str shared_of(const struct job *job, enum stomp_version version, uint32_t i)
{
  size_t from = i ? job->ends[version][i - 1] : 0;
  return str_from(job->hub->shared[version].data + from, job->ends[version][i] - from);
}

/* The ack id names delivery and subscription, as one ACK header must (STOMP 1.2 ACK). */
static void put_ack_header(struct buf *out, const struct group *group, const struct plug_msg *msg)
{
  char id[MESSAGE_ID_SIZE];
  struct buf ack = {0};
  buf_put_str(&ack, put_message_id(id, msg));
  buf_put_char(&ack, '/');
  buf_put_str(&ack, group->id);
  stomp_put_header(out, group->version, STOMP_MESSAGE, STR("ack"), str_from(ack.data, ack.len));
  out->failed |= ack.failed;
  buf_free(&ack);
}

#define HEAD_ON_STACK 256
#define PLAIN_ID_MAX  200

/* The command and the headers that are the group's own; msg matters only to groups that
 * acknowledge. In on_stack if it is short, else in *made; empty when out of memory. */
static struct plug_str group_head(const struct group *group, const struct plug_msg *msg,
                                  char on_stack[HEAD_ON_STACK], struct buf *made)
{
  static const char start[] = "MESSAGE\nsubscription:";
  size_t len = sizeof start - 1;
  if (group->ack == ACK_AUTO && group->plain_id && group->id.len <= PLAIN_ID_MAX) {
    memcpy(on_stack, start, len);
    if (group->id.len)
      memcpy(on_stack + len, group->id.ptr, group->id.len);
    len += group->id.len;
    on_stack[len++] = '\n';
    return str_from(on_stack, len);
  }
  stomp_put_command(made, STOMP_MESSAGE);
  stomp_put_header(made, group->version, STOMP_MESSAGE, STR("subscription"), group->id);
  if (group->ack != ACK_AUTO && group->version >= STOMP_1_2)
    put_ack_header(made, group, msg);
  return made->failed ? str_from(NULL, 0) : str_from(made->data, made->len);
}

static char *put_message(char *at, const struct plug_msg *msg, struct plug_str head,
                         struct plug_str shared)
{
  uint8_t opcode = msg->flags & PLUG_MSG_BINARY ? FRAME_WS_BINARY : FRAME_WS_TEXT;
  at += frame_put_ws_header(at, opcode, head.len + shared.len);
  memcpy(at, head.ptr, head.len);
  memcpy(at + head.len, shared.ptr, shared.len);
  return at + head.len + shared.len;
}

/* Messages first to first + n as one frame. More than one only for groups that do not acknowledge.
 * NULL when out of memory. */
static struct frame *encode(struct job *job, const struct group *group, uint32_t first, uint32_t n)
{
  char on_stack[HEAD_ON_STACK];
  struct buf made = {0};
  struct plug_str head = group_head(group, job->msgs[first], on_stack, &made);
  struct frame *frame = NULL;
  if (head.len && encode_shared(job, group->version)) {
    size_t len = 0;
    for (uint32_t i = first; i < first + n; i++) {
      size_t size = head.len + shared_of(job, group->version, i).len;
      len += frame_ws_header_len(size) + size;
    }
    /* Who acknowledges counts on getting everything: there the queue's policy may only close. */
    frame = frame_alloc(len, (uint16_t)n, group->ack == ACK_AUTO);
  }
  if (frame) {
    char *at = frame->bytes;
    for (uint32_t i = first; i < first + n; i++)
      at = put_message(at, job->msgs[i], head, shared_of(job, group->version, i));
    frame->ws_header = frame_ws_header_len(head.len + shared_of(job, group->version, first).len);
  }
  buf_free(&made);
  return frame;
}

/* --- queueing ----------------------------------------------------------------------------- */

/* The queues of a large group are not in the cache: they are asked for ahead of time. */
static inline void prefetch_queue(const struct group *group, uint32_t i)
{
  if (i + 4 < group->n)
    __builtin_prefetch(group->queues[i + 4], 1);
}

static inline void count_delivered(struct hub *hub, const struct group *group, uint32_t n)
{
  COUNT_BY(delivered, n);
  hub_prefixes_delivered(&hub->prefixes, group->prefix, n);
}

static uint64_t ack_hash(const struct plug_msg *msg)
{
  char id[MESSAGE_ID_SIZE];
  struct plug_str text = put_message_id(id, msg);
  return hash_bytes(text.ptr, text.len);
}

static void queue_acked(struct hub *hub, struct group *group, struct frame *frame,
                        const struct plug_msg *msg)
{
  uint64_t hash = ack_hash(msg);
  /* Backwards: on_unacked_full may end a session, which removes members of this group at or behind
   * the current place. It must not free the group: its queue is only marked. */
  for (uint32_t i = group->n; i-- > 0;) {
    struct subscription *sub = group->members[i];
    if (!outq_push(&hub->outqs, group->queues[i], frame))
      continue;
    count_delivered(hub, group, 1);
    if (!subscription_expect_ack(sub, hash, hub->max_unacked))
      hub->on_unacked_full(sub);
  }
}

static void queue_auto(struct hub *hub, const struct group *group, struct frame *frame,
                       bool repeated_only)
{
  uint32_t delivered = 0;
  for (uint32_t i = 0; i < group->n; i++) {
    prefetch_queue(group, i);
    if (!repeated_only || group->queues[i]->repeated)
      delivered += outq_push(&hub->outqs, group->queues[i], frame);
  }
  count_delivered(hub, group, delivered);
}

/* One message to all members of the group, or to those that get it from other groups, too. */
static void queue_message(struct job *job, struct group *group, uint32_t i, bool repeated_only)
{
  struct frame *frame = encode(job, group, i, 1);
  if (!frame) {
    COUNT_BY(dropped_congested, group->n);
    return;
  }
  if (group->ack == ACK_AUTO)
    queue_auto(job->hub, group, frame, repeated_only);
  else
    queue_acked(job->hub, group, frame, job->msgs[i]);
  frame_unref(frame);
}

/* All messages at once to the members that get them from no other group. */
static void queue_burst(struct job *job, struct group *group, bool alone)
{
  struct hub *hub = job->hub;
  uint32_t delivered = 0;
  struct frame *burst = encode(job, group, 0, job->n);
  group->has_repeated = false;
  for (uint32_t i = 0; i < group->n; i++) {
    prefetch_queue(group, i);
    struct outq *queue = group->queues[i];
    if (!alone && queue->repeated)
      group->has_repeated = true;
    else if (burst)
      delivered += outq_push_burst(&hub->outqs, queue, burst);
    else
      COUNT_BY(dropped_congested, job->n);
  }
  count_delivered(hub, group, delivered);
  if (burst)
    frame_unref(burst);
}

/* What a burst needs is kept; what a very large message has left is not. */
#define SHARED_KEEP (128u * 1024)

static void trim_shared(struct hub *hub)
{
  for (unsigned i = 0; i <= STOMP_1_2; i++)
    if (hub->shared[i].cap > SHARED_KEEP)
      buf_free(&hub->shared[i]);
}

/* Marks the queues that are in more than one group. */
static void mark_repeated(struct hub *hub, struct group *const *groups, uint32_t n_groups)
{
  hub->burst++;
  for (uint32_t g = 0; g < n_groups; g++)
    for (uint32_t i = 0; i < groups[g]->n; i++) {
      prefetch_queue(groups[g], i);
      struct outq *queue = groups[g]->queues[i];
      queue->repeated = queue->burst == hub->burst;
      queue->burst = hub->burst;
    }
}

void fanout(struct hub *hub, const struct plug_msg *const *msgs, uint32_t n,
            struct group *const *groups, uint32_t n_groups)
{
  struct job job;
  job.hub = hub;
  job.msgs = msgs;
  job.n = n;
  memset(job.encoded, 0, sizeof job.encoded);
  if (n > 1 && n_groups > 1)
    mark_repeated(hub, groups, n_groups);
  bool one_by_one = n == 1;
  for (uint32_t g = 0; n > 1 && g < n_groups; g++) {
    if (groups[g]->ack == ACK_AUTO)
      queue_burst(&job, groups[g], n_groups == 1);
    one_by_one |= groups[g]->ack != ACK_AUTO || groups[g]->has_repeated;
  }
  for (uint32_t i = 0; one_by_one && i < n; i++)
    for (uint32_t g = 0; g < n_groups; g++)
      if (n == 1 || groups[g]->ack != ACK_AUTO || groups[g]->has_repeated)
        queue_message(&job, groups[g], i, n > 1);
  trim_shared(hub);
}

void fanout_one(struct hub *hub, struct subscription *sub, const struct plug_msg *msg)
{
  struct job job = {.hub = hub, .msgs = &msg, .n = 1};
  struct group *group = sub->group;
  struct frame *frame = encode(&job, group, 0, 1);
  if (!frame) {
    COUNT(dropped_congested);
    return;
  }
  if (outq_push(&hub->outqs, group->queues[sub->index], frame)) {
    count_delivered(hub, group, 1);
    if (group->ack != ACK_AUTO && !subscription_expect_ack(sub, ack_hash(msg), hub->max_unacked))
      hub->on_unacked_full(sub);
  }
  frame_unref(frame);
}
