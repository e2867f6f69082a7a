#include "check_extension.h"

#include <plugboard/ext/auth.h>
#include <plugboard/ext/config.h>
#include <plugboard/ext/presence.h>
#include <plugboard/ext/workpool.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static struct check_host *host_of(const struct plug_host *host)
{
  return mock_of(host)->kit_data;
}

static bool is_running(const struct plug_host *plug_host, const char *function)
{
  struct plug_mock *mock = mock_of(plug_host);
  pthread_mutex_lock(&mock->lock);
  enum mock_phase phase = mock->phase;
  pthread_mutex_unlock(&mock->lock);
  if (phase == PHASE_RUNNING)
    return true;
  if (phase == PHASE_CREATED)
    mock_breach(mock, MOCK_THREAD, function);
  return false;
}

/* ---- The work pool: a thread per job, so that all orders that can be happen ---- */

struct job {
  struct check_host *host;
  plug_fn work, done;
  void *arg;
};

static void job_done(void *arg)
{
  struct job *job = arg;
  job->done(job->arg);
  job->host->n_jobs--;
  free(job);
}

static void *job_run(void *arg)
{
  struct job *job = arg;
  pthread_setname_np(pthread_self(), "workpool");
  job->work(job->arg);
  mock_post_call(job->host->mock, job_done, NULL, job);
  return NULL;
}

static plug_status pool_run(const struct plug_host *plug_host, plug_fn work, plug_fn done,
                            void *arg)
{
  struct check_host *host = host_of(plug_host);
  if (mock_used(host->mock, "run of the work pool", 1))
    return PLUG_EUNAVAIL;
  mock_check_home(host->mock, "run of the work pool");
  if (!is_running(plug_host, "run of the work pool before start"))
    return PLUG_ESTATE;
  struct job *job = calloc(1, sizeof *job);
  pthread_t thread;
  sigset_t all, old;
  if (!job)
    return PLUG_ENOMEM;
  *job = (struct job){host, work, done, arg};
  host->n_jobs++;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  int failed = pthread_create(&thread, NULL, job_run, job);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  if (failed) {
    host->n_jobs--;
    free(job);
    return PLUG_EUNAVAIL;
  }
  pthread_detach(thread);
  return PLUG_OK;
}

static const struct plug_workpool pool_table = {.size = sizeof pool_table, .run = pool_run};

/* ---- Sections [INSTANCE NAME] of the command line's file ---- */

static struct plug_str label_of(const struct check_host *host, const struct config_section *section)
{
  struct plug_str name = str_of(section->name), mine = str_of(check_order(host->run)->section);
  if (!str_has_prefix(name, mine) || name.len == mine.len || name.ptr[mine.len] != ' ')
    return str_from(NULL, 0);
  return str_trim(str_from(name.ptr + mine.len, name.len - mine.len));
}

static const struct config_section *find_section(const struct check_host *host, size_t number)
{
  const struct config *config = check_order(host->run)->config;
  if (!config)
    return NULL;
  const struct list *head = &config->sections;
  for (const struct list *link = head->next; link != head; link = link->next) {
    const struct config_section *section = container_of(link, struct config_section, link);
    if (label_of(host, section).len && !number--)
      return section;
  }
  return NULL;
}

static bool in_create(const struct plug_host *plug_host, const char *function)
{
  struct plug_mock *mock = mock_of(plug_host);
  mock_used(mock, function, 0);
  if (!mock->in_create)
    mock_breach(mock, MOCK_THREAD, "configuration is read outside create");
  return mock->in_create;
}

static plug_status config_section_name(const struct plug_host *plug_host, size_t number,
                                       struct plug_str *name)
{
  if (!in_create(plug_host, "section"))
    return PLUG_ESTATE;
  const struct config_section *section = find_section(host_of(plug_host), number);
  if (!section)
    return PLUG_EINVAL;
  *name = label_of(host_of(plug_host), section);
  return PLUG_OK;
}

static plug_status config_entry_of(const struct plug_host *plug_host, size_t number, size_t entry,
                                   struct plug_kv *out)
{
  if (!in_create(plug_host, "entry"))
    return PLUG_ESTATE;
  const struct config_section *section = find_section(host_of(plug_host), number);
  if (!section)
    return PLUG_EINVAL;
  const struct list *head = &section->entries;
  for (const struct list *link = head->next; link != head; link = link->next)
    if (!entry--) {
      const struct config_entry *found = container_of(link, struct config_entry, link);
      *out = (struct plug_kv){str_of(found->key), str_of(found->value)};
      return PLUG_OK;
    }
  return PLUG_EINVAL;
}

static void config_blame(const struct plug_host *plug_host, size_t section, size_t entry)
{
  (void)section, (void)entry;
  in_create(plug_host, "blame");
}

static const struct plug_config config_table = {
    .size = sizeof config_table,
    .section = config_section_name,
    .entry = config_entry_of,
    .blame = config_blame,
};

/* ---- Control of sessions, of which there are none ---- */

static plug_status control(const struct plug_host *plug_host, const char *function)
{
  if (mock_used(mock_of(plug_host), function, 1))
    return PLUG_ENOMEM;
  return is_running(plug_host, "sessions are invalidated before start") ? PLUG_OK : PLUG_ESTATE;
}

static plug_status invalidate_user(const struct plug_host *host, struct plug_str user,
                                   uint32_t flags, struct plug_str reason)
{
  (void)reason;
  plug_status status = control(host, "invalidate_user");
  return status ? status : user.len && flags <= PLUG_INVALIDATE_CLOSE ? PLUG_OK : PLUG_EINVAL;
}

static plug_status invalidate_session(const struct plug_host *host, uint64_t session,
                                      uint32_t flags, struct plug_str reason)
{
  (void)session, (void)reason;
  plug_status status = control(host, "invalidate_session");
  return status ? status : flags <= PLUG_INVALIDATE_CLOSE ? PLUG_OK : PLUG_EINVAL;
}

static plug_status update_user(const struct plug_host *host, const struct plug_identity *who)
{
  (void)who;
  return control(host, "update_user");
}

static const struct plug_auth_control control_table = {
    .size = sizeof control_table,
    .invalidate_user = invalidate_user,
    .invalidate_session = invalidate_session,
    .update_user = update_user,
};

/* ---- Presence: a broker is not listened to, an application is alone ---- */

static void deaf_user(struct plug_op *op, struct plug_str user, struct plug_str info,
                      uint64_t members)
{
  (void)user, (void)info, (void)members;
  mock_used(op->mock, "user", 0);
  mock_check_home(op->mock, "user");
}

static void deaf_total(struct plug_op *op, uint64_t users, uint64_t members,
                       struct plug_position pos)
{
  (void)users, (void)members, (void)pos;
  mock_used(op->mock, "total", 0);
  mock_check_home(op->mock, "total");
}

static void deaf_changed(const struct plug_host *host, const struct plug_presence_change *change)
{
  (void)change;
  mock_used(mock_of(host), "changed", 0);
  mock_check_home(mock_of(host), "changed");
}

static void deaf_lost(const struct plug_host *host)
{
  mock_used(mock_of(host), "lost", 0);
  mock_check_home(mock_of(host), "lost");
}

static const struct plug_broker_presence_up deaf_table = {
    .size = sizeof deaf_table,
    .user = deaf_user,
    .total = deaf_total,
    .changed = deaf_changed,
    .lost = deaf_lost,
};

struct told {
  struct check_host *host;
  plug_presence_done_fn done;
  void *arg;
};

static void tell(void *arg)
{
  struct told *told = arg;
  told->done(told->arg, PLUG_OK, 0, 0);
  free(told);
}

static plug_status answer_later(const struct plug_host *plug_host, const char *function,
                                plug_presence_done_fn done, void *arg)
{
  struct plug_mock *mock = mock_of(plug_host);
  if (mock_used(mock, function, 1))
    return PLUG_ENOMEM;
  mock_check_home(mock, function);
  if (!done)
    return PLUG_OK;
  struct told *told = calloc(1, sizeof *told);
  if (!told)
    return PLUG_ENOMEM;
  *told = (struct told){host_of(plug_host), done, arg};
  mock_post_call(mock, tell, NULL, told);
  return PLUG_PENDING;
}

static plug_status alone_join(const struct plug_host *host, const struct plug_member *member,
                              plug_presence_done_fn done, void *arg)
{
  (void)member;
  return answer_later(host, "join", done, arg);
}

static plug_status alone_leave(const struct plug_host *host, const struct plug_member *member,
                               plug_presence_done_fn done, void *arg)
{
  (void)member;
  return answer_later(host, "leave", done, arg);
}

static plug_status alone_watch(const struct plug_host *host, struct plug_str topic,
                               plug_presence_done_fn done, void *arg)
{
  (void)topic;
  return answer_later(host, "watch", done, arg);
}

static void alone_unwatch(const struct plug_host *host, struct plug_str topic)
{
  (void)topic;
  mock_used(mock_of(host), "unwatch", 0);
  mock_check_home(mock_of(host), "unwatch");
}

static plug_status alone_list(const struct plug_host *host, struct plug_str topic,
                              plug_presence_user_fn user, plug_presence_done_fn done, void *arg)
{
  (void)topic, (void)user;
  return answer_later(host, "list", done, arg);
}

static plug_status alone_find(const struct plug_host *host, struct plug_str topic,
                              struct plug_str name, plug_presence_user_fn user,
                              plug_presence_done_fn done, void *arg)
{
  (void)topic, (void)name, (void)user;
  return answer_later(host, "find", done, arg);
}

static const struct plug_presence alone_table = {
    .size = sizeof alone_table,
    .join = alone_join,
    .leave = alone_leave,
    .watch = alone_watch,
    .unwatch = alone_unwatch,
    .list = alone_list,
    .find = alone_find,
};

const void *extension_find(struct check_host *host, const char *id)
{
  const struct plug_plugin *plugin = host->mock ? host->mock->plugin : check_plugin(host->run);
  if (!strcmp(id, PLUG_EXT_WORKPOOL))
    return &pool_table;
  if (!strcmp(id, PLUG_EXT_CONFIG))
    return &config_table;
  if (!strcmp(id, PLUG_EXT_AUTH) && plugin->auth)
    return &control_table;
  if (!strcmp(id, PLUG_EXT_BROKER_PRESENCE) && plugin->broker)
    return host->presence_up ? host->presence_up : &deaf_table;
  if (!strcmp(id, PLUG_EXT_PRESENCE) && plugin->app)
    return host->app_presence ? host->app_presence : &alone_table;
  return NULL;
}
