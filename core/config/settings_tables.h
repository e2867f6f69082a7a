/* The option tables of the server's own sections, with what the reference says about each section.
 * Constant data: any thread. */
#ifndef CONFIG_SETTINGS_TABLES_H
#define CONFIG_SETTINGS_TABLES_H

#include "config/option.h"

enum settings_section_id {
  SECTION_SERVER,
  SECTION_HTTP,
  SECTION_TCP,
  SECTION_TLS,
  SECTION_TLS_NAME,
  SECTION_ENDPOINT,
  SECTION_STOMP,
  SECTION_DESTINATIONS,
  SECTION_LIMITS,
  SECTION_BROKER,
  SECTION_AUTH,
  SECTION_ACCESS,
  SECTION_APP,
  SECTION_PRESENCE,
  SECTION_PAGE,
  SECTION_API,
  SECTION_API_KEY,
  SECTION_ADMIN,
  SECTION_METRICS,
  SECTION_COUNT
};

struct settings_section {
  const char *name;  /* the first word in the brackets */
  const char *title; /* what stands in the brackets */
  const char *about; /* Markdown */
  struct option_table table;
};

extern const struct settings_section settings_sections[SECTION_COUNT];

#endif
