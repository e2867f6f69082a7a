/* The end of the idle connections, and what it costs the server. Owns nothing. */
#ifndef BENCH_LOAD_CLOSE_H
#define BENCH_LOAD_CLOSE_H

#include "load_conn.h"
#include "load_options.h"
#include "load_process.h"

/* All idle connections end at once, as when a network fails, and are over when the server has
 * closed its ends. They say no farewell: what an answer to that costs is the protocol's. from and
 * to are left alone where the server's descriptors cannot be counted. */
void load_close_idle(struct load *load, const struct options *options, struct process_usage *from,
                     struct process_usage *to);

#endif
