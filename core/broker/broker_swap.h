/* Another broker in the place of the one that runs: the steps of it, of which ops/swap.h makes a
 * whole. [start], each after what it says.
 *
 *   create --> mark --> start --> ready? --> share --> merge --> switch --> retire --> over
 *                `--------`----------`---------`---------`-----> cancel ------------> over
 *
 * After mark, share, switch and cancel there has to be a quiet point: everybody who was within a
 * function of broker.h has come out of it. */
#ifndef BROKER_BROKER_SWAP_H
#define BROKER_BROKER_SWAP_H

#include "broker/broker.h"

/* The new one exists. On failure err->text is complete, and nothing is left. */
plug_status broker_swap_create(struct broker *broker, struct plugin_image *image, const char *name,
                               const struct config_section *section, struct plug_err *err);
struct plugin_instance *broker_swap_instance(const struct broker *broker); /* of the new one */
/* What comes by the old one is noted from the quiet point on, and what the new one brings held
 * back. */
void broker_swap_mark(struct broker *broker);
/* It runs, and is asked for all interests. On failure it is gone; then broker_swap_over. */
plug_status broker_swap_start(struct broker *broker, struct plug_err *err);
/* It was created and is not to be started: gone. */
void broker_swap_drop(struct broker *broker);
/* Is it up, and has all interests? Otherwise why holds what it says of itself; *refused: it never
 * will. */
bool broker_swap_ready(struct broker *broker, char *why, size_t size, bool *refused);
/* Messages go to both from the quiet point on. False: the control thread does not come back. */
bool broker_swap_share(struct broker *broker);
/* When all that was published before that has come by the old one: both deliver. */
void broker_swap_merge(struct broker *broker);
/* The new one is the broker from here on. */
void broker_swap_switch(struct broker *broker);
/* The old one has finished what it took, and is gone, or abandoned. */
void broker_swap_retire(struct broker *broker);
/* All is to be as before the start; then broker_swap_retire. */
void broker_swap_cancel(struct broker *broker);
/* What came by both is forgotten. */
void broker_swap_over(struct broker *broker);

#endif
