/* The process of an isolated plugin: loads it, gives it the very host that it has in the server,
 * and passes calls and upcalls on. Owns everything of the process. The thread that calls it is the
 * starting thread, and takes the steps of the lifecycle. */
#ifndef ISOLATE_HOST_H
#define ISOLATE_HOST_H

/* Serves the channel at fd until it ends; the exit status of the process. */
int isolate_host_run(int fd);

#endif
