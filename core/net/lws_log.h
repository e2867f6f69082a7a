/* What libwebsockets has to say. Its log function is replaced by ours, which the program exports
 * under the same name: the library's own puts lines together in one buffer for all threads, and it
 * is asked for every byte of a frame's header, mostly to say nothing. Owns one flag. Any thread. */
#ifndef NET_LWS_LOG_H
#define NET_LWS_LOG_H

/* From the start errors go to the log as the server's own lines; after this call nothing does.
 * Once clients are served, what the library complains about is their doing, and must not fill the
 * log. */
void lws_log_mute(void);

#endif
