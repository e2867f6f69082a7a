/* The users' file: what it may look like, what is refused with its line, and who gets in. */
#include <crypt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "file_users.h"

static struct plug_str str(const char *text)
{
  return (struct plug_str){text, strlen(text)};
}

/* A cheap hash of the given method. */
static const char *hash(const char *prefix, unsigned long cost, const char *password)
{
  static struct crypt_data data;
  char setting[CRYPT_GENSALT_OUTPUT_SIZE];
  memset(&data, 0, sizeof data);
  assert_non_null(crypt_gensalt_rn(prefix, cost, NULL, 0, setting, sizeof setting));
  const char *out = crypt_r(password, setting, &data);
  assert_non_null(out);
  return out;
}

static struct file_users *parse(const char *text, const char *why_wanted, unsigned line_wanted)
{
  char why[240] = "";
  unsigned line;
  struct file_users *users = file_users_parse(str(text), why, &line);
  if ((users == NULL) != (why_wanted != NULL))
    fail_msg("%s: %s", text, why);
  if (why_wanted != NULL && (strstr(why, why_wanted) == NULL || line != line_wanted))
    fail_msg("line %u: %s", line, why);
  return users;
}

static bool logs_in(const struct file_users *users, const char *name, const char *password)
{
  return file_users_check(users, file_users_find(users, str(name)), str(name), str(password), 7);
}

static const struct {
  const char *prefix;
  unsigned long cost;
} methods[] = {{"$y$", 1},    {"$gy$", 1}, {"$7$", 6},  {"$6$", 1000},
               {"$5$", 1000}, {"$2b$", 4}, {"$2a$", 4}, {"$2y$", 4}};
enum { N_METHODS = sizeof methods / sizeof *methods };

static void every_method(void **state)
{
  (void)state;
  for (size_t i = 0; i < N_METHODS; i++) {
    char *text = NULL;
    assert_true(
        asprintf(&text, "alice:%s:ADMIN", hash(methods[i].prefix, methods[i].cost, "sesame")) > 0);
    struct file_users *users = parse(text, NULL, 0);
    if (!logs_in(users, "alice", "sesame"))
      fail_msg("%s", methods[i].prefix);
    assert_false(logs_in(users, "alice", "Sesame"));
    assert_false(logs_in(users, "alice", "sesame "));
    assert_false(logs_in(users, "alice", ""));
    assert_false(logs_in(users, "bob", "sesame")); /* although the stand-in's password is this */
    assert_false(logs_in(users, "alic", "sesame"));
    assert_false(logs_in(users, "alicee", "sesame"));
    assert_false(logs_in(users, "", "sesame"));
    file_users_unref(users);
    /* cut short it can match nothing, and is refused */
    char *colon = strrchr(text, ':');
    memmove(colon - 1, colon, strlen(colon) + 1);
    parse(text, "not complete", 1);
    free(text);
  }
}

static void the_file(void **state)
{
  (void)state;
  char *text = NULL, *one = strdup(hash("$6$", 1000, "one")), *two = strdup(hash("$2b$", 4, "two"));
  assert_true(asprintf(&text,
                       "# users\r\n\n  \t\nzoe : %s : A , B B,, C \r\nal pha:%s\n#x:y\nm:%s:", one,
                       two, one) > 0);
  struct file_users *users = parse(text, NULL, 0);
  assert_int_equal(file_users_count(users), 3);
  assert_string_equal(file_users_at(users, 0)->name, "al pha");
  assert_int_equal(file_users_at(users, 0)->n_roles, 0);
  const struct file_user *zoe = file_users_find(users, str("zoe"));
  assert_non_null(zoe);
  assert_int_equal(zoe->line, 4);
  assert_int_equal(zoe->n_roles, 3);
  assert_true(zoe->roles[1].len == 3 && memcmp(zoe->roles[1].ptr, "B B", 3) == 0);
  assert_true(logs_in(users, "zoe", "one"));
  assert_true(logs_in(users, "al pha", "two"));
  assert_false(logs_in(users, "al pha", "one"));
  assert_null(file_users_find(users, str("zo")));
  assert_null(file_users_find(users, (struct plug_str){"zoe\0", 4}));
  file_users_unref(users);
  free(text);
  free(one);
  free(two);
}

static void what_is_refused(void **state)
{
  (void)state;
  static const struct {
    const char *text, *why; /* HASH stands for a good one */
    unsigned line;
  } cases[] = {
      {"", "no user", 0},
      {"# nobody\n\n", "no user", 0},
      {"alice", "USER:HASH", 1},
      {"a:HASH\n\nalice\n", "USER:HASH", 3},
      {":HASH", "no user name", 1},
      {"a:", "not hashed", 1},
      {"a:secret", "not hashed", 1},
      {"a:HASH:R:x", "third colon", 1},
      {"a:HASH\nb:HASH\na:HASH:R", "twice", 3},
      {"a:$1$salt$abcdefghijklmnopqrstuv", "not yescrypt", 1},
      {"a:$apr1$salt$abcdefghijklmnopqrstuv", "not yescrypt", 1},
      {"a:{SHA}x", "not hashed", 1},
      {"a:abJnggxhB/yWI", "not hashed", 1},
      {"a:$6$", "not ", 1},
      {"a:$6$salt$a b", "blanks", 1},
      {"a:$6$salt$!", "hash", 1},
      {"a:$2b$99$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz01234", "cost", 1},
      {"a:$2b$17$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz01234", "cost", 1},
      {"a:$6$rounds=10000001$salt$x", "cost", 1},
      {"a\x01:HASH", "control", 1},
      {"a:HASH:R\x7f", "control", 1},
      {"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789a"
       "bcdef"
       "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789a"
       "bcdef"
       "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef:HASH",
       "longer than 255", 1},
  };
  char *good = strdup(hash("$5$", 1000, "x"));
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[4096] = "";
    const char *p = cases[i].text, *at;
    while ((at = strstr(p, "HASH")) != NULL) {
      snprintf(text + strlen(text), sizeof text - strlen(text), "%.*s%s", (int)(at - p), p, good);
      p = at + 4;
    }
    strcat(text, p);
    parse(text, cases[i].why, cases[i].line);
  }
  char roles[2000] = "";
  snprintf(roles, sizeof roles, "a:%s:", good);
  for (int i = 0; i < 65; i++)
    strcat(roles, "r,");
  parse(roles, "more than 64", 1);
  char why[240];
  unsigned line;
  assert_null(file_users_parse((struct plug_str){"a:b\0c", 5}, why, &line));
  free(good);
}

static void passwords_at_the_edge(void **state)
{
  (void)state;
  char *text = NULL, longest[FILE_MAX_PASSWORD + 2];
  memset(longest, 'p', sizeof longest);
  longest[FILE_MAX_PASSWORD + 1] = '\0';
  longest[FILE_MAX_PASSWORD] = '\0';
  assert_true(asprintf(&text, "alice:%s\nzo\xc3\xab:%s", hash("$6$", 1000, longest), "") > 0);
  free(text);
  assert_true(asprintf(&text, "alice:%s", hash("$6$", 1000, longest)) > 0);
  struct file_users *users = parse(text, NULL, 0);
  assert_true(logs_in(users, "alice", longest));
  longest[FILE_MAX_PASSWORD] = 'p';
  assert_false(logs_in(users, "alice", longest));
  assert_false(file_users_check(users, file_users_at(users, 0), str("alice"),
                                (struct plug_str){"a\0b", 3}, 7));
  assert_false(file_users_check(users, file_users_at(users, 0), str("alice"),
                                (struct plug_str){NULL, 0}, 7));
  file_users_unref(users);
  free(text);
}

static double cpu_s(void)
{
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A name that does not exist costs the hash of somebody who does: never next to nothing. Where
 * users have hashes of different cost, each name keeps the cost that it got. */
static void unknown_users_cost_a_hash(void **state)
{
  (void)state;
  char *text = NULL, *hashed = strdup(hash("$6$", 20000, "x"));
  assert_true(asprintf(&text, "a:%s\nb:%s\nc:%s", hashed, hashed, hashed) > 0);
  struct file_users *users = parse(text, NULL, 0);
  double best_known = 1e9, best_unknown = 1e9;
  for (int i = 0; i < 5; i++) {
    char name[16];
    double begin = cpu_s();
    assert_false(logs_in(users, "b", "wrong"));
    double middle = cpu_s();
    snprintf(name, sizeof name, "nobody-%d", i);
    assert_false(logs_in(users, name, "wrong"));
    double end = cpu_s();
    best_known = middle - begin < best_known ? middle - begin : best_known;
    best_unknown = end - middle < best_unknown ? end - middle : best_unknown;
  }
  /* 20,000 rounds take milliseconds; a look into a table would take a millionth of them. */
  assert_true(best_unknown > best_known / 10);
  file_users_unref(users);
  free(text);
  free(hashed);
}

static const char *of_subject(const struct file_users *users, const char *subject)
{
  const struct file_user *user = file_users_find_subject(users, str(subject));
  return user != NULL ? user->name : "nobody";
}

static void certificates(void **state)
{
  (void)state;
  char *text = NULL;
  assert_true(asprintf(&text,
                       "m7:certificate CN=m-7,O=A\\, B:METER\nm:certificate CN=m\n"
                       "z: certificate\tCN=m-77 \nalice:%s\n",
                       hash("$2b$", 4, "x")) > 0);
  struct file_users *users = parse(text, NULL, 0);
  assert_string_equal(of_subject(users, "CN=m-7,O=A\\, B"), "m7");
  assert_string_equal(of_subject(users, "CN=m"), "m");
  assert_string_equal(of_subject(users, "CN=m-77"), "z");
  for (size_t i = 0; i < 4; i++)
    assert_string_equal(of_subject(users, (const char *[]){"", "CN=", "CN=m-7", "CN=mm"}[i]),
                        "nobody");
  assert_int_equal(file_users_find_subject(users, str("CN=m-7,O=A\\, B"))->n_roles, 1);
  /* No password is theirs, neither what stands there nor that of whoever stands in. */
  assert_false(logs_in(users, "m7", "certificate CN=m-7,O=A\\, B"));
  assert_false(logs_in(users, "m7", "x"));
  assert_false(logs_in(users, "m7", ""));
  assert_true(logs_in(users, "alice", "x"));
  file_users_unref(users);
  free(text);
  parse("a:certificate", "the subject is missing", 1);
  parse("a:certificateCN=x", "the subject is missing", 1);
  parse("a:certificate meter", "not written as RFC 2253", 1);
  parse("a:certificate CN=\xc3\xbc", "RFC 2253 writes as", 1);
  parse("b:certificate CN=x\na:certificate CN=x", "two users have a certificate", 2);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_method),
      cmocka_unit_test(the_file),
      cmocka_unit_test(what_is_refused),
      cmocka_unit_test(passwords_at_the_edge),
      cmocka_unit_test(unknown_users_cost_a_hash),
      cmocka_unit_test(certificates),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
