/* The part of the settings that is about the page to try the server on: its room, and its sign-in,
 * which is for development only. Private to core/config but for settings_page_sign_in. The starting
 * thread. */
#ifndef CONFIG_SETTINGS_PAGE_H
#define CONFIG_SETTINGS_PAGE_H

#include "config/settings_loader.h"

#define PAGE_ISSUER "plugboard-try-page" /* iss and aud of the page's tokens */

/* A step of settings_load, after those that load destinations and auth. Where the page may sign
 * people in it puts auth-jwt into the chain. */
plug_status settings_page_load(struct settings_loader *l);

/* Writes the section that auth-jwt reads: it accepts the page's tokens, and no others. Nothing to
 * do without sign-in. */
plug_status settings_page_sign_in(const struct settings *settings, struct config *config,
                                  struct plug_err *err);

#endif
