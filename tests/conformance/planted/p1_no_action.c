/* caught by: P1 — a claim is for neither SEND nor SUBSCRIBE. */
#include "planted_app.h"

static void claims(void *self, struct plug_app_claims *out)
{
  static const struct plug_claim one[] = {{{"/rooms/{room}", 13}, 0, 0}};
  (void)self;
  out->claims = one;
  out->n_claims = sizeof one / sizeof one[0];
}

static plug_status request(void *self, const struct plug_app_request *request, struct plug_op *op)
{
  (void)request;
  answer_text(self, op, "");
  return PLUG_PENDING;
}

#define CLAIMS  claims
#define REQUEST request
#include "planted_app_entry.h"
