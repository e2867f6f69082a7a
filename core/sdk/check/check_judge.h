/* Whether what a plugin gives is as the headers want it: identities, refusals, answers, messages.
 * Each function says what is wrong, in one sentence without a full stop that lives until the next
 * call, or NULL. The thread of the check. */
#ifndef SDK_CHECK_JUDGE_H
#define SDK_CHECK_JUDGE_H

#include <plugboard/plugin.h>

const char *judge_identity(const struct plug_identity *who);
const char *judge_refusal(const struct plug_refusal *refusal);
/* asked: in the answer to a SUBSCRIBE, whose reply's destination is ignored. */
const char *judge_answer(const struct plug_app_answer *answer, uint32_t action);
const char *judge_message(const struct plug_app_message *message, int needs_destination);

#endif
