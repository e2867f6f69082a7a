/* Writes to many sockets at once: with one io_uring submission where kernel, build and
 * configuration offer it and the sends are many, otherwise with a send() each. Owns the ring.
 * Worker's thread only: the ring belongs to the thread that makes it.
 *
 * Every send is of the kind that does not wait: when sender_run returns, all are done, as far as
 * the sockets took them, and no memory of a request is in use any more. */
#ifndef NET_SENDER_H
#define NET_SENDER_H

#include <stdbool.h>
#include <sys/types.h>

#include <plugboard/abi.h>

struct conn;

struct sender_request {
  struct conn *conn;
  int fd;
  uint32_t n_frames; /* for the caller */
  struct plug_str bytes;
  size_t n_wanted, n_sealed; /* likewise, of TLS: bytes that the frames are, and what bytes hold */
  ssize_t result;            /* bytes sent, or a negative errno */
};

#define SENDER_REQUESTS_MAX 512

/* Below this many sends a submission costs more than it saves: the ring takes a microsecond of its
 * own in each turn, and saves an entry into the kernel per send (bench/uring.c --few). */
#define SENDER_RING_WORTH 128

struct sender;

/* With want_ring it falls back to send() when there is no io_uring, and *why says so (else NULL).
 * NULL when out of memory. */
struct sender *sender_new(bool want_ring, const char **why);
void sender_free(struct sender *sender);
void sender_run(struct sender *sender, struct sender_request *requests, size_t n);

/* One send, for those who cannot wait for the others. */
ssize_t sender_send(int fd, struct plug_str bytes);

#endif
