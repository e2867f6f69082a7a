#include <stdlib.h>

#include "access/workers.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"

/* Answers of plugins that a subject remembers; the oldest makes room. */
#define REMEMBERED_MAX 32

struct remembered {
  unsigned action;
  bool is_pattern, allowed;
  uint32_t scope;
  uint64_t until_ms;
  char *destination; /* owned */
  size_t len;
};

struct subject {
  struct access_worker *worker;
  void *owner;
  uint64_t number; /* as plugins know it */
  struct map_entry by_number;
  struct list of_all;  /* in access_worker.all */
  uint64_t generation; /* of the rules that its class was made by */
  struct list of_user; /* in access_user.subjects, or empty */
  struct access_user *user;
  struct identity *identity; /* NULL: nobody */
  uint64_t expires_ms, half_ms;
  struct access_class *class;
  bool no_rules;
  struct login *login;
  struct list asks; /* struct pending_ask */
  struct remembered *remembered;
  size_t n_remembered, next_remembered;
};

struct pending_ask {
  struct list link;
  struct subject *subject; /* NULL: gone */
  struct ask *ask;
};

/* --- classes ------------------------------------------------------------------------------ */

static bool add_permissions(struct access_class *class, const struct plug_identity *who)
{
  size_t n = who ? who->n_permissions : 0;
  if (!n)
    return true;
  class->permissions = calloc(n, sizeof(struct shape *));
  uint32_t *wanted = calloc(n, sizeof *wanted);
  class->actions = wanted;
  if (!class->permissions || !wanted)
    return false;
  class->n_permissions = n;
  for (size_t i = 0; i < n; i++) {
    static struct log_limit limit;
    struct plug_err err = {0};
    uint64_t held;
    wanted[i] = who->permissions[i].actions;
    class->permissions[i] = shape_new(who->permissions[i].pattern, &err);
    if (!class->permissions[i] && log_limit_pass(&limit, 10000, &held))
      log_warn("access", "a permission of user '%.*s' grants nothing: bad pattern '%.*s': %s",
               STR_ARG(who->user), STR_ARG(who->permissions[i].pattern), err.text);
  }
  return true;
}

static void class_free(struct access_class *class)
{
  for (size_t i = 0; i < class->n_permissions; i++)
    shape_free(class->permissions[i]);
  free(class->permissions);
  free((uint32_t *)(uintptr_t)class->actions);
  free(class);
}

static void class_unref(struct access_worker *worker, struct access_class *class)
{
  if (--class->refs)
    return;
  map_remove(&worker->classes, &class->by_key);
  class_free(class);
}

static const struct rules no_rules = {.default_allow = true};

/* With a reference; NULL when out of memory. */
static struct access_class *class_get(struct access_worker *worker, const struct rules *rules,
                                      const struct plug_identity *who)
{
  struct buf key = {0};
  struct access_class *class = NULL;
  uint64_t id = worker->last_class + 1;
  /* By other rules the same key means other rights. */
  buf_put(&key, &worker->generation, sizeof worker->generation);
  if (rules == &no_rules && who)
    buf_put_char(&key, 'n'); /* no other key goes on so */
  bool shared = rules_put_key(rules, who, &key);
  if (!shared)
    buf_put(&key, &id, sizeof id); /* of its own */
  if (key.failed)
    goto free_key;
  struct map_entry *found = shared ? map_find(&worker->classes, str_from(key.data, key.len)) : NULL;
  if (found) {
    class = container_of(found, struct access_class, by_key);
    class->refs++;
    goto free_key;
  }
  class = calloc(1, sizeof *class + key.len);
  if (!class)
    goto free_key;
  if (key.len)
    memcpy(class->key, key.data, key.len);
  class->by_key.key = str_from(class->key, key.len);
  class->refs = 1;
  if (!add_permissions(class, who) || !map_insert(&worker->classes, &class->by_key)) {
    class_free(class);
    class = NULL;
    goto free_key;
  }
  class->id = worker->last_class = id;

free_key:
  buf_free(&key);
  return class;
}

/* --- users -------------------------------------------------------------------------------- */

static void leave_user(struct subject *subject)
{
  struct access_user *user = subject->user;
  subject->user = NULL;
  list_remove(&subject->of_user);
  if (!user || !list_empty(&user->subjects))
    return;
  map_remove(&subject->worker->users, &user->by_name);
  free(user);
}

static bool join_user(struct subject *subject, struct plug_str name)
{
  struct map *users = &subject->worker->users;
  struct map_entry *found = map_find(users, name);
  struct access_user *user = found ? container_of(found, struct access_user, by_name) : NULL;
  if (!user) {
    user = malloc(sizeof *user + name.len);
    if (!user)
      return false;
    memcpy(user->name, name.ptr, name.len);
    user->by_name.key = str_from(user->name, name.len);
    list_init(&user->subjects);
    if (!map_insert(users, &user->by_name)) {
      free(user);
      return false;
    }
  }
  list_append(&user->subjects, &subject->of_user);
  subject->user = user;
  return true;
}

/* --- subjects ----------------------------------------------------------------------------- */

struct subject *subject_new(struct access_worker *worker, uint64_t number, void *owner)
{
  struct subject *subject = calloc(1, sizeof *subject);
  if (!subject)
    return NULL;
  subject->worker = worker;
  subject->owner = owner;
  subject->number = ((uint64_t)worker->index + 1) << 48 | number;
  subject->expires_ms = subject->half_ms = UINT64_MAX;
  list_init(&subject->of_user);
  list_init(&subject->asks);
  subject->class = class_get(worker, access_rules(worker->access), NULL);
  subject->by_number.key = str_from((const char *)&subject->number, sizeof subject->number);
  if (subject->class && map_insert(&worker->subjects, &subject->by_number)) {
    subject->generation = worker->generation;
    list_append(&worker->all, &subject->of_all);
    return subject;
  }
  if (subject->class)
    class_unref(worker, subject->class);
  free(subject);
  return NULL;
}

void subject_use_rules(struct subject *subject, bool rules)
{
  subject->no_rules = !rules;
}

static const struct rules *rules_of(const struct subject *subject)
{
  return subject->no_rules ? &no_rules : access_rules(subject->worker->access);
}

static void forget_answers(struct subject *subject)
{
  for (size_t i = 0; i < subject->n_remembered; i++)
    free(subject->remembered[i].destination);
  free(subject->remembered);
  subject->remembered = NULL;
  subject->n_remembered = subject->next_remembered = 0;
}

void subject_free(struct subject *subject)
{
  if (!subject)
    return;
  struct access_worker *worker = subject->worker;
  struct list *node;
  if (subject->login)
    login_forget(subject->login);
  while ((node = list_first(&subject->asks))) {
    struct pending_ask *pending = container_of(node, struct pending_ask, link);
    list_remove(node);
    pending->subject = NULL;
  }
  forget_answers(subject);
  leave_user(subject);
  list_remove(&subject->of_all);
  map_remove(&worker->subjects, &subject->by_number);
  class_unref(worker, subject->class);
  identity_unref(subject->identity);
  free(subject);
}

struct identity *subject_identity(const struct subject *subject)
{
  return subject->identity;
}

const struct plug_identity *subject_who(const struct subject *subject)
{
  return subject->identity ? subject->identity->who : NULL;
}

uint64_t subject_expires_ms(const struct subject *subject)
{
  return subject->expires_ms;
}

uint64_t subject_half_ms(const struct subject *subject)
{
  return subject->half_ms;
}

uint64_t subject_class(const struct subject *subject)
{
  return subject->class->id;
}

static void note_times(struct subject *subject)
{
  const struct identity *identity = subject->identity;
  uint64_t expires = identity ? login_expiry(identity->who) : UINT64_MAX, now = clock_now_ms();
  subject->expires_ms = expires;
  subject->half_ms =
      expires == UINT64_MAX ? expires : now + (expires > now ? expires - now : 0) / 2;
}

/* Takes over identity (NULL: nobody). False when out of memory: nothing has changed. */
static bool become(struct subject *subject, struct identity *identity)
{
  struct access_worker *worker = subject->worker;
  struct access_class *class =
      class_get(worker, rules_of(subject), identity ? identity->who : NULL);
  if (!class)
    return false;
  if (identity && !subject->user && !join_user(subject, identity->who->user)) {
    class_unref(worker, class);
    return false;
  }
  class_unref(worker, subject->class);
  subject->class = class;
  identity_unref(subject->identity);
  subject->identity = identity;
  note_times(subject);
  forget_answers(subject);
  return true;
}

/* --- logging in --------------------------------------------------------------------------- */

static void on_login(void *owner, struct login_verdict *verdict)
{
  struct subject *subject = owner;
  if (!subject) {
    identity_unref(verdict->identity);
    return;
  }
  subject->login = NULL;
  if (verdict->result == LOGIN_GRANTED && !become(subject, verdict->identity)) {
    static const struct login_verdict no_memory = {
        .result = LOGIN_FAILED,
        .code = "authentication-unavailable",
        .reason = "authentication is not possible now",
    };
    identity_unref(verdict->identity);
    *verdict = no_memory;
  }
  subject->worker->events->login(subject->owner, verdict);
}

bool subject_login(struct subject *subject, int32_t stage, const struct stomp_frame *frame,
                   struct handshake *handshake)
{
  struct access_worker *worker = subject->worker;
  struct login_init init = {
      .stage = stage,
      .session = subject->number,
      .anonymous = access_settings_of(worker->access)->anonymous,
      .timeout_ms = access_settings_of(worker->access)->chain.timeout_ms,
      .frame = frame,
      .handshake = handshake,
      .who = stage == PLUG_STAGE_REFRESH ? subject->identity : NULL,
      .inbox = worker->inbox,
      .done = on_login,
      .owner = subject,
  };
  subject->login = login_begin(access_own_chain(worker->access), &init);
  return subject->login != NULL;
}

bool subject_logs_in(const struct subject *subject)
{
  return subject->login != NULL;
}

/* --- judging ------------------------------------------------------------------------------ */

static bool permitted(const void *ctx, unsigned action, struct plug_str destination)
{
  const struct access_class *class = ctx;
  uint32_t wanted = action == ACTION_SEND ? PLUG_PUBLISH : PLUG_SUBSCRIBE;
  for (size_t i = 0; i < class->n_permissions; i++) {
    const struct shape *shape = class->permissions[i];
    if (!shape || !(class->actions[i] & wanted))
      continue;
    bool is_pattern = action != ACTION_SEND && pattern_is(destination);
    if (is_pattern ? shape_covers(shape, destination) : shape_match(shape, destination))
      return true;
  }
  return false;
}

/* "topic" and what lies below it. */
static bool lies_in(struct plug_str destination, struct plug_str prefix)
{
  while (prefix.len && prefix.ptr[prefix.len - 1] == '/')
    prefix.len--;
  return str_has_prefix(destination, prefix) &&
         (destination.len == prefix.len || destination.ptr[prefix.len] == '/');
}

static const struct remembered *recall(const struct subject *subject, unsigned action,
                                       struct plug_str destination, bool is_pattern)
{
  uint64_t now = subject->n_remembered ? clock_now_ms() : 0;
  for (size_t i = 0; i < subject->n_remembered; i++) {
    const struct remembered *r = &subject->remembered[i];
    struct plug_str topic = str_from(r->destination, r->len);
    if (r->action != action || r->until_ms <= now)
      continue;
    if (r->scope == PLUG_SCOPE_SESSION ||
        (r->scope == PLUG_SCOPE_PREFIX && !is_pattern && !r->is_pattern &&
         lies_in(destination, topic)) ||
        (r->is_pattern == is_pattern && str_eq(topic, destination)))
      return r;
  }
  return NULL;
}

static void remember(struct subject *subject, const struct ask_result *result)
{
  const struct plug_decision *decision = &result->answer.decision;
  if (result->answer.failed || !decision->cache_ms || decision->scope > PLUG_SCOPE_SESSION)
    return;
  if (!subject->remembered)
    subject->remembered = calloc(REMEMBERED_MAX, sizeof *subject->remembered);
  char *destination = str_dup(result->destination);
  if (!subject->remembered || !destination) {
    free(destination);
    return; /* it is asked again */
  }
  struct remembered *r = &subject->remembered[subject->next_remembered];
  subject->next_remembered = (subject->next_remembered + 1) % REMEMBERED_MAX;
  if (subject->n_remembered < REMEMBERED_MAX)
    subject->n_remembered++;
  free(r->destination);
  *r = (struct remembered){.action = result->action,
                           .is_pattern = result->is_pattern,
                           .allowed = result->answer.allowed,
                           .scope = decision->scope,
                           .until_ms = clock_now_ms() + decision->cache_ms,
                           .destination = destination,
                           .len = result->destination.len};
}

enum rule_verdict subject_judge(struct subject *subject, unsigned action,
                                struct plug_str destination, bool is_pattern, bool *lasting)
{
  struct rule_subject who = {
      .who = subject_who(subject), .permitted = permitted, .ctx = subject->class};
  const struct rule *by;
  enum rule_verdict verdict =
      rules_judge(rules_of(subject), &who, action, destination, is_pattern, &by);
  *lasting = verdict != RULE_ASK;
  if (verdict != RULE_ASK)
    return verdict;
  const struct remembered *r = recall(subject, action, destination, is_pattern);
  return !r ? RULE_ASK : r->allowed ? RULE_ALLOW : RULE_DENY;
}

static void on_answer(void *owner, const struct ask_result *result)
{
  struct pending_ask *pending = owner;
  struct subject *subject = pending->subject;
  list_remove(&pending->link);
  free(pending);
  if (!subject)
    return;
  remember(subject, result);
  subject->worker->events->answered(subject->owner, result);
}

plug_status subject_ask(struct subject *subject, unsigned action, struct plug_str destination,
                        bool is_pattern, struct plug_str tag, bool *allowed)
{
  struct access_worker *worker = subject->worker;
  struct pending_ask *pending = malloc(sizeof *pending);
  if (!pending)
    return PLUG_ENOMEM;
  struct ask_init init = {.session = subject->number,
                          .timeout_ms = access_settings_of(worker->access)->chain.timeout_ms,
                          .who = subject->identity,
                          .action = action,
                          .is_pattern = is_pattern,
                          .destination = destination,
                          .tag = tag,
                          .inbox = worker->inbox,
                          .done = on_answer,
                          .owner = pending};
  struct ask_result result = {
      .action = action, .is_pattern = is_pattern, .destination = destination, .tag = tag};
  pending->subject = subject;
  list_init(&pending->link);
  plug_status status = ask_begin(&init, &pending->ask, &result.answer);
  if (status == PLUG_PENDING) {
    list_append(&subject->asks, &pending->link);
    return status;
  }
  free(pending);
  if (status == PLUG_OK) {
    remember(subject, &result);
    *allowed = result.answer.allowed;
  }
  return status;
}

/* --- what plugins say later --------------------------------------------------------------- */

static void notice_one(struct subject *subject, const struct notice *notice)
{
  struct access_worker *worker = subject->worker;
  if (!subject->identity || identity_instance(subject->identity) != notice->instance)
    return;
  if (notice->revoke) {
    char reason[LOGIN_REASON_MAX + 1];
    memcpy(reason, notice->reason.ptr, notice->reason.len);
    reason[notice->reason.len] = '\0';
    worker->events->revoked(subject->owner, reason);
    return;
  }
  if (notice->who) {
    struct identity *changed = identity_changed(subject->identity, notice->who);
    if (!changed || !become(subject, changed)) {
      identity_unref(changed);
      worker->events->revoked(subject->owner, ""); /* rather than keep what is void */
      return;
    }
  }
  forget_answers(subject);
  worker->events->changed(subject->owner);
}

static void notice_all(struct access_worker *worker, const struct notice *notice)
{
  size_t n = worker->subjects.count;
  struct list *node;
  while (n-- && (node = list_first(&worker->all))) {
    /* To the end, so that each has its turn, and those before it are once more before it. */
    list_remove(node);
    list_append(&worker->all, node);
    notice_one(container_of(node, struct subject, of_all), notice);
  }
}

void subject_notice(struct access_worker *worker, const struct notice *notice)
{
  if (notice->all) {
    notice_all(worker, notice);
    return;
  }
  if (!notice->user.len) {
    struct map_entry *found = map_find(
        &worker->subjects, str_from((const char *)&notice->session, sizeof notice->session));
    if (found)
      notice_one(container_of(found, struct subject, by_number), notice);
    return;
  }
  /* An event may end its session, and the last one its user: the name is looked up once more. */
  struct map_entry *found = map_find(&worker->users, notice->user);
  struct access_user *user = found ? container_of(found, struct access_user, by_name) : NULL;
  size_t n = 0;
  for (struct list *node = user ? user->subjects.next : NULL; user && node != &user->subjects;
       node = node->next)
    n++;
  while (n-- && (found = map_find(&worker->users, notice->user))) {
    user = container_of(found, struct access_user, by_name);
    struct list *node = list_first(&user->subjects);
    /* To the end, so that each has its turn. */
    list_remove(node);
    list_append(&user->subjects, node);
    notice_one(container_of(node, struct subject, of_user), notice);
  }
}

/* --- other rules -------------------------------------------------------------------------- */

void access_worker_renew(struct access_worker *worker, struct access *access)
{
  worker->access = access;
  worker->generation++;
}

static void renew(struct subject *subject)
{
  struct access_worker *worker = subject->worker;
  subject->no_rules = !worker->events->under_rules(subject->owner);
  struct access_class *class = class_get(worker, rules_of(subject), subject_who(subject));
  if (!class) {
    worker->events->revoked(subject->owner, ""); /* rather than keep rights that are void */
    return;
  }
  class_unref(worker, subject->class);
  subject->class = class;
  forget_answers(subject);
  worker->events->renewed(subject->owner);
}

bool access_worker_judge_again(struct access_worker *worker, size_t n)
{
  struct list *node;
  while ((node = list_first(&worker->all))) {
    struct subject *subject = container_of(node, struct subject, of_all);
    if (subject->generation == worker->generation)
      return false;
    if (n-- == 0)
      return true;
    subject->generation = worker->generation;
    list_remove(node);
    list_append(&worker->all, node);
    renew(subject); /* which may be its end */
  }
  return false;
}
