#include "file_users.h"

#include <crypt.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <plugboard/secret.h>

struct file_users {
  _Atomic int refs;
  char *text; /* the file, cut into C strings in place */
  size_t text_len;
  struct file_user *v; /* sorted by name */
  size_t n;
  const struct file_user **by_subject; /* those with a certificate, sorted by it */
  size_t n_subjects;
  struct plug_str *roles; /* of all users */
};

#define CERTIFICATE "certificate"

static int by_name(const void *a, const void *b)
{
  const struct file_user *x = a, *y = b;
  int order = strcmp(x->name, y->name);
  return order != 0 ? order : x->line < y->line ? -1 : x->line > y->line;
}

static int by_subject(const void *a, const void *b)
{
  const struct file_user *const *x = a, *const *y = b;
  int order = strcmp((*x)->subject, (*y)->subject);
  return order != 0 ? order : (*x)->line<(*y)->line ? -1 : (*x)->line>(*y)->line;
}

/* The methods that are accepted: their prefix, and how long what follows the last '$' is. */
static const struct {
  const char *prefix;
  size_t len;
} methods[] = {{"$y$", 43}, {"$gy$", 43}, {"$7$", 43},  {"$6$", 86},
               {"$5$", 43}, {"$2b$", 53}, {"$2a$", 53}, {"$2y$", 53}};

/* One login with more than this would hold a thread of the pool for many seconds. */
enum { MAX_BCRYPT_COST = 16, MAX_SHA_ROUNDS = 10000000 };

/* Is the cost that the hash itself names one that logins can bear? */
static bool is_bearable(const char *hash)
{
  if (hash[1] == '2') {
    long cost = strtol(hash + 4, NULL, 10);
    return cost >= 4 && cost <= MAX_BCRYPT_COST;
  }
  if ((hash[1] == '5' || hash[1] == '6') && strncmp(hash + 3, "rounds=", 7) == 0)
    return strtoul(hash + 10, NULL, 10) <= MAX_SHA_ROUNDS;
  return true;
}

/* NULL if it can be the hash of a password, else what is wrong. */
static const char *judge_hash(const char *hash)
{
  const char *last = strrchr(hash, '$');
  if (strncmp(hash, CERTIFICATE, sizeof CERTIFICATE - 1) == 0)
    return "behind 'certificate ' the subject is missing, as in CN=meter-7,O=Example";
  if (hash[0] != '$')
    return "the password is not hashed: put the output of mkpasswd -m yescrypt, or of openssl "
           "passwd "
           "-6, there";
  for (const char *p = hash; *p != '\0'; p++)
    if (*p <= ' ' || *p > '~')
      return "the hash holds blanks or other characters that do not belong there";
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
    if (strncmp(hash, methods[i].prefix, strlen(methods[i].prefix)) != 0)
      continue;
    int verdict = crypt_checksalt(hash); /* some of them are only legacy, or cheap */
    if (verdict == CRYPT_SALT_INVALID || verdict == CRYPT_SALT_METHOD_DISABLED)
      return "this system's crypt(3) does not accept the hash";
    if (!is_bearable(hash))
      return "the hash has an impossible cost, or one that makes each login last for seconds";
    return strlen(last + 1) == methods[i].len ? NULL
                                              : "the hash is not complete: it can match nothing";
  }
  return "the hash is not yescrypt, scrypt, bcrypt, SHA-512 or SHA-256 ($y$, $7$, $2b$, $6$, $5$)";
}

/* Cuts at the first c; the rest, or NULL when there is none. */
static char *cut(char *text, char c)
{
  char *at = strchr(text, c);
  if (at == NULL)
    return NULL;
  *at = '\0';
  return at + 1;
}

static char *trim(char *text)
{
  while (*text == ' ' || *text == '\t')
    text++;
  size_t len = strlen(text);
  while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t' || text[len - 1] == '\r'))
    text[--len] = '\0';
  return text;
}

static bool has_control(const char *text)
{
  for (; *text != '\0'; text++)
    if ((unsigned char)*text < 0x20 || *text == 0x7F)
      return true;
  return false;
}

/* Adds a list separated by commas to the roles at *n. */
static const char *take_roles(struct file_users *users, struct file_user *user, char *list,
                              size_t *n)
{
  user->roles = &users->roles[*n];
  while (list != NULL) {
    char *rest = cut(list, ','), *role = trim(list);
    if (*role != '\0') {
      if (has_control(role))
        return "a role holds control characters";
      if (user->n_roles == FILE_MAX_ROLES)
        return "more than 64 roles";
      users->roles[(*n)++] = (struct plug_str){role, strlen(role)};
      user->n_roles++;
    }
    list = rest;
  }
  return NULL;
}

/* What follows "certificate ", or NULL. */
static const char *subject_of(const char *hash)
{
  size_t len = sizeof CERTIFICATE - 1;
  if (strncmp(hash, CERTIFICATE, len) != 0 || (hash[len] != ' ' && hash[len] != '\t'))
    return NULL;
  return hash + len + strspn(hash + len, " \t");
}

/* NULL if it can be a subject as RFC 2253 has it, else what is wrong. */
static const char *judge_subject(const char *subject)
{
  for (const char *p = subject; *p != '\0'; p++)
    if (*p < ' ' || *p > '~')
      return "the subject holds characters that RFC 2253 writes as \\XX";
  return strchr(subject, '=') != NULL
             ? NULL
             : "the subject is not written as RFC 2253 has it, CN=meter-7,O=Example";
}

static const char *take_line(struct file_users *users, char *line, unsigned number, size_t *n_roles)
{
  struct file_user *user = &users->v[users->n];
  char *hash = cut(line, ':'), *roles = hash != NULL ? cut(hash, ':') : NULL;
  const char *wrong;
  *user = (struct file_user){.name = trim(line), .line = number};
  if (hash == NULL)
    return "a line is USER:HASH or USER:HASH:ROLE,ROLE";
  user->hash = trim(hash);
  if (user->name[0] == '\0')
    return "there is no user name before the colon";
  if (strlen(user->name) > FILE_MAX_NAME || has_control(user->name))
    return "the user name is longer than 255 bytes or holds control characters";
  if (roles != NULL && strchr(roles, ':') != NULL)
    return "there is a third colon: a line is USER:HASH:ROLE,ROLE";
  user->subject = subject_of(user->hash);
  wrong = user->subject != NULL ? judge_subject(user->subject) : judge_hash(user->hash);
  if (wrong == NULL)
    wrong = take_roles(users, user, roles, n_roles);
  if (wrong == NULL && users->n++ == FILE_MAX_USERS)
    wrong = "more than 200000 users";
  return wrong;
}

/* Upper bounds: one user a line, and one role more than there are commas and colons. */
static bool make_room(struct file_users *users)
{
  size_t lines = 1, roles = 1;
  for (size_t i = 0; i < users->text_len; i++) {
    lines += users->text[i] == '\n';
    roles += users->text[i] == ',' || users->text[i] == ':';
  }
  users->v = calloc(lines + 1, sizeof *users->v);
  users->roles = calloc(roles, sizeof *users->roles);
  users->by_subject = calloc(lines + 1, sizeof *users->by_subject);
  return users->v != NULL && users->roles != NULL && users->by_subject != NULL;
}

static const char *parse(struct file_users *users, unsigned *line)
{
  size_t n_roles = 0;
  char *rest = users->text;
  for (*line = 1; rest != NULL; ++*line) {
    char *text = rest;
    rest = cut(text, '\n');
    text = trim(text);
    if (*text == '\0' || *text == '#')
      continue;
    const char *wrong = take_line(users, text, *line, &n_roles);
    if (wrong != NULL)
      return wrong;
  }
  *line = 0;
  if (users->n == 0)
    return "there is no user in it";
  qsort(users->v, users->n, sizeof *users->v, by_name);
  for (size_t i = 1; i < users->n; i++)
    if (strcmp(users->v[i - 1].name, users->v[i].name) == 0) {
      *line = users->v[i].line;
      return "the user is in the file twice";
    }
  for (size_t i = 0; i < users->n; i++)
    if (users->v[i].subject != NULL)
      users->by_subject[users->n_subjects++] = &users->v[i];
  if (users->n_subjects > 0)
    qsort(users->by_subject, users->n_subjects, sizeof *users->by_subject, by_subject);
  for (size_t i = 1; i < users->n_subjects; i++)
    if (strcmp(users->by_subject[i - 1]->subject, users->by_subject[i]->subject) == 0) {
      *line = users->by_subject[i]->line;
      return "two users have a certificate of this subject";
    }
  return NULL;
}

struct file_users *file_users_parse(struct plug_str text, char why[240], unsigned *line)
{
  const char *wrong = "out of memory";
  struct file_users *users = calloc(1, sizeof *users);
  *line = 0;
  if (users != NULL) {
    atomic_init(&users->refs, 1);
    users->text_len = text.len;
    users->text = malloc(text.len + 1);
    if (users->text != NULL) {
      if (text.len > 0)
        memcpy(users->text, text.ptr, text.len);
      users->text[text.len] = '\0';
      if (memchr(users->text, '\0', text.len) != NULL)
        wrong = "it holds a NUL byte";
      else if (make_room(users))
        wrong = parse(users, line);
    }
  }
  if (wrong == NULL)
    return users;
  snprintf(why, 240, "%s", wrong);
  file_users_unref(users);
  return NULL;
}

struct file_users *file_users_ref(struct file_users *users)
{
  atomic_fetch_add_explicit(&users->refs, 1, memory_order_relaxed);
  return users;
}

void file_users_unref(struct file_users *users)
{
  if (users == NULL || atomic_fetch_sub_explicit(&users->refs, 1, memory_order_acq_rel) != 1)
    return;
  if (users->text != NULL)
    plug_secret_wipe(users->text, users->text_len);
  free(users->text);
  free(users->v);
  free(users->roles);
  free(users->by_subject);
  free(users);
}

size_t file_users_count(const struct file_users *users)
{
  return users->n;
}

const struct file_user *file_users_at(const struct file_users *users, size_t i)
{
  return &users->v[i];
}

const struct file_user *file_users_find(const struct file_users *users, struct plug_str name)
{
  size_t low = 0, high = users->n;
  while (low < high) {
    size_t middle = low + (high - low) / 2, len = strlen(users->v[middle].name);
    int order = memcmp(users->v[middle].name, name.ptr, len < name.len ? len : name.len);
    if (order == 0)
      order = len < name.len ? -1 : len > name.len;
    if (order == 0)
      return &users->v[middle];
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

const struct file_user *file_users_find_subject(const struct file_users *users,
                                                struct plug_str subject)
{
  size_t low = 0, high = users->n_subjects;
  while (low < high) {
    size_t middle = low + (high - low) / 2, len = strlen(users->by_subject[middle]->subject);
    int order = memcmp(users->by_subject[middle]->subject, subject.ptr,
                       len < subject.len ? len : subject.len);
    if (order == 0 && len == subject.len)
      return users->by_subject[middle];
    if (order < 0 || (order == 0 && len < subject.len))
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

/* A user who stands in for somebody who does not exist, or has no password. */
static const struct file_user *stand_in(const struct file_users *users, struct plug_str name,
                                        uint64_t seed)
{
  uint64_t h = seed;
  for (size_t i = 0; i < name.len; i++)
    h = (h ^ (unsigned char)name.ptr[i]) * UINT64_C(0x100000001B3);
  size_t at = (h ^ h >> 32) % users->n;
  for (size_t i = 0; i < users->n && users->v[at].subject != NULL; i++)
    at = at + 1 < users->n ? at + 1 : 0;
  return &users->v[at];
}

bool file_users_check(const struct file_users *users, const struct file_user *user,
                      struct plug_str name, struct plug_str password, uint64_t seed)
{
  if (user != NULL && user->subject != NULL)
    user = NULL; /* no password is right */
  const struct file_user *judged = user != NULL ? user : stand_in(users, name, seed);
  if (password.len > FILE_MAX_PASSWORD ||
      (password.len > 0 && memchr(password.ptr, '\0', password.len) != NULL))
    return false;
  struct crypt_data *data = calloc(1, sizeof *data);
  char *phrase = calloc(1, password.len + 1);
  bool good = false;
  if (data != NULL && phrase != NULL) {
    if (password.len > 0)
      memcpy(phrase, password.ptr, password.len);
    const char *hash = crypt_rn(phrase, judged->hash, data, sizeof *data);
    good = hash != NULL && plug_secret_equal((struct plug_str){hash, strlen(hash)},
                                             (struct plug_str){judged->hash, strlen(judged->hash)});
  }
  if (data != NULL)
    explicit_bzero(data, sizeof *data);
  if (phrase != NULL)
    explicit_bzero(phrase, password.len);
  free(data);
  free(phrase);
  return good && user != NULL;
}
