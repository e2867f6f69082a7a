/* Real redis-server and redis-sentinel processes for tests: on free ports of 127.0.0.1 and a UNIX
 * socket, in a temporary directory, ended with the test whatever happens to it. */
#ifndef REDIS_SERVER_H
#define REDIS_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

struct redis_server {
  pid_t pid; /* 0: not running */
  int port;
  char dir[64], socket[96], url[64];
  const char *password; /* for redis_server_command, NULL: none */
};

bool redis_server_installed(void);
int redis_server_free_port(void);

/* Starts it, on the same port again after a stop, and waits until it answers. args is a list of
 * further arguments ending with NULL, or NULL. */
void redis_server_start(struct redis_server *server, const char *const *args);
/* A Sentinel that watches the master on master_port, with the given file of settings added. */
void redis_sentinel_start(struct redis_server *server, const char *name, int master_port,
                          int quorum);
void redis_server_signal(struct redis_server *server, int sig);
/* SIGKILL, and waits for its end. */
void redis_server_kill(struct redis_server *server);
/* kill, and removes the directory. */
void redis_server_cleanup(struct redis_server *server);

/* Runs one command and gives the answer as text: strings and statuses as they are, integers in
 * decimal, errors as they are, nil and empty arrays as "(nil)", arrays by their first element. */
const char *redis_server_command(struct redis_server *server, const char *const *argv);
#define REDIS(server, ...) redis_server_command(server, (const char *const[]){__VA_ARGS__, NULL})

#endif
