/* What an application answers, copied into one allocation, which travels as the detail of the
 * operation or, when the answer comes before the plugin's function has returned, is caught on the
 * way. Owns nothing after the call. Any thread. */
#ifndef PLUGIN_ANSWER_H
#define PLUGIN_ANSWER_H

#include <stdbool.h>

#include <plugboard/app.h>

#include "plugin/op.h"

/* The status of an operation whose detail is a struct plug_app_answer. Not one of grant.h's. */
#define ANSWER_GIVEN (OP_STATUS_PLUGIN_MAX + 4)

/* plug_host.app of every instance that is an application. */
extern const struct plug_app_up answer_app_up;

/* In one allocation, for free(); NULL when out of memory. */
struct plug_app_answer *answer_copy(const struct plug_app_answer *theirs, size_t *len);

/* Around a call of request with op: an answer to it that is given meanwhile on this thread is the
 * caller's at once, and the operation is as if it had not been taken. */
struct answer_catch {
  struct plug_op *op;
  struct plug_app_answer *caught; /* for free(); NULL: none */
  bool failed;                    /* there was one, and no memory for it */
  struct answer_catch *outer;
};
void answer_catch_begin(struct answer_catch *catch, struct plug_op *op);
/* status: what the function has returned; PLUG_PENDING if the operation is open now. */
plug_status answer_catch_end(struct answer_catch *catch, plug_status status);

#endif
