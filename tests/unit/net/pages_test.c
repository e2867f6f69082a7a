#include "net/pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

static char dir[64];

static void path_of(char *out, size_t size, const char *name)
{
  snprintf(out, size, "%s/%s", dir, name);
}

static void write_file(const char *name, const char *text, size_t len)
{
  char path[128];
  path_of(path, sizeof path, name);
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(text, 1, len, f), len);
  assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
  (void)state;
  snprintf(dir, sizeof dir, "/tmp/pages_test-XXXXXX");
  return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
  (void)state;
  DIR *d = opendir(dir);
  struct dirent *entry;
  while (d && (entry = readdir(d))) {
    char path[400];
    snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
    if (entry->d_name[0] == '.' && (!entry->d_name[1] || entry->d_name[1] == '.'))
      continue;
    if (unlink(path))
      rmdir(path);
  }
  if (d)
    closedir(d);
  return rmdir(dir);
}

static struct pages load(void)
{
  struct pages pages = {0};
  struct plug_err err = {0};
  if (pages_load(&pages, dir, &err))
    fail_msg("%s", err.text);
  return pages;
}

static void index_html_is_the_root(void **state)
{
  (void)state;
  write_file("index.html", "<p>", 3);
  struct pages pages = load();
  const struct page *page = pages_find(&pages, STR("/"));
  assert_non_null(page);
  assert_true(str_eq(str_from(page->body.data, page->body.len), STR("<p>")));
  assert_null(pages_find(&pages, STR("/index.html")));
  pages_fini(&pages);
}

static void endings_decide_the_type(void **state)
{
  (void)state;
  static const struct {
    const char *name, *type;
  } rows[] = {
      {"a.html", "text/html; charset=utf-8"},
      {"a.css", "text/css; charset=utf-8"},
      {"a.min.js", "text/javascript; charset=utf-8"},
      {"a.svg", "image/svg+xml"},
      {"a.png", "image/png"},
      {"a.ico", "image/x-icon"},
      {"a.txt", "text/plain; charset=utf-8"},
      {"a.json", "application/json"},
      {"a.unknown", "application/octet-stream"},
      {"html", "application/octet-stream"},
  };
  enum { N = sizeof rows / sizeof *rows };
  for (size_t i = 0; i < N; i++)
    write_file(rows[i].name, "x", 1);
  struct pages pages = load();
  assert_int_equal(pages.map.count, N);
  for (size_t i = 0; i < N; i++) {
    char path[64];
    snprintf(path, sizeof path, "/%s", rows[i].name);
    const struct page *page = pages_find(&pages, str_of(path));
    assert_non_null(page);
    assert_string_equal(page->type, rows[i].type);
  }
  pages_fini(&pages);
}

static void files_of_any_size_and_content_come_whole(void **state)
{
  (void)state;
  static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 300000};
  char *text = malloc(300000);
  for (size_t i = 0; i < 300000; i++)
    text[i] = (char)(i * 31 + i / 256);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    write_file("f", text, sizes[i]);
    struct pages pages = load();
    const struct page *page = pages_find(&pages, STR("/f"));
    assert_int_equal(page->body.len, sizes[i]);
    if (sizes[i])
      assert_memory_equal(page->body.data, text, sizes[i]);
    pages_fini(&pages);
  }
  free(text);
}

static void hidden_files_and_folders_are_left_out(void **state)
{
  (void)state;
  char path[128];
  write_file(".secret", "x", 1);
  write_file("a.txt", "x", 1);
  path_of(path, sizeof path, "folder.js");
  assert_int_equal(mkdir(path, 0700), 0);
  struct pages pages = load();
  assert_int_equal(pages.map.count, 1);
  static const char *const nowhere[] = {"",          "a.txt",   "/.secret", "/folder.js", "//a.txt",
                                        "/../a.txt", "/a.txt/", "/A.TXT",   "/a.tx"};
  for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++)
    assert_null(pages_find(&pages, str_of(nowhere[i])));
  assert_non_null(pages_find(&pages, STR("/a.txt")));
  pages_fini(&pages);
}

static void a_folder_that_is_missing_is_an_error_with_its_name(void **state)
{
  (void)state;
  struct pages pages = {0};
  struct plug_err err = {0};
  assert_int_equal(pages_load(&pages, "/nowhere/at/all", &err), PLUG_EINVAL);
  assert_string_equal(err.text, "cannot read web-dir '/nowhere/at/all': No such file or directory");
}

static void a_file_that_cannot_be_read_fails_the_whole_load(void **state)
{
  (void)state;
  char path[128];
  write_file("a.txt", "x", 1);
  path_of(path, sizeof path, "broken.js");
  assert_int_equal(symlink("nothing", path), 0);
  struct pages pages = {0};
  struct plug_err err = {0};
  assert_true(pages_load(&pages, dir, &err) < 0);
  assert_string_equal(err.text, "cannot read 'broken.js' for the page: No such file or directory");
  assert_int_equal(pages.map.count, 0);
  assert_null(pages_find(&pages, STR("/a.txt")));
}

static void a_file_that_is_too_large_is_named(void **state)
{
  (void)state;
  char path[128];
  write_file("large.bin", "x", 1);
  path_of(path, sizeof path, "large.bin");
  assert_int_equal(truncate(path, (4 << 20) + 1), 0);
  struct pages pages = {0};
  struct plug_err err = {0};
  assert_int_equal(pages_load(&pages, dir, &err), PLUG_ETOOBIG);
  assert_string_equal(err.text, "cannot read 'large.bin' for the page: too large");
  assert_int_equal(truncate(path, 4 << 20), 0);
  pages = load();
  pages_fini(&pages);
}

static void an_empty_folder_has_no_pages(void **state)
{
  (void)state;
  struct pages pages = load();
  assert_null(pages_find(&pages, STR("/")));
  pages_fini(&pages);
}

static void the_server_adds_pages_in_place_of_files(void **state)
{
  (void)state;
  write_file("made.json", "old", 3);
  struct pages pages = load();
  assert_int_equal(pages_add(&pages, "/made.json", "{}"), PLUG_OK);
  assert_int_equal(pages_add(&pages, "/other.json", "[]"), PLUG_OK);
  const struct page *page = pages_find(&pages, STR("/made.json"));
  assert_non_null(page);
  assert_string_equal(page->type, "application/json");
  assert_true(str_eq(str_from(page->body.data, page->body.len), STR("{}")));
  assert_non_null(pages_find(&pages, STR("/other.json")));
  pages_fini(&pages);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(index_html_is_the_root),
      TEST(endings_decide_the_type),
      TEST(files_of_any_size_and_content_come_whole),
      TEST(hidden_files_and_folders_are_left_out),
      TEST(a_folder_that_is_missing_is_an_error_with_its_name),
      TEST(a_file_that_cannot_be_read_fails_the_whole_load),
      TEST(a_file_that_is_too_large_is_named),
      TEST(an_empty_folder_has_no_pages),
      TEST(the_server_adds_pages_in_place_of_files),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
