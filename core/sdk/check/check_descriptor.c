/* Group D: the file and the descriptor in it, before any of the plugin's functions is called. */
#include <dlfcn.h>
#include <locale.h>
#include <plugboard/ext/presence.h>
#include <plugboard/ext/proof.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "check_elf.h"
#include "check_host.h"
#include "config/option.h"

#define ENTRY "plug_plugin_entry"

static void open_elf(struct check_run *run, struct check_elf *elf)
{
  const char *wrong = elf_open(elf, check_order(run)->file);
  CHECK(run, !wrong, "%s", wrong);
}

/* ---- D1 ---- */

static bool is_exported(const ElfW(Sym) * symbol)
{
  unsigned bind = ELF64_ST_BIND(symbol->st_info);
  unsigned visibility = symbol->st_other & 3u;
  return symbol->st_shndx != SHN_UNDEF && symbol->st_shndx != SHN_ABS && bind != STB_LOCAL &&
         (visibility == STV_DEFAULT || visibility == STV_PROTECTED);
}

/* Not the plugin's: the linker's and the instrumentation's. */
static bool is_of_the_compiler(const char *name)
{
  static const char *const prefixes[] = {"__asan_", "__tsan_", "__ubsan_", "__sanitizer_",
                                         "__lsan_", "__gcov_", "__llvm_",  "__sancov_"};
  static const char *const names[] = {"_init", "_fini", "_end", "_edata", "__bss_start"};
  for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
    if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
      return true;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (!strcmp(name, names[i]))
      return true;
  return false;
}

static void one_symbol(struct check_run *run)
{
  struct check_elf elf;
  bool found = false;
  open_elf(run, &elf);
  for (size_t i = 1; i < elf.n_symbols; i++) {
    const char *name = elf_name(&elf, elf.symbols[i].st_name);
    if (!is_exported(&elf.symbols[i]) || is_of_the_compiler(name))
      continue;
    CHECK(run, !strcmp(name, ENTRY),
          "it exports '%s' beside " ENTRY ": link it with the SDK's plugin.map", name);
    found = true;
  }
  CHECK(run, found, "it does not export " ENTRY);
  check_in("dlopen");
  /* In this process nothing else is loaded that could supply what the plugin has forgotten to link:
   * the kit exports nothing, as the server does not. */
  CHECK(run, dlopen(check_order(run)->file, RTLD_NOW | RTLD_LOCAL), "%s", dlerror());
  size_t n_libraries = 0;
  for (size_t i = 0; i < elf.n_dynamic && elf.dynamic[i].d_tag != DT_NULL; i++)
    n_libraries += elf.dynamic[i].d_tag == DT_NEEDED;
  check_say(run, "exports " ENTRY " and nothing else; asks for %zu libraries", n_libraries);
}

/* ---- D2 ---- */

struct head {
  uint32_t magic;
  uint16_t major, minor;
  uint32_t size, flags;
};

/* The descriptor as it stands in the image, of which size bytes may be read. */
static const struct plug_plugin *raw_entry(struct check_run *run, size_t *size)
{
  check_in("dlopen");
  void *handle = dlopen(check_order(run)->file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  CHECK(run, handle, "it cannot be loaded: %s", dlerror());
  check_in("the check");
  void *entry = dlsym(handle, ENTRY);
  Dl_info info;
  ElfW(Sym) *symbol = NULL;
  CHECK(run, entry && dladdr1(entry, &info, (void **)&symbol, RTLD_DL_SYMENT) && symbol,
        "it has no symbol " ENTRY);
  *size = symbol->st_size;
  return entry;
}

static const struct plug_plugin *whole_entry(struct check_run *run)
{
  size_t size;
  const struct plug_plugin *entry = raw_entry(run, &size);
  CHECK(run, size >= sizeof *entry && entry->size >= sizeof *entry,
        "its descriptor is too short to look at (D2)");
  return entry;
}

static void head_is_good(struct check_run *run)
{
  size_t size;
  const void *entry = raw_entry(run, &size);
  struct head head = {0};
  memcpy(&head, entry, size < sizeof head ? size : sizeof head);
  CHECK(run, size >= sizeof head, "the descriptor has %zu bytes, too few for its head", size);
  CHECK(run, head.magic == PLUG_MAGIC, "the magic number is 0x%08x, not 0x%08x", head.magic,
        PLUG_MAGIC);
  CHECK(run, head.major == PLUG_ABI_MAJOR, "built for major %u, this kit speaks %d", head.major,
        PLUG_ABI_MAJOR);
  CHECK(run, head.minor <= PLUG_ABI_MINOR, "needs a server of ABI %u.%u, this kit speaks %d.%d",
        head.major, head.minor, PLUG_ABI_MAJOR, PLUG_ABI_MINOR);
  CHECK(run, head.size >= sizeof(struct plug_plugin),
        "the descriptor says that it has %u bytes, %zu are the least", head.size,
        sizeof(struct plug_plugin));
  CHECK(run, head.size <= size, "the descriptor says that it has %u bytes, but there are %zu",
        head.size, size);
  CHECK(run, head.flags == 0, "unknown flags 0x%08x in the descriptor", head.flags);
  check_say(run, "ABI %u.%u, %u bytes", head.major, head.minor, head.size);
}

/* ---- D3 ---- */

static bool is_text(const char *text, size_t max)
{
  size_t len = text ? strnlen(text, max + 1) : 0;
  if (!len || len > max)
    return false;
  for (size_t i = 0; i < len; i++)
    if ((unsigned char)text[i] < ' ')
      return false;
  return true;
}

static void names_are_good(struct check_run *run)
{
  const struct plug_plugin *entry = whole_entry(run);
  const char *id = entry->id;
  CHECK(run,
        id && strnlen(id, PLUG_ID_MAX + 1) <= PLUG_ID_MAX && id[0] &&
            id[strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789.-")] == '\0',
        "the id must have 1 to %d characters of a-z, 0-9, '.' and '-'", PLUG_ID_MAX);
  CHECK(run, is_text(entry->version, 64), "the version must be one line of 1 to 64 bytes");
  CHECK(run, is_text(entry->summary, 200), "the summary must be one line of 1 to 200 bytes");
  CHECK(run, !entry->build || is_text(entry->build, 200), "the build is not one line");
  CHECK(run, !entry->n_options || entry->options, "it has %zu options, but no table of them",
        entry->n_options);
  CHECK(run, entry->n_options <= 256, "it has %zu options, at most 256 are possible",
        entry->n_options);
  struct option_table table = {entry->options, entry->n_options};
  struct plug_err err;
  CHECK(run, !entry->n_options || !option_table_check(&table, false, &err), "%s", err.text);
  for (size_t i = 0; i < entry->n_options; i++) {
    const struct plug_option *option = &entry->options[i];
    CHECK(run, is_text(option->help, 1000), "option '%s' has no help, or one of several lines",
          option->name);
    CHECK(run, !(option->flags & PLUG_OPT_REQUIRED) || !option->def,
          "option '%s' is required and has a default: one of the two is never used", option->name);
    for (size_t k = 0; k < i; k++)
      CHECK(run, strcmp(option->name, entry->options[k].name) != 0, "option '%s' is there twice",
            option->name);
  }
  check_say(run, "%s %s, %zu options", id, entry->version, entry->n_options);
}

/* ---- D4 ---- */

static void need(struct check_run *run, bool there, const char *function, const char *table)
{
  CHECK(run, there, "the required function '%s' is missing in %s", function, table);
}

static void members_are_there(struct check_run *run)
{
  const struct plug_plugin *entry = whole_entry(run);
  const struct plug_broker *broker = entry->broker;
  const struct plug_auth *auth = entry->auth;
  const struct plug_app *app = entry->app;
  CHECK(run, broker || auth || app, "it has neither a broker nor an auth nor an app table");
  need(run, entry->create, "create", "the descriptor");
  need(run, entry->destroy, "destroy", "the descriptor");
  if (broker) {
    CHECK(run, broker->size >= sizeof *broker, "the broker table has %u bytes, %zu are the least",
          broker->size, sizeof *broker);
    need(run, broker->subscribe, "subscribe", "the broker table");
    need(run, broker->unsubscribe, "unsubscribe", "the broker table");
    need(run, broker->publish, "publish", "the broker table");
    need(run, broker->health, "health", "the broker table");
  }
  if (auth) {
    size_t least = entry->abi_minor < 2 ? offsetof(struct plug_auth, credentials) : sizeof *auth;
    CHECK(run, auth->size >= least, "the auth table has %u bytes, %zu are the least", auth->size,
          least);
    need(run, auth->authenticate, "authenticate", "the auth table");
    need(run, auth->authorize, "authorize", "the auth table");
  }
  if (app) {
    CHECK(run, app->size >= sizeof *app, "the app table has %u bytes, %zu are the least", app->size,
          sizeof *app);
    need(run, app->claims, "claims", "the app table");
  }
  check_say(run, "%s%s%s", broker ? "broker " : "", auth ? "auth " : "", app ? "app" : "");
}

/* ---- D5 ---- */

#define CAPS_KNOWN                                                                            \
  (PLUG_CAP_CROSS_NODE | PLUG_CAP_ECHO | PLUG_CAP_PATTERN | PLUG_CAP_ORDERED | PLUG_CAP_ACK | \
   PLUG_CAP_NO_GAPS | PLUG_CAP_PUBLISH_ANY | PLUG_CAP_DIRECT)

static void flags_are_known(struct check_run *run, const struct plug_plugin *entry)
{
  if (entry->broker) {
    uint32_t caps = entry->broker->caps, needed = PLUG_CAP_ECHO | PLUG_CAP_PUBLISH_ANY;
    CHECK(run, !(caps & ~CAPS_KNOWN), "unknown capabilities 0x%08x", caps & ~CAPS_KNOWN);
    CHECK(run, !(caps & PLUG_CAP_DIRECT) || (caps & needed) == needed,
          "PLUG_CAP_DIRECT takes PLUG_CAP_ECHO and PLUG_CAP_PUBLISH_ANY");
    CHECK(run, !(caps & PLUG_CAP_DIRECT) || !(caps & PLUG_CAP_CROSS_NODE),
          "PLUG_CAP_DIRECT and PLUG_CAP_CROSS_NODE rule each other out");
  }
  CHECK(run, !entry->auth || !(entry->auth->flags & ~PLUG_AUTHORIZE_ANY),
        "unknown flags 0x%08x in the auth table", entry->auth->flags);
  CHECK(run, !entry->app || !(entry->app->flags & ~PLUG_APP_ANY),
        "unknown flags 0x%08x in the app table", entry->app->flags);
}

static const void *ask(struct check_host *host, const char *id)
{
  const void *table;
  CHECK_CALL(host, "extension", table = host->mock->plugin->extension(host->mock->self, id));
  return table;
}

static void extensions_fit(struct check_run *run, struct check_host *host)
{
  const struct plug_plugin *plugin = check_plugin(run);
  const struct plug_broker_presence *presence = ask(host, PLUG_EXT_BROKER_PRESENCE);
  const struct plug_broker_proof *proof = ask(host, PLUG_EXT_BROKER_PROOF);
  const struct plug_presence_app *watcher = ask(host, PLUG_EXT_PRESENCE);
  CHECK(run, !ask(host, "org.example.nothing/1"),
        "its extension() has a table for an id that it cannot know");
  CHECK(run, !presence || plugin->broker, "it has " PLUG_EXT_BROKER_PRESENCE ", but is no broker");
  CHECK(run,
        !presence || (presence->size >= sizeof *presence && presence->join && presence->leave &&
                      presence->watch && presence->unwatch && presence->list && presence->restored),
        "its table of " PLUG_EXT_BROKER_PRESENCE " is too short, or has a function missing");
  CHECK(run, !proof || (plugin->broker && plugin->broker->caps & PLUG_CAP_ECHO),
        "it has " PLUG_EXT_BROKER_PROOF ", which is of brokers with PLUG_CAP_ECHO");
  CHECK(run, !proof || (proof->size >= sizeof *proof && proof->proven_ms),
        "its table of " PLUG_EXT_BROKER_PROOF " is too short, or has a function missing");
  CHECK(run, !watcher || plugin->app, "it has " PLUG_EXT_PRESENCE ", but is no application");
  CHECK(run, !watcher || (watcher->size >= sizeof *watcher && watcher->changed),
        "its table of " PLUG_EXT_PRESENCE " is too short, or has a function missing");
}

static void claims_fit(struct check_run *run, const struct check_host *host)
{
  const struct plug_app *app = host->mock->plugin->app;
  const struct plug_app_claims *claims = &host->mock->claims;
  CHECK(run, !claims->n_claims || app->request,
        "it claims %zu patterns, but has no function 'request'", claims->n_claims);
  CHECK(run, !claims->n_watches || app->event,
        "it watches %zu patterns, but has no function 'event'", claims->n_watches);
}

static void capabilities_fit(struct check_run *run)
{
  const struct plug_plugin *entry = whole_entry(run);
  flags_are_known(run, entry);
  if (entry->extension || entry->app) {
    struct check_host *host = check_create(run, NULL);
    if (entry->extension)
      extensions_fit(run, host);
    if (entry->app)
      claims_fit(run, host);
    check_destroy(host);
  }
}

/* ---- D6 ---- */

static void segments_are_safe(struct check_run *run)
{
  struct check_elf elf;
  size_t flags = 0, ignored;
  open_elf(run, &elf);
  elf_tag(&elf, DT_FLAGS, &flags);
  CHECK(run, !(flags & DF_TEXTREL) && !elf_tag(&elf, DT_TEXTREL, &ignored),
        "it has text relocations: compile all of it with -fPIC");
  const ElfW(Phdr) *stack = elf_part(&elf, PT_GNU_STACK);
  CHECK(run, stack && !(stack->p_flags & PF_X),
        "it asks for an executable stack: an assembler file of its lacks .note.GNU-stack, or it is "
        "linked with -z execstack");
  for (size_t i = 0; i < elf.n_parts; i++)
    CHECK(run,
          elf.parts[i].p_type != PT_LOAD || (elf.parts[i].p_flags & (PF_W | PF_X)) != (PF_W | PF_X),
          "a segment of it is both writable and executable");
}

/* ---- D7 ---- */

struct world {
  size_t fds, threads;
  struct sigaction actions[65];
  sigset_t mask;
  mode_t umask;
  char dir[512], locale[128];
  unsigned long environment; /* a sum over all of it */
};

static void look_around(struct world *world)
{
  memset(world, 0, sizeof *world);
  world->fds = check_count_fds();
  world->threads = check_count_threads();
  for (int i = 1; i < 65; i++)
    sigaction(i, NULL, &world->actions[i]);
  pthread_sigmask(SIG_SETMASK, NULL, &world->mask);
  world->umask = umask(0);
  umask(world->umask);
  if (!getcwd(world->dir, sizeof world->dir))
    world->dir[0] = '\0';
  snprintf(world->locale, sizeof world->locale, "%s", setlocale(LC_ALL, NULL));
  for (char **e = environ; *e; e++)
    for (const char *c = *e; *c; c++)
      world->environment = world->environment * 31 + (unsigned char)*c;
}

static void loading_does_nothing(struct check_run *run)
{
  struct world before, after;
  static const struct world nothing;
  before = nothing;
  look_around(&before);
  check_in("dlopen");
  CHECK(run, dlopen(check_order(run)->file, RTLD_NOW | RTLD_LOCAL), "it cannot be loaded: %s",
        dlerror());
  look_around(&after);
  CHECK(run, after.fds == before.fds, "dlopen alone opens %zd descriptors",
        (ssize_t)(after.fds - before.fds));
  CHECK(run, after.threads == before.threads, "dlopen alone starts a thread");
  for (int i = 1; i < 65; i++)
    CHECK(run, !memcmp(&before.actions[i].sa_handler, &after.actions[i].sa_handler, sizeof(void *)),
          "dlopen alone changes what signal %d does", i);
  for (int i = 1; i < 65; i++)
    CHECK(run, sigismember(&before.mask, i) == sigismember(&after.mask, i),
          "dlopen alone changes the mask of signals");
  CHECK(run, before.umask == after.umask, "dlopen alone changes the umask");
  CHECK(run, !strcmp(before.dir, after.dir), "dlopen alone changes the working directory");
  CHECK(run, !strcmp(before.locale, after.locale), "dlopen alone changes the locale");
  CHECK(run, before.environment == after.environment, "dlopen alone changes the environment");
}

static const struct check checks[] = {
    {"D1", "exports one symbol, and needs none that nobody has",
     "The file exports plug_plugin_entry and no other symbol, so that two plugins may bundle "
     "different versions of the same library; and every symbol that it needs is in libc or in a "
     "library that it names. Link with the SDK's plugin.map and -Wl,-z,defs.",
     0, one_symbol},
    {"D2", "the head of the descriptor is that of a plugin for this server",
     "Magic number, major, minor, size and flags of the descriptor, which the server judges before "
     "it runs any code of the plugin. PLUG_PLUGIN_HEAD fills them in.",
     0, head_is_good},
    {"D3", "id, version, summary and the table of options are well-formed",
     "The id has 1 to 64 characters of a-z, 0-9, '.' and '-'; version and summary are one line; "
     "each option has a name of its own, a known type, a default that lies in its range, and one "
     "line of help. A required option has no default.",
     0, names_are_good},
    {"D4", "each table has what it must have",
     "The plugin has at least one table, broker, auth or app; each is as long as the minor says "
     "that the plugin was built for; and the functions that the headers do not call optional are "
     "there: create and destroy; subscribe, unsubscribe, publish and health; authenticate and "
     "authorize; claims.",
     0, members_are_there},
    {"D5", "capabilities, flags and extensions fit together",
     "No capability or flag is set that the headers do not know; PLUG_CAP_DIRECT comes with what "
     "it "
     "takes; the tables that extension() gives are complete and of the plugin's kind, and there is "
     "none for an id that the plugin cannot know; an application with claims has request, one with "
     "watches has event.",
     0, capabilities_fit},
    {"D6", "no text relocations, no executable stack",
     "The file has no relocations in its code, does not ask for an executable stack, and no "
     "segment "
     "that is both writable and executable: such a plugin weakens the whole server, and a hardened "
     "system does not load it. Compile with -fPIC; give assembler files a .note.GNU-stack.",
     0, segments_are_safe},
    {"D7", "loading it does nothing that can be seen",
     "Between before and after dlopen nothing has changed: open descriptors, threads, what signals "
     "do and which are blocked, umask, working directory, locale, environment. Constructors run "
     "also for --plugin-info and --check; whatever has to be done belongs into create or start.",
     0, loading_does_nothing},
};

const struct check_group check_group_descriptor =
    CHECK_GROUP("D", "the file and its descriptor", checks);
