#include "plugin/crash.h"

#include <link.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "plugin/crash_stack.h"
#include "plugin/part.h"
#include "plugin/watch.h"

#define IMAGES_MAX 64
#define TEXT_MAX   400

static struct image_range {
  const char *id;
  uintptr_t begin, end;
} images[IMAGES_MAX];
static _Atomic size_t n_images;

static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

struct search {
  uintptr_t at, begin, end;
};

static int look_at(struct dl_phdr_info *info, size_t size, void *arg)
{
  struct search *search = arg;
  uintptr_t begin = UINTPTR_MAX, end = 0;
  (void)size;
  for (unsigned i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *part = &info->dlpi_phdr[i];
    if (part->p_type != PT_LOAD)
      continue;
    uintptr_t from = info->dlpi_addr + part->p_vaddr;
    if (from < begin)
      begin = from;
    if (from + part->p_memsz > end)
      end = from + part->p_memsz;
  }
  if (search->at < begin || search->at >= end)
    return 0;
  search->begin = begin;
  search->end = end;
  return 1;
}

void crash_image_add(const char *id, const void *at)
{
  struct search search = {.at = (uintptr_t)at};
  size_t n = atomic_load(&n_images);
  if (n == IMAGES_MAX || !dl_iterate_phdr(look_at, &search))
    return;
  images[n] = (struct image_range){id, search.begin, search.end};
  atomic_store(&n_images, n + 1);
}

/* --- in the handler: nothing but what is async-signal-safe --------------------------------- */

struct line {
  char text[TEXT_MAX];
  size_t len;
};

/* What comes from a plugin is shown without control characters. */
static void put(struct line *line, const char *text)
{
  for (; *text && line->len < sizeof line->text - 1; text++)
    line->text[line->len++] = (unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text;
}

static const char *signal_name(int number)
{
  switch (number) {
  case SIGSEGV:
    return "SIGSEGV";
  case SIGBUS:
    return "SIGBUS";
  case SIGFPE:
    return "SIGFPE";
  case SIGILL:
    return "SIGILL";
  case SIGABRT:
    return "SIGABRT";
  default:
    return "a signal";
  }
}

static uintptr_t program_counter(const void *context)
{
#if defined(__x86_64__)
  return (uintptr_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
  return (uintptr_t)((const ucontext_t *)context)->uc_mcontext.pc;
#else
  (void)context;
  return 0;
#endif
}

static const char *plugin_at(uintptr_t address)
{
  size_t n = atomic_load(&n_images);
  for (size_t i = 0; i < n; i++)
    if (address >= images[i].begin && address < images[i].end)
      return images[i].id;
  return NULL;
}

static void on_fault(int number, siginfo_t *info, void *context)
{
  struct line line = {.len = 0};
  const struct watch_record *mine = watch_mine;
  struct plugin_instance *instance =
      mine ? atomic_load_explicit(&mine->instance, memory_order_relaxed) : NULL;
  const char *id = plugin_at(program_counter(context));
  (void)info;
  put(&line, "plugboard: crashed with ");
  put(&line, signal_name(number));
  if (instance) {
    put(&line, " in plugin ");
    put(&line, instance->id);
    put(&line, " [");
    put(&line, instance->name);
    put(&line, "], in its call of ");
    put(&line, atomic_load_explicit(&mine->function, memory_order_relaxed));
    if (!id)
      put(&line, " (below code that is not its own)");
  } else if (id) {
    put(&line, " in plugin ");
    put(&line, id);
    put(&line, ", on a thread of its own");
  } else {
    put(&line, " in the server itself");
  }
  line.text[line.len++] = '\n';
  struct pollfd log = {.fd = STDERR_FILENO, .events = POLLOUT};
  if (poll(&log, 1, 0) != 0) { /* a log that nobody reads must not keep the process from dying */
    ssize_t written = write(STDERR_FILENO, line.text, line.len);
    (void)written;
  }
  /* The default action is back (SA_RESETHAND) and takes place when the handler returns: the fault
   * happens again, and what was sent is sent again. */
  if (number == SIGABRT || info->si_code <= 0)
    raise(number);
}

void crash_keep_signals(sigset_t *blocked)
{
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    sigdelset(blocked, numbers[i]);
}

void crash_handlers_set(void)
{
  crash_stack_set();
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    struct sigaction before, action = {.sa_sigaction = on_fault};
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND;
    sigemptyset(&action.sa_mask);
    if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
      sigaction(numbers[i], &action, NULL);
  }
}
