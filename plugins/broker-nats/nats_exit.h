/* The end of the process, at which libnats frees what is OpenSSL's. Owns nothing. */
#ifndef NATS_EXIT_H
#define NATS_EXIT_H

/* Around the first nats_Open of this plugin, on one thread at a time. */
void nats_exit_before_open(void);
void nats_exit_after_open(void);

#endif
