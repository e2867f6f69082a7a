/* Receive buffers of libwebsockets that cost no memory while they are idle. Owns one reserved range
 * of address space, cut into slots. Any thread, behind a mutex; set up before threads start.
 *
 * libwebsockets allocates a receive buffer per WebSocket connection and reads at most that much at
 * once, so that large reads (which let a burst of SENDs go out in one write per subscriber) cost
 * memory in every idle connection. In truth it works in the buffer only on control frames: the
 * payload of data frames is handed over from the buffer that a worker's connections share. From
 * malloc even an unused buffer costs a page, because the allocator keeps its own data beside it. A
 * slot here has nothing beside it: what is never touched is never resident. */
#ifndef NET_RX_MEMORY_H
#define NET_RX_MEMORY_H

#include <stddef.h>

/* Takes over libwebsockets' allocator: buffers of bytes come from up to n slots, everything else,
 * and what exceeds them, from malloc. Without enough address space nothing changes. */
void rx_memory_install(size_t bytes, size_t n);

#endif
