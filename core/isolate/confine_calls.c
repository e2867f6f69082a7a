#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/fault.h"
#include "isolate/confine.h"

/* What no library needs that talks to a backend. A name that the library does not know, because
 * kernel or machine are too old for it, is none that could be called. */
static const char *const refused[] = {
    /* other programs */
    "execve",
    "execveat",
    "fork",
    "vfork",
    /* other processes */
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "process_mrelease",
    "kcmp",
    "pidfd_open",
    "pidfd_getfd",
    "pidfd_send_signal",
    "tkill",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "setpgid",
    "setsid",
    "sched_setaffinity",
    "migrate_pages",
    "move_pages",
    /* what it is, and may */
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setfsuid",
    "setfsgid",
    "setgroups",
    "capset",
    "personality",
    "unshare",
    "setns",
    "chroot",
    "pivot_root",
    /* the system */
    "mount",
    "umount",
    "umount2",
    "mount_setattr",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "swapon",
    "swapoff",
    "reboot",
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "sethostname",
    "setdomainname",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "stime",
    "iopl",
    "ioperm",
    "acct",
    "quotactl",
    "quotactl_fd",
    "syslog",
    "vhangup",
    "bpf",
    "perf_event_open",
    "lookup_dcookie",
    "fanotify_init",
    "name_to_handle_at",
    "open_by_handle_at",
    "nfsservctl",
    "modify_ldt",
    /* more of the kernel than anybody needs */
    "userfaultfd",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "keyctl",
    "add_key",
    "request_key",
    "vmsplice",
    "shmget",
    "shmat",
    "shmctl",
    "shmdt",
    "semget",
    "semop",
    "semctl",
    "msgget",
    "msgsnd",
    "msgrcv",
    "msgctl",
    "mq_open",
    "mq_unlink",
    "mknod",
    "mknodat",
};

static const int domains[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
#define DOMAIN_LAST 63

static bool is_allowed(int domain)
{
  for (size_t i = 0; i < sizeof domains / sizeof *domains; i++)
    if (domains[i] == domain)
      return true;
  return false;
}

static int add(scmp_filter_ctx filter, const char *name)
{
  int number = seccomp_syscall_resolve_name(name);
  if (number == __NR_SCMP_ERROR)
    return 0;
  int failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, 0);
  return failed == -EDOM ? 0 : failed; /* this machine has it not */
}

static int add_sockets(scmp_filter_ctx filter)
{
  int failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
                                SCMP_A0(SCMP_CMP_GT, DOMAIN_LAST, 0));
  for (int domain = 0; domain <= DOMAIN_LAST && !failed; domain++)
    if (!is_allowed(domain))
      failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
                                SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)domain, 0));
  return failed;
}

/* Itself it may signal, as abort does. */
static int add_signals(scmp_filter_ctx filter)
{
  scmp_datum_t self = (scmp_datum_t)getpid();
  int failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(kill), 1,
                                SCMP_A0(SCMP_CMP_NE, self, 0));
  return failed ? failed
                : seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(tgkill), 1,
                                   SCMP_A0(SCMP_CMP_NE, self, 0));
}

/* Threads, and no processes. What clone3 is asked for stands where a filter cannot look: the C
 * library takes clone instead when it is told that there is none. */
static int add_processes(scmp_filter_ctx filter)
{
  if (PLUG_SANITIZED) /* whose runtimes look into the process by one of theirs */
    return 0;
  int failed = add(filter, "ptrace");
  if (!failed)
    failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
  if (!failed)
    failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                              SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
  return failed;
}

plug_status confine_calls(struct plug_err *err)
{
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  int failed = filter ? 0 : -ENOMEM;
  for (size_t i = 0; i < sizeof refused / sizeof *refused && !failed; i++)
    failed = add(filter, refused[i]);
  if (!failed)
    failed = add_processes(filter);
  if (!failed)
    failed = add_signals(filter);
  if (!failed)
    failed = add_sockets(filter);
  /* The signal that says that the server is gone stays. */
  if (!failed)
    failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prctl), 1,
                              SCMP_A0(SCMP_CMP_EQ, PR_SET_PDEATHSIG, 0));
  if (!failed)
    failed = seccomp_load(filter);
  if (filter)
    seccomp_release(filter);
  if (!failed)
    return PLUG_OK;
  fault_at(err, NULL, 0, "seccomp: %s", strerror(-failed));
  return PLUG_EUNAVAIL;
}
