#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/explain.h"
#include "base/buf.h"
#include "base/text.h"
#include "base/utf8.h"
#include "config/fault.h"
#include "server.h"
#include "server_inner.h"

/* For --check, where plugins are missing: the rules by themselves. */
static plug_status check_rules(struct server *server, struct plug_err *err)
{
  struct rules rules = {0};
  struct rules_world world = generation_world(server->settings, server->destinations);
  plug_status status = rules_load(&rules, config_find(server->config, "access"), &world, err);
  rules_fini(&rules);
  return status;
}

/* Those that plugins and access/rules.h read: the settings are made from the others already. */
static bool is_read_later(const char *section)
{
  return strchr(section, '.') || strcmp(section, "access") == 0;
}

/* What may only follow from a mistake that was taken out is told as that: the line is good. */
static void complain_of_part(struct config_complaints *complaints, const struct config *config,
                             const struct plug_err *err)
{
  static const char follows[] = " (this may follow from a mistake named above)";
  struct plug_err told = *err;
  if (config_fault_follows(config))
    snprintf(told.text, sizeof told.text, "%.*s%s",
             (int)utf8_cut(err->text, strlen(err->text), sizeof told.text - sizeof follows),
             err->text, follows);
  config_complain(complaints, &told);
}

/* Mistakes are taken out of the configuration, and their part of the server is tried again; a part
 * that fails for another reason is named once, and left out from there on. */
void server_find_mistakes(struct config *config, const struct settings *settings,
                          struct config_complaints *complaints)
{
  static plug_status (*const parts[])(struct server *, struct plug_err *) = {
      server_create_broker, server_create_access, check_rules,      server_create_presence,
      server_create_app,    server_create_tls,    server_check_auth};
  enum { PARTS = sizeof parts / sizeof *parts };
  bool failed[PARTS] = {false};
  size_t before;
  plug_status status;
  do {
    struct server server;
    struct plug_err err = {0};
    before = complaints->n;
    status = server_init(&server, config, settings, &err);
    if (status != PLUG_OK)
      config_complain(complaints, &err);
    for (size_t i = 0; i < PARTS && status == PLUG_OK; i++) {
      if (failed[i] || (parts[i] == check_rules && !failed[1]) ||
          (parts[i] == server_create_presence && failed[0]) ||
          (parts[i] == server_check_auth && (failed[0] || failed[1])))
        continue;
      (void)fault_take_place(); /* what plugins say has none */
      err = (struct plug_err){0};
      if (parts[i](&server, &err) == PLUG_OK)
        continue;
      complain_of_part(complaints, config, &err);
      failed[i] = !config_forget_fault(config, is_read_later);
      break;
    }
    server_fini(&server);
  } while (status == PLUG_OK && complaints->n > before);
}

static void say(void *ctx, const struct plug_err *err)
{
  (void)ctx;
  text_complain(err->text);
}

int server_check(struct config *config, const struct settings *settings)
{
  struct config_complaints complaints = {.complain = say};
  struct server server = {.settings = settings};
  struct plug_err err = {0};
  if (server_make_pages(&server, &err) != PLUG_OK)
    config_complain(&complaints, &err);
  mounts_fini(&server.mounts);
  pages_fini(&server.admin_pages);
  pages_fini(&server.pages);
  server_find_mistakes(config, settings, &complaints);
  return complaints.n == 0 ? EXIT_SUCCESS : EXIT_CONFIG;
}

int server_explain(const struct config *config, const struct settings *settings,
                   const char *const *words, size_t n_words)
{
  struct server server;
  struct plug_err err = {0};
  struct rules rules = {0};
  struct buf out = {0};
  plug_status status = server_init(&server, config, settings, &err);
  struct rules_world world = generation_world(settings, server.destinations);
  if (status == PLUG_OK)
    status = rules_load(&rules, config_find(config, "access"), &world, &err);
  if (status != PLUG_OK) {
    text_complain(err.text);
    server_fini(&server);
    return EXIT_CONFIG;
  }
  struct explain_request request = {.rules = &rules,
                                    .world = &world,
                                    .max_destination_length = settings->max_destination_length,
                                    .words = words,
                                    .n_words = n_words};
  status = explain_access(&request, &out);
  fprintf(status == PLUG_EINVAL ? stderr : stdout, "%s%.*s",
          status == PLUG_EINVAL ? "plugboard: " : "", (int)out.len, out.data ? out.data : "");
  buf_free(&out);
  rules_fini(&rules);
  server_fini(&server);
  return status == PLUG_EINVAL ? EXIT_USAGE : status == PLUG_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
