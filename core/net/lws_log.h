/* What libwebsockets has to say. Its log function is replaced by ours, which the program exports
 * under the same name: the library's own puts lines together in one buffer for all threads, and it
 * is called a dozen times for each frame received, mostly to say nothing. A build of the library
 * that calls its own all the same is given its level and its output here. Owns one flag. Any
 * thread. */
#ifndef NET_LWS_LOG_H
#define NET_LWS_LOG_H

/* From here on errors go to the log as the server's own lines. Before any context is made. */
void lws_log_begin(void);
/* Nothing does any more. Once clients are served, what the library complains about is their doing,
 * and must not fill the log. */
void lws_log_mute(void);

#endif
