#include "fixture.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>

struct place {
  char dir[PATH_MAX], path[PATH_MAX + 32], good[PATH_MAX];
};

static void copy_file(const char *from, const char *to)
{
  int in = open(from, O_RDONLY | O_CLOEXEC);
  int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  assert_true(in >= 0 && out >= 0);
  assert_int_equal(fchmod(out, 0644), 0);
  char bytes[65536];
  ssize_t n;
  while ((n = read(in, bytes, sizeof bytes)) > 0)
    assert_int_equal(write(out, bytes, (size_t)n), n);
  close(in);
  close(out);
}

static void patch_file(const char *path, off_t at, const void *bytes, size_t n)
{
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  assert_true(fd >= 0);
  assert_int_equal(pwrite(fd, bytes, n, at), n);
  close(fd);
}

static int set_up(void **state)
{
  struct place *place = calloc(1, sizeof *place);
  const char *tmp = getenv("TMPDIR");
  snprintf(place->dir, sizeof place->dir, "%s/plugboard-test-XXXXXX", tmp ? tmp : "/tmp");
  assert_non_null(mkdtemp(place->dir));
  snprintf(place->path, sizeof place->path, "%s/broker-x.so", place->dir);
  build_path(place->good, sizeof place->good, "lib/plugboard/broker-memory.so");
  *state = place;
  return 0;
}

static int tear_down(void **state)
{
  struct place *place = *state;
  DIR *d = opendir(place->dir);
  struct dirent *entry;
  while ((entry = readdir(d)))
    unlinkat(dirfd(d), entry->d_name, 0);
  closedir(d);
  rmdir(place->dir);
  free(place);
  return 0;
}

static void refused(const struct place *place, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void refused(const struct place *place, const char *name, const char *format, ...)
{
  char expected[sizeof((struct plug_err *)0)->text];
  va_list args;
  va_start(args, format);
  vsnprintf(expected, sizeof expected, format, args);
  va_end(args);
  struct plug_err err = {0};
  assert_null(image_load(place->dir, "broker", name, &err));
  assert_string_equal(err.text, expected);
  assert_int_equal(err.code, PLUG_EINVAL);
}

static void a_missing_file_is_named_with_its_path(void **state)
{
  struct place *place = *state;
  refused(place, "x", "broker-x.so: cannot load %s: No such file or directory", place->path);
}

static void a_relative_path_is_no_name(void **state)
{
  refused(*state, "sub/x", "'sub/x' is neither the name of a plugin nor an absolute path");
  refused(*state, "", "'' is neither the name of a plugin nor an absolute path");
}

static void a_text_file_is_no_plugin(void **state)
{
  struct place *place = *state;
  copy_file("/proc/self/comm", place->path);
  refused(place, "x", "broker-x.so: cannot load: not an ELF shared object");
}

static void an_empty_file_is_no_plugin(void **state)
{
  struct place *place = *state;
  copy_file("/dev/null", place->path);
  refused(place, "x", "broker-x.so: cannot load: not an ELF shared object");
}

static void a_directory_is_no_plugin(void **state)
{
  struct place *place = *state;
  assert_int_equal(mkdir(place->path, 0755), 0);
  refused(place, "x", "broker-x.so: cannot load: not a regular file");
  rmdir(place->path);
}

static void a_damaged_file_gives_the_reason_of_the_dynamic_linker(void **state)
{
  struct place *place = *state;
  copy_file(place->good, place->path);
  assert_int_equal(truncate(place->path, 100), 0);
  struct plug_err err = {0};
  assert_null(image_load(place->dir, "broker", "x", &err));
  assert_non_null(strstr(err.text, "broker-x.so: cannot load: "));
  assert_null(strstr(err.text, place->dir));
}

static const char *own_machine(void)
{
#if defined(__x86_64__)
  return "x86-64";
#elif defined(__aarch64__)
  return "aarch64";
#else
  return NULL;
#endif
}

static void a_plugin_of_another_cpu_is_named_as_such(void **state)
{
  struct place *place = *state;
  if (!own_machine())
    skip();
  copy_file(place->good, place->path);
  uint16_t machine = EM_RISCV;
  patch_file(place->path, offsetof(Elf64_Ehdr, e_machine), &machine, sizeof machine);
  refused(place, "x", "broker-x.so: cannot load: built for riscv, this server runs on %s",
          own_machine());
  machine = 4711;
  patch_file(place->path, offsetof(Elf64_Ehdr, e_machine), &machine, sizeof machine);
  refused(place, "x",
          "broker-x.so: cannot load: built for ELF machine 4711, this server runs on %s",
          own_machine());
}

static void a_file_that_others_may_change_is_refused(void **state)
{
  struct place *place = *state;
  copy_file(place->good, place->path);
  assert_int_equal(chmod(place->path, 0666), 0);
  refused(place, "x",
          "broker-x.so: may be changed by others than its owner (mode 0666): chmod go-w");
  assert_int_equal(chmod(place->path, 0664), 0);
  refused(place, "x",
          "broker-x.so: may be changed by others than its owner (mode 0664): chmod go-w");
}

static void a_directory_that_others_may_change_is_refused_unless_sticky(void **state)
{
  struct place *place = *state;
  copy_file(place->good, place->path);
  assert_int_equal(chmod(place->dir, 0777), 0);
  refused(place, "x",
          "broker-x.so: its directory may be changed by others than its owner (mode 0777): chmod "
          "go-w");
  assert_int_equal(chmod(place->dir, 01777), 0);
  struct plug_err err = {0};
  assert_non_null(image_load(place->dir, "broker", "x", &err));
}

static void a_file_of_another_user_is_refused(void **state)
{
  struct place *place = *state;
  if (geteuid() != 0)
    skip();
  copy_file(place->good, place->path);
  assert_int_equal(chown(place->path, 4711, 0), 0);
  refused(place, "x",
          "broker-x.so: owned by user 4711, who is neither root nor the user of this server: "
          "chown it");
  assert_int_equal(chown(place->path, 0, 0), 0);
  assert_int_equal(chown(place->dir, 4711, 0), 0);
  refused(place, "x",
          "broker-x.so: its directory is owned by user 4711, who is neither root nor the user of "
          "this server: chown it");
}

static struct plugin_image *load(const struct place *place, const char *name)
{
  struct plug_err err = {0};
  struct plugin_image *image = image_load(place->dir, "broker", name, &err);
  if (!image)
    fail_msg("%s", err.text);
  return image;
}

static void the_same_file_gives_the_same_image(void **state)
{
  struct place *place = *state;
  copy_file(place->good, place->path);
  struct plugin_image *image = load(place, "x");
  assert_ptr_equal(load(place, "x"), image);
  assert_ptr_equal(load(place, place->path), image);
  char other[PATH_MAX + 32];
  snprintf(other, sizeof other, "%s/broker-y.so", place->dir);
  assert_int_equal(link(place->path, other), 0);
  assert_ptr_equal(load(place, "y"), image);
  assert_null(image->copy);
  assert_ptr_equal(image->entry.broker, &image->broker);
  assert_string_equal(image->entry.id, "plugboard.broker.memory");
}

static void the_kind_must_be_the_one_asked_for(void **state)
{
  struct place *place = *state;
  struct plug_err err = {0};
  copy_file(place->good, place->path);
  assert_non_null(image_load("", "", place->path, &err));
  assert_null(image_load("", "auth", place->path, &err));
  assert_string_equal(err.text,
                      "broker-x.so: plugboard.broker.memory is a broker plugin and cannot "
                      "be used as auth");
}

/* Finds the version string in the file and changes its first digit, as a new release would. */
static void change_version(const char *path)
{
  int fd = open(path, O_RDWR | O_CLOEXEC);
  struct stat file;
  assert_true(fd >= 0 && !fstat(fd, &file));
  char *bytes = malloc((size_t)file.st_size);
  assert_int_equal(pread(fd, bytes, (size_t)file.st_size, 0), file.st_size);
  char *found = memmem(bytes, (size_t)file.st_size, "\0000.1.0", 7);
  assert_non_null(found);
  assert_int_equal(pwrite(fd, "9", 1, found + 1 - bytes), 1);
  free(bytes);
  close(fd);
}

static void a_file_that_replaces_another_is_loaded_and_the_old_image_stays(void **state)
{
  struct place *place = *state;
  char next[PATH_MAX + 32];
  snprintf(next, sizeof next, "%s/next", place->dir);
  copy_file(place->good, place->path);
  struct plugin_image *old = load(place, "x");
  assert_string_equal(old->entry.version, "0.1.0");

  copy_file(place->good, next);
  change_version(next);
  assert_int_equal(rename(next, place->path), 0);
  struct plugin_image *new = load(place, "x");
  assert_ptr_not_equal(new, old);
  assert_string_equal(new->entry.version, "9.1.0");
  assert_string_equal(old->entry.version, "0.1.0");
  assert_ptr_not_equal(new->entry.create, old->entry.create);
  assert_string_equal(new->path, old->path);
  assert_int_equal(access(new->copy, R_OK), 0);
  struct stat copy;
  assert_int_equal(stat(new->copy, &copy), 0);
  assert_int_equal(copy.st_mode & 07777, 0500);
  assert_ptr_equal(load(place, "x"), new);

  /* Nothing of those that were copied is left in the folder, whose next file may have the inode. */
  struct plugin_image *former[8] = {old, new};
  for (size_t n = 2; n < 8; n++) {
    copy_file(place->good, next);
    assert_int_equal(rename(next, place->path), 0);
    former[n] = load(place, "x");
    for (size_t i = 0; i < n; i++)
      assert_ptr_not_equal(former[n], former[i]);
  }
}

/* Somebody else in the process may have mapped the path before us. */
static void a_path_that_was_mapped_by_others_does_not_give_their_image(void **state)
{
  struct place *place = *state;
  char next[PATH_MAX + 32];
  snprintf(next, sizeof next, "%s/next", place->dir);
  copy_file(place->good, place->path);
  void *foreign = dlopen(place->path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  assert_non_null(foreign);
  copy_file(place->good, next);
  change_version(next);
  assert_int_equal(rename(next, place->path), 0);
  assert_string_equal(load(place, "x")->entry.version, "9.1.0");
  dlclose(foreign);
}

static void copies_are_gone_when_the_process_is(void **state)
{
  struct place *place = *state;
  int out[2];
  assert_int_equal(pipe(out), 0);
  copy_file(place->good, place->path);
  pid_t child = fork();
  if (child == 0) {
    close(out[0]);
    void *foreign = dlopen(place->path, RTLD_NOW | RTLD_NODELETE);
    struct plug_err err = {0};
    struct plugin_image *image = foreign ? image_load(place->dir, "broker", "x", &err) : NULL;
    ssize_t n = image && image->copy ? write(out[1], image->copy, strlen(image->copy)) : 0;
    exit(n > 0 ? 0 : 1);
  }
  close(out[1]);
  char copy[PATH_MAX] = "";
  ssize_t n = read(out[0], copy, sizeof copy - 1);
  close(out[0]);
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(n > 0);
  assert_int_equal(status, 0);
  assert_int_equal(access(copy, F_OK), -1);
  *strrchr(copy, '/') = '\0';
  assert_int_equal(access(copy, F_OK), -1);
}

static const struct plug_option info_options[] = {
    {"port", PLUG_OPT_INTEGER, 0, "80", "1..65535", "A port."},
    {"token", PLUG_OPT_SECRET, 0, "hunter2", NULL, "A secret."},
    {"url", PLUG_OPT_STRING, PLUG_OPT_REQUIRED, NULL, NULL, "An address."},
};

static void info_gives_the_facts_without_secrets(void **state)
{
  (void)state;
  struct plug_broker broker = probe_broker;
  broker.caps = PLUG_CAP_ECHO | PLUG_CAP_PUBLISH_ANY | PLUG_CAP_DIRECT;
  broker.max_payload = 1024;
  struct plug_plugin entry = probe_entry();
  entry.broker = &broker;
  entry.options = info_options;
  entry.n_options = 3;
  char path[] = "/x/broker-probe.so";
  struct plugin_image image = {.path = path};
  struct plug_err err;
  assert_int_equal(image_judge(&image, &entry, sizeof entry, &err), PLUG_OK);
  struct buf out = {0};
  image_put_info(&out, &image);
  buf_put_char(&out, '\0');
  assert_string_equal(out.data, "file=/x/broker-probe.so\n"
                                "id=org.example.probe\n"
                                "version=1\n"
                                "summary=under test\n"
                                "build=\n"
                                "abi=0.4\n"
                                "kinds=broker\n"
                                "optional-functions=\n"
                                "broker.capabilities=echo,publish-any,direct\n"
                                "broker.max-payload=1024\n"
                                "option.port=integer, default 80, range 1..65535\n"
                                "option.token=secret, default (hidden)\n"
                                "option.url=string, required\n");
  buf_free(&out);
}

static void a_judged_image_does_not_follow_the_original_any_more(void **state)
{
  (void)state;
  struct plug_broker broker = probe_broker;
  struct plug_plugin entry = probe_entry();
  entry.broker = &broker;
  struct plugin_image image = {0};
  struct plug_err err;
  assert_int_equal(image_judge(&image, &entry, sizeof entry, &err), PLUG_OK);
  broker.publish = NULL;
  entry.create = NULL;
  assert_ptr_equal(image.entry.broker->publish, probe_publish);
  assert_ptr_equal(image.entry.create, probe_create);
}

#define in_a_place(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
  log_setup(LOG_ERROR, false);
  const struct CMUnitTest tests[] = {
      in_a_place(copies_are_gone_when_the_process_is),
      in_a_place(a_missing_file_is_named_with_its_path),
      in_a_place(a_relative_path_is_no_name),
      in_a_place(a_text_file_is_no_plugin),
      in_a_place(an_empty_file_is_no_plugin),
      in_a_place(a_directory_is_no_plugin),
      in_a_place(a_damaged_file_gives_the_reason_of_the_dynamic_linker),
      in_a_place(a_plugin_of_another_cpu_is_named_as_such),
      in_a_place(a_file_that_others_may_change_is_refused),
      in_a_place(a_directory_that_others_may_change_is_refused_unless_sticky),
      in_a_place(a_file_of_another_user_is_refused),
      in_a_place(the_same_file_gives_the_same_image),
      in_a_place(the_kind_must_be_the_one_asked_for),
      in_a_place(a_file_that_replaces_another_is_loaded_and_the_old_image_stays),
      in_a_place(a_path_that_was_mapped_by_others_does_not_give_their_image),
      cmocka_unit_test(info_gives_the_facts_without_secrets),
      cmocka_unit_test(a_judged_image_does_not_follow_the_original_any_more),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
