/* Every plugin in bad/ is refused with exactly the line that its source states first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "config/config.h"
#include "plugin/instance.h"

#define CASES_MAX 128

struct bad_case {
  char name[64];
  char expect[512], config[256];
};

static struct bad_case cases[CASES_MAX];

/* The text after the tag in a comment line, or "" when the line is another. */
static void read_tagged(FILE *file, const char *tag, char *out, size_t size)
{
  char line[600];
  out[0] = '\0';
  if (!fgets(line, sizeof line, file) || strncmp(line, tag, strlen(tag)) != 0)
    return;
  char *end = strstr(line, " */");
  assert_non_null(end);
  *end = '\0';
  snprintf(out, size, "%s", line + strlen(tag));
}

static void case_read(struct bad_case *bad, const char *source)
{
  const char *name = strrchr(source, '/') + 1;
  size_t n = 0;
  for (; name[n] != '.' && n < sizeof bad->name - 1; n++)
    bad->name[n] = name[n] == '_' ? '-' : name[n];
  bad->name[n] = '\0';
  FILE *file = fopen(source, "r");
  assert_non_null(file);
  read_tagged(file, "/* expect: ", bad->expect, sizeof bad->expect);
  read_tagged(file, "/* config: ", bad->config, sizeof bad->config);
  fclose(file);
}

static void is_refused_as_stated(void **state)
{
  const struct bad_case *bad = *state;
  assert_string_not_equal(bad->expect, "");
  char path[512], text[512];
  snprintf(path, sizeof path, BAD_PLUGINS "/%s.so", bad->name);
  snprintf(text, sizeof text, "[broker.bad]\n%s\n", bad->config);

  struct config *config = config_new();
  struct plug_err err = {0};
  assert_int_equal(config_read_text(config, "test.ini", str_of(text), &err), PLUG_OK);
  struct plugin_instance *instance = NULL;
  struct plugin_image *image = image_load("/nowhere", "broker", path, &err);
  if (image)
    instance =
        instance_create(image, NULL, "broker.bad", config_find(config, "broker.bad"), NULL, &err);
  assert_null(instance);
  assert_string_equal(err.text, bad->expect);
  config_free(config);
}

int main(void)
{
  log_setup(LOG_ERROR, false);
  glob_t sources;
  if (glob(BAD_SOURCES "/*.c", 0, NULL, &sources) || sources.gl_pathc > CASES_MAX) {
    fprintf(stderr, "no sources, or too many, in " BAD_SOURCES "\n");
    return 1;
  }
  static struct CMUnitTest tests[CASES_MAX];
  for (size_t i = 0; i < sources.gl_pathc; i++) {
    case_read(&cases[i], sources.gl_pathv[i]);
    tests[i] = (struct CMUnitTest){cases[i].name, is_refused_as_stated, NULL, NULL, &cases[i]};
  }
  int failed = _cmocka_run_group_tests("refusal", tests, sources.gl_pathc, NULL, NULL);
  globfree(&sources);
  return failed;
}
