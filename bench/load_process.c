#include "load_process.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool read_file(const char *path, char *out, size_t cap)
{
  FILE *f = fopen(path, "re");
  if (!f)
    return false;
  size_t n = fread(out, 1, cap - 1, f);
  fclose(f);
  out[n] = 0;
  return n > 0;
}

static bool add_run_time(pid_t pid, struct process_usage *out)
{
  char path[300], text[256];
  snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
  DIR *tasks = opendir(path);
  if (!tasks)
    return false;
  for (struct dirent *entry; (entry = readdir(tasks));) {
    uint64_t run_ns, wait_ns;
    snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int)pid, entry->d_name);
    /* A thread may have ended since the directory was read. */
    if (entry->d_name[0] != '.' && read_file(path, text, sizeof text) &&
        sscanf(text, "%" SCNu64 " %" SCNu64, &run_ns, &wait_ns) == 2) {
      out->run_ns += run_ns;
      out->wait_ns += wait_ns;
      if (out->n_threads < PROCESS_THREADS_MAX)
        out->threads[out->n_threads++] =
            (struct thread_usage){(pid_t)strtol(entry->d_name, NULL, 10), run_ns};
    }
  }
  closedir(tasks);
  return true;
}

static bool add_one(pid_t pid, struct process_usage *out)
{
  char path[64], text[1024];
  uint64_t user, system, pages;
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  if (!add_run_time(pid, out) || !read_file(path, text, sizeof text))
    return false;
  /* The program's name, the second field, may contain blanks and brackets. */
  const char *rest = strrchr(text, ')');
  if (!rest || sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64,
                      &user, &system) != 2)
    return false;
  uint64_t tick_ms = 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
  out->user_ms += user * tick_ms;
  out->system_ms += system * tick_ms;
  snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
  if (!read_file(path, text, sizeof text) || sscanf(text, "%*u %" SCNu64, &pages) != 1)
    return false;
  out->rss_bytes += pages * (uint64_t)sysconf(_SC_PAGESIZE);
  return true;
}

bool process_usage_read(const pid_t *pids, size_t n, struct process_usage *out)
{
  *out = (struct process_usage){0};
  for (size_t i = 0; i < n; i++) {
    uint64_t before = out->run_ns;
    if (!add_one(pids[i], out))
      return false;
    out->pid_run_ns[i] = out->run_ns - before;
  }
  return true;
}

uint64_t process_busiest_ns(const struct process_usage *from, const struct process_usage *to)
{
  uint64_t most = 0;
  for (size_t i = 0; i < to->n_threads; i++) {
    uint64_t ran = to->threads[i].run_ns;
    for (size_t k = 0; k < from->n_threads; k++)
      if (from->threads[k].tid == to->threads[i].tid)
        ran -= from->threads[k].run_ns;
    if (ran > most)
      most = ran;
  }
  return most;
}

size_t process_files(const pid_t *pids, size_t n)
{
  size_t files = 0;
  for (size_t i = 0; i < n; i++) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pids[i]);
    DIR *folder = opendir(path);
    if (!folder)
      return 0;
    for (struct dirent *entry; (entry = readdir(folder));)
      files += entry->d_name[0] != '.';
    closedir(folder);
  }
  return files;
}
