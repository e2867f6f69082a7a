/* What is to happen to the sessions of a user, or to one session, on all nodes: they are
 * disconnected, or lose a subscription. Reads the bodies of POST /api/disconnect, /api/unsubscribe
 * and /admin/api/kick, and writes and reads the messages by which nodes tell each other. No I/O; an
 * order owns its texts. Any thread. */
#ifndef API_API_ORDER_H
#define API_API_ORDER_H

#include "api/api_fault.h"

/* The topic of those messages. No client reaches it: what clients, applications and the API write
 * starts with a slash, and no pattern that starts with one matches what does not. */
#define API_ORDER_TOPIC "plugboard:control"

#define API_ORDER_TEXT_MAX   255
#define API_ORDER_REFUSE_MAX 2592000u /* seconds: 30 days */

enum api_order_kind { API_ORDER_DISCONNECT, API_ORDER_UNSUBSCRIBE };

struct api_order {
  enum api_order_kind kind;
  char user[API_ORDER_TEXT_MAX + 1];    /* empty: session */
  char session[API_ORDER_TEXT_MAX + 1]; /* its id, of CONNECTED */
  char reason[API_ORDER_TEXT_MAX + 1];  /* what its client is told; empty: a sentence of ours */
  char *destination;                    /* of a subscription, as its client wrote it */
  uint32_t refuse_s;                    /* so long the user may not come back */
};

/* False: *fault is filled, and nothing to be freed. */
bool api_order_read(enum api_order_kind kind, struct plug_str body, size_t max_destination,
                    struct api_order *order, struct api_fault *fault);
/* The body of the admin API's kick, whose members have other names: "session", or "user" and
 * perhaps "for_s"; "message". */
bool api_order_read_kick(struct plug_str body, struct api_order *order, struct api_fault *fault);
void api_order_fini(struct api_order *order);

/* As other nodes read it; false when out of memory. */
bool api_order_put(const struct api_order *order, struct buf *out);
enum api_order_heard {
  API_ORDER_HEARD,
  API_ORDER_FOREIGN, /* of a version that is not known here: to be passed over */
  API_ORDER_BAD
};
/* Members that are not known are passed over. */
enum api_order_heard api_order_hear(struct plug_str text, size_t max_destination,
                                    struct api_order *order);

#endif
