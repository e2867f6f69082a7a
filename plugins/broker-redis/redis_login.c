#include "redis_login.h"

#include <stdio.h>

static bool add(struct redis_steps *steps, enum redis_step step, struct redis_buf *out,
                const struct plug_str *argv, size_t argc)
{
  steps->v[steps->n++] = step;
  return redis_buf_put_command(out, argv, argc);
}

bool redis_login_begin(struct redis_steps *steps, const struct redis_login *login,
                       const struct redis_role_watch *role, struct redis_buf *out)
{
  const struct plug_str auth = redis_str("AUTH");
  const struct plug_str setname[] = {redis_str("CLIENT"), redis_str("SETNAME"),
                                     redis_str(login->name)};
  const struct plug_str ask = redis_str("ROLE");
  bool ok = true;
  if (login->password != NULL && login->user != NULL)
    ok = add(steps, REDIS_STEP_AUTH, out,
             (struct plug_str[]){auth, redis_str(login->user), redis_str(login->password)}, 3);
  else if (login->password != NULL)
    ok = add(steps, REDIS_STEP_AUTH, out, (struct plug_str[]){auth, redis_str(login->password)}, 2);
  ok = ok && add(steps, REDIS_STEP_SETNAME, out, setname, 3);
  return ok && (!redis_role_asks(role) || add(steps, REDIS_STEP_ROLE, out, &ask, 1));
}

static bool fail(struct redis_loss *loss, plug_status status, const char *why)
{
  loss->status = status;
  snprintf(loss->why, sizeof loss->why, "%s", why);
  return false;
}

static bool judge_role(struct redis_steps *steps, const struct redis_role_watch *role,
                       enum redis_verdict verdict, struct redis_buf *out, struct redis_loss *loss)
{
  const struct plug_str info[] = {redis_str("INFO"), redis_str("cluster")};
  if (verdict == REDIS_ROLE_WRONG)
    return fail(loss, role->status, role->why);
  if (verdict == REDIS_ROLE_ASK_INFO && !add(steps, REDIS_STEP_INFO, out, info, 2))
    return fail(loss, PLUG_ENOMEM, "out of memory");
  return true;
}

/* False: the connection cannot be used. */
static bool judge(struct redis_steps *steps, struct redis_role_watch *role, const redisReply *reply,
                  struct redis_buf *out, struct redis_loss *loss)
{
  enum redis_step step = steps->v[steps->done];
  if (step == REDIS_STEP_ROLE)
    return judge_role(steps, role, redis_role_answer(role, reply), out, loss);
  if (step == REDIS_STEP_INFO)
    return judge_role(steps, role, redis_role_info(role, reply), out, loss);
  struct plug_str error = {reply->str, reply->len};
  /* A name in CLIENT LIST is a courtesy: an old Redis or a strict ACL may deny it. */
  if (reply->type != REDIS_REPLY_ERROR ||
      (step == REDIS_STEP_SETNAME && !redis_error_is_fatal(error)))
    return true;
  loss->status = redis_error_status(error);
  redis_error_explain(error, step == REDIS_STEP_AUTH, loss->why);
  return false;
}

enum redis_login_state redis_login_reply(struct redis_steps *steps, struct redis_role_watch *role,
                                         const redisReply *reply, struct redis_buf *out,
                                         struct redis_loss *loss)
{
  if (!judge(steps, role, reply, out, loss))
    return REDIS_LOGIN_REFUSED;
  if (++steps->done < steps->n)
    return REDIS_LOGIN_WAITS;
  role->logged_in = true;
  return REDIS_LOGIN_DONE;
}
