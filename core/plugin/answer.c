#include "plugin/answer.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "plugin/border.h"
#include "plugin/part.h"

/* --- copies ------------------------------------------------------------------------------- */

/* The end of a block that is filled from both its tables and its texts. */
struct filler {
  struct plug_kv *kv;
  char *text;
};

static struct plug_str take(struct filler *to, struct plug_str s)
{
  struct plug_str copy = str_from(to->text, s.len);
  if (s.len)
    memcpy(to->text, s.ptr, s.len);
  to->text += s.len;
  return copy;
}

static size_t text_bytes(const struct plug_app_message *message)
{
  size_t bytes = message->destination.len + message->content_type.len + message->body.len;
  for (size_t i = 0; i < message->n_headers; i++)
    bytes += message->headers[i].key.len + message->headers[i].value.len;
  return bytes;
}

static void take_message(struct filler *to, struct plug_app_message *out,
                         const struct plug_app_message *message)
{
  struct plug_kv *headers = to->kv;
  to->kv += message->n_headers;
  for (size_t i = 0; i < message->n_headers; i++) {
    headers[i].key = take(to, message->headers[i].key);
    headers[i].value = take(to, message->headers[i].value);
  }
  *out = (struct plug_app_message){.destination = take(to, message->destination),
                                   .content_type = take(to, message->content_type),
                                   .body = take(to, message->body),
                                   .headers = headers,
                                   .n_headers = message->n_headers};
}

static bool is_message(const struct plug_app_message *message)
{
  return message && border_is_text(message->destination) && border_is_text(message->content_type) &&
         border_is_text(message->body) && border_are_pairs(message->headers, message->n_headers);
}

static bool is_error(const struct plug_app_error *theirs)
{
  struct plug_app_error error = {0};
  memcpy(&error, theirs, theirs->size < sizeof error ? theirs->size : sizeof error);
  return border_is_text(error.code) && border_is_text(error.reason) && border_is_text(error.detail);
}

/* All that it points to may be there. */
static bool is_answer(const struct plug_app_answer *theirs)
{
  struct plug_app_answer in = {0};
  if (!theirs)
    return false;
  memcpy(&in, theirs, theirs->size < sizeof in ? theirs->size : sizeof in);
  if ((in.error && !is_error(in.error)) || (in.reply && !is_message(in.reply)) ||
      !border_is_table(in.publishes, in.n_publishes))
    return false;
  for (size_t i = 0; i < in.n_publishes; i++)
    if (!is_message(&in.publishes[i]))
      return false;
  return true;
}

struct plug_app_answer *answer_copy(const struct plug_app_answer *theirs, size_t *len)
{
  struct plug_app_answer in = {0};
  struct plug_app_error error = {0};
  memcpy(&in, theirs, theirs->size < sizeof in ? theirs->size : sizeof in);
  if (in.error) {
    memcpy(&error, in.error, in.error->size < sizeof error ? in.error->size : sizeof error);
    error.size = sizeof error;
    in.n_publishes = 0;
    in.reply = NULL;
  }
  size_t n = in.n_publishes + (in.reply != NULL), n_headers = 0;
  size_t bytes = error.code.len + error.reason.len + error.detail.len;
  for (size_t i = 0; i < n; i++) {
    const struct plug_app_message *message = i < in.n_publishes ? &in.publishes[i] : in.reply;
    n_headers += message->n_headers;
    bytes += text_bytes(message);
  }
  *len = sizeof in + sizeof error + n * sizeof *in.publishes + n_headers * sizeof(struct plug_kv) +
         bytes;
  struct plug_app_answer *answer = malloc(*len);
  if (!answer)
    return NULL;
  struct plug_app_error *error_copy = (struct plug_app_error *)(answer + 1);
  struct plug_app_message *messages = (struct plug_app_message *)(error_copy + 1);
  struct filler to = {.kv = (struct plug_kv *)(messages + n)};
  to.text = (char *)(to.kv + n_headers);
  for (size_t i = 0; i < n; i++)
    take_message(&to, &messages[i], i < in.n_publishes ? &in.publishes[i] : in.reply);
  error.code = take(&to, error.code);
  error.reason = take(&to, error.reason);
  error.detail = take(&to, error.detail);
  *error_copy = error;
  *answer = (struct plug_app_answer){.size = sizeof *answer,
                                     .publishes = messages,
                                     .n_publishes = in.n_publishes,
                                     .reply = in.reply ? &messages[in.n_publishes] : NULL,
                                     .error = in.error ? error_copy : NULL};
  return answer;
}

/* --- upcalls ------------------------------------------------------------------------------ */

static _Thread_local struct answer_catch *catching;

void answer_catch_begin(struct answer_catch *catch, struct plug_op *op)
{
  *catch = (struct answer_catch){.op = op, .outer = catching};
  catching = catch;
}

plug_status answer_catch_end(struct answer_catch *catch, plug_status status)
{
  catching = catch->outer;
  if (status == PLUG_PENDING && (catch->caught || catch->failed))
    status = catch->failed ? PLUG_ENOMEM : PLUG_OK;
  status = op_offered(catch->op, status);
  if (status != PLUG_OK) {
    free(catch->caught);
    catch->caught = NULL;
  }
  return status;
}

static void up_answer(struct plug_op *op, const struct plug_app_answer *theirs)
{
  size_t len;
  if (!is_answer(theirs)) {
    op_complete_garbage(op, "answer");
    return;
  }
  struct plug_app_answer *answer = answer_copy(theirs, &len);
  struct answer_catch *catch = catching;
  if (catch && catch->op == op && !catch->caught && !catch->failed) {
    catch->caught = answer;
    catch->failed = !answer;
  } else if (answer) {
    op_complete(op, &(struct op_answer){ANSWER_GIVEN, OP_TAKES_ANSWER, answer, len}, "answer");
  } else {
    op_complete(op, &(struct op_answer){.status = PLUG_ENOMEM}, "answer");
  }
}

/* Until drain has ended: what was taken before may still lead to messages. */
static bool may_publish(const struct plugin_instance *instance)
{
  enum instance_state state = part_state(instance);
  return state == INSTANCE_RUNNING || state == INSTANCE_DRAINING;
}

static plug_status up_publish(const struct plug_host *host, const struct plug_app_message *message,
                              plug_app_published_fn done, void *arg)
{
  struct plugin_instance *instance = part_of(host);
  struct plug_app_answer one = {.size = sizeof one, .publishes = message, .n_publishes = 1};
  size_t len;
  if (!may_publish(instance) || !instance->app_up.publish)
    return PLUG_ESTATE;
  if (!border_accepts(instance, "publish", is_message(message)))
    return PLUG_EINVAL;
  struct plug_app_answer *copy = answer_copy(&one, &len);
  return copy ? instance->app_up.publish(instance->app_up.ctx, copy, done, arg) : PLUG_ENOMEM;
}

static plug_status up_publish_local(const struct plug_host *host,
                                    const struct plug_app_message *message, uint64_t session,
                                    struct plug_str subscription)
{
  struct plugin_instance *instance = part_of(host);
  struct plug_app_answer one = {.size = sizeof one, .publishes = message, .n_publishes = 1};
  size_t len;
  if (!may_publish(instance) || !instance->app_up.publish_local)
    return PLUG_ESTATE;
  if (!border_accepts(instance, "publish_local",
                      is_message(message) && border_is_text(subscription)))
    return PLUG_EINVAL;
  struct plug_app_answer *copy = answer_copy(&one, &len);
  return copy ? instance->app_up.publish_local(instance->app_up.ctx, copy, session, subscription)
              : PLUG_ENOMEM;
}

static plug_status up_check(const struct plug_host *host, const struct plug_app_message *message)
{
  struct plugin_instance *instance = part_of(host);
  if (!may_publish(instance))
    return PLUG_ESTATE;
  if (!border_accepts(instance, "check", is_message(message)))
    return PLUG_EINVAL;
  return instance->app_up.check(instance->app_up.ctx, message);
}

const struct plug_app_up answer_app_up = {
    .size = sizeof answer_app_up,
    .answer = up_answer,
    .publish = up_publish,
    .publish_local = up_publish_local,
    .check = up_check,
};
