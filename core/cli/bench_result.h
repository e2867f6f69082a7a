/* What a run of plugctl bench has counted, and how that is told: as a table or as JSON. Owns its
 * counts. One thread. */
#ifndef CLI_BENCH_RESULT_H
#define CLI_BENCH_RESULT_H

#include "cli/command.h"
#include "cli/exits.h"
#include "cli/latencies.h"

struct bench_result {
  uint64_t published, expected, delivered;
  uint64_t doubled, foreign;      /* deliveries that count for nothing */
  struct latencies latency, late; /* of deliveries; of publishing, at a rate */
};

/* url: whom it was measured at; ns: how long. EXIT_DONE: nothing was lost, and it has been told. */
enum exit_code bench_result_tell(const struct bench_result *result,
                                 const struct arguments *arguments, const char *url, uint64_t ns);

#endif
