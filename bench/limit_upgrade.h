/* The answer to a WebSocket upgrade, by hand: SHA-1 and base64 of the client's key. Owns nothing.
 * Any thread. Source: RFC 6455 section 4.2.2, FIPS 180-4. */
#ifndef BENCH_LIMIT_UPGRADE_H
#define BENCH_LIMIT_UPGRADE_H

#include <stddef.h>

enum { UPGRADE_ANSWER_CAP = 256 };

/* Reads the request (request_len bytes up to and including the empty line) and writes the 101
 * answer to out. Returns its length, 0 when the request is not an upgrade. */
size_t limit_upgrade(const char *request, size_t request_len, char out[UPGRADE_ANSWER_CAP]);

#endif
