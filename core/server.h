/* The server as a whole: wires settings, broker, hub and workers, starts them, waits for signals,
 * stops them in order. Owns everything between server_run's start and its return. The main thread.
 */
#ifndef SERVER_H
#define SERVER_H

#include "config/load.h"
#include "config/settings.h"

/* Exit statuses, as in sysexits.h. */
#define EXIT_USAGE  64
#define EXIT_CONFIG 78

/* Loads and creates what the configuration names, without starting anything: --check. Writes what
 * is wrong to standard error. Returns the exit status. */
int server_check(struct config *config, const struct settings *settings);

/* --explain-access: which rule decides about USER ROLE... ACTION DESTINATION. Status 0: allowed, 1:
 * denied. */
int server_explain(const struct config *config, const struct settings *settings,
                   const char *const *words, size_t n_words);

/* Runs until SIGTERM or SIGINT. source, where SIGHUP reads the configuration again, may be NULL.
 * Returns the exit status. */
int server_run(const struct config_source *source, const struct config *config,
               const struct settings *settings);

/* The same with services (net/service.h) in the place of STOMP, one for each of the settings'
 * endpoints, NULL for STOMP; for programs that test the carriers. */
struct service;
int server_run_services(const struct config_source *source, const struct config *config,
                        const struct settings *settings, const struct service *const *services);

#endif
