/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define END_TIMEOUT_MS 10000
#define LAST_WORDS_BYTES 8192
#define LAST_WORDS_SHOWN 2048

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/* glibc has wrappers since 2.36 only. */
static int open_pidfd(gint64 pid) {
  return (int)syscall(SYS_pidfd_open, (pid_t)pid, 0u);
}

static int signal_pidfd(int pidfd, int number) {
  return (int)syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0u);
}

/* Fields of /proc/PID/stat from the third on, as fields[1] …; field 2, the program's name, is in parentheses and may hold anything.
 * NULL: there is no such process. */
static GStrv stat_of(gint64 pid) {
  g_autofree char *path = g_strdup_printf("/proc/%" G_GINT64_FORMAT "/stat", pid);
  g_autofree char *stat = NULL;
  if (!g_file_get_contents(path, &stat, NULL, NULL))
    return NULL;
  const char *rest = strrchr(stat, ')');
  g_auto(GStrv) fields = rest != NULL ? g_strsplit(rest + 1, " ", 24) : NULL;
  return fields != NULL && g_strv_length(fields) > 20 ? g_steal_pointer(&fields) : NULL;
}

guint64 berth_host_process_start_time(gint64 pid) {
  g_auto(GStrv) fields = stat_of(pid);
  return fields != NULL ? g_ascii_strtoull(fields[20], NULL, 10) : 0;
}

guint64 berth_host_process_cpu_time(gint64 pid) {
  g_auto(GStrv) fields = stat_of(pid);
  long ticks = sysconf(_SC_CLK_TCK);
  if (fields == NULL || ticks <= 0)
    return 0;
  /* utime and stime, fields 14 and 15. */
  return (g_ascii_strtoull(fields[12], NULL, 10) + g_ascii_strtoull(fields[13], NULL, 10)) * 1000 / (guint64)ticks;
}

static gboolean is_own_child(gint64 pid) {
  g_auto(GStrv) fields = stat_of(pid);
  return fields != NULL && g_ascii_strtoll(fields[2], NULL, 10) == getpid();
}

gint64 berth_host_socket_peer(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct ucred peer = {0};
  socklen_t size = sizeof peer;
  if (g_strlcpy(address.sun_path, path, sizeof address.sun_path) >= sizeof address.sun_path)
    return 0;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return 0;
  if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    peer.pid = 0;
  close(fd);
  return peer.pid;
}

char *berth_host_boot_id(void) {
  char *id = NULL;
  return g_file_get_contents("/proc/sys/kernel/random/boot_id", &id, NULL, NULL) ? g_strstrip(id) : g_strdup("");
}

static BerthProcess *process_new(gint64 pid, int pidfd, guint64 start_time) {
  BerthProcess *process = g_new0(BerthProcess, 1);
  process->pid = pid;
  process->pidfd = pidfd;
  process->start_time = start_time;
  process->status = -1;
  return process;
}

void berth_host_process_free(BerthProcess *process) {
  if (process == NULL)
    return;
  if (process->pidfd >= 0)
    close(process->pidfd);
  g_free(process);
}

/* --- spawn ------------------------------------------------------------------------------------------------------------ */

static void redirect(posix_spawn_file_actions_t *actions, int from, int to, int flags) {
  if (from >= 0)
    posix_spawn_file_actions_adddup2(actions, from, to);
  else
    posix_spawn_file_actions_addopen(actions, to, "/dev/null", flags, 0);
}

/* A program must not inherit what this process blocks or ignores. */
static void reset_signals(posix_spawnattr_t *attributes, gboolean session) {
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(attributes, &none);
  posix_spawnattr_setsigdefault(attributes, &all);
  short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  if (session)
    flags |= POSIX_SPAWN_SETSID;
  posix_spawnattr_setflags(attributes, flags);
}

/* This process's environment with what @spawn adds. (transfer full) */
static GStrv environment_of(const BerthSpawn *spawn) {
  GStrv variables = g_get_environ();
  for (guint i = 0; spawn->environment != NULL && i < spawn->environment->len; i++) {
    g_auto(GStrv) pair = g_strsplit(g_ptr_array_index(spawn->environment, i), "=", 2);
    variables = g_environ_setenv(variables, pair[0], pair[1], TRUE);
  }
  return variables;
}

static void close_all(const GArray *descriptors) {
  for (guint i = 0; i < descriptors->len; i++)
    close(g_array_index(descriptors, int, i));
}

/* @descriptors again, where none of them is in the way of the numbers that a program has them by: close-on-exec. NULL: errno tells
 * why. (transfer full): close_all() before the array is freed. */
static GArray *out_of_the_way(const GArray *descriptors) {
  g_autoptr(GArray) moved = g_array_new(FALSE, FALSE, sizeof(int));
  for (guint i = 0; descriptors != NULL && i < descriptors->len; i++) {
    int fd = fcntl(g_array_index(descriptors, int, i), F_DUPFD_CLOEXEC, BERTH_SPAWN_KEPT + (int)descriptors->len);
    if (fd < 0) {
      close_all(moved);
      return NULL;
    }
    g_array_append_val(moved, fd);
  }
  return g_steal_pointer(&moved);
}

static int spawn_program(const char *program, const BerthSpawn *spawn, pid_t *pid) {
  g_autoptr(GArray) kept = out_of_the_way(spawn->keep);
  if (kept == NULL)
    return errno;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  redirect(&actions, spawn->in, STDIN_FILENO, O_RDONLY);
  redirect(&actions, spawn->out, STDOUT_FILENO, O_WRONLY);
  redirect(&actions, spawn->err, STDERR_FILENO, O_WRONLY);
  int next = BERTH_SPAWN_KEPT;
  for (guint i = 0; i < kept->len; i++)
    posix_spawn_file_actions_adddup2(&actions, g_array_index(kept, int, i), next++);
  posix_spawn_file_actions_addclosefrom_np(&actions, next);
  reset_signals(&attributes, spawn->session);
  g_auto(GStrv) environment = environment_of(spawn);
  int failure = posix_spawn(pid, program, &actions, &attributes, (char *const *)spawn->argv, environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  close_all(kept);
  return failure;
}

/* What has just been started as @what. */
static BerthProcess *watch_child(const char *what, pid_t pid, gboolean session, GError **error) {
  /* It is not reaped yet, so that the number still is its own. */
  int pidfd = open_pidfd(pid);
  if (pidfd < 0) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: cannot be watched: %s", what, g_strerror(errno));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return NULL;
  }
  BerthProcess *process = process_new(pid, pidfd, berth_host_process_start_time(pid));
  process->child = TRUE;
  process->leader = session;
  return process;
}

BerthProcess *berth_host_process_spawn(const BerthSpawn *spawn, GError **error) {
  g_autofree char *program = g_find_program_in_path(spawn->argv[0]);
  if (program == NULL) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND, "%s: no such program", spawn->argv[0]);
    return NULL;
  }
  pid_t pid = 0;
  int failure = spawn_program(program, spawn, &pid);
  if (failure != 0) {
    g_set_error(error, BERTH_ERROR, failure == ENOENT ? BERTH_ERROR_NOT_FOUND : BERTH_ERROR_FAILED, "%s: cannot be started: %s",
                program, g_strerror(failure));
    return NULL;
  }
  return watch_child(program, pid, spawn->session, error);
}

/* As redirect() and reset_signals(). */
static void be_child(const BerthSpawn *spawn, int keep) {
  const int wanted[] = {spawn->in, spawn->out, spawn->err};
  int null = open("/dev/null", O_RDWR);
  for (int fd = 0; fd < (int)G_N_ELEMENTS(wanted); fd++)
    dup2(wanted[fd] >= 0 ? wanted[fd] : null, fd);
  close_range(STDERR_FILENO + 1, (guint)keep - 1, 0);
  close_range((guint)keep + 1, ~0u, 0);
  if (spawn->session)
    setsid();
  for (int number = 1; number < NSIG; number++)
    signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

BerthProcess *berth_host_process_fork(const BerthSpawn *spawn, int keep, int (*body)(gpointer data), gpointer data,
                                      GError **error) {
  pid_t pid = fork();
  if (pid == 0) {
    be_child(spawn, keep);
    _exit(body(data));
  }
  if (pid > 0)
    return watch_child("a copy of this process", pid, spawn->session, error);
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "no process can be made: %s", g_strerror(errno));
  return NULL;
}

/* --- others ----------------------------------------------------------------------------------------------------------- */

/* Whether the process ended within @timeout_ms. */
static gboolean poll_end(int pidfd, int timeout_ms) {
  gint64 until = timeout_ms < 0 ? G_MAXINT64 : g_get_monotonic_time() + (gint64)timeout_ms * 1000;
  struct pollfd pollfd = {.fd = pidfd, .events = POLLIN};
  int n = poll(&pollfd, 1, timeout_ms);
  while (n < 0 && errno == EINTR) {
    gint64 left = timeout_ms < 0 ? -1 : MAX(0, (until - g_get_monotonic_time()) / 1000);
    n = poll(&pollfd, 1, (int)left);
  }
  return n > 0;
}

BerthProcess *berth_host_process_hold(int pidfd, gint64 pid, guint64 start_time) {
  BerthProcess *process = process_new(pid, pidfd, start_time);
  process->child = is_own_child(pid);
  process->leader = process->child && getpgid((pid_t)pid) == (pid_t)pid;
  return process;
}

BerthProcess *berth_host_process_open(gint64 pid, guint64 start_time, GError **error) {
  int pidfd = pid > 0 && pid <= G_MAXINT32 ? open_pidfd(pid) : -1;
  /* The pidfd came first: if the start time is right, the process it holds is the right one. */
  if (pidfd >= 0 && berth_host_process_start_time(pid) == start_time && (is_own_child(pid) || !poll_end(pidfd, 0)))
    return berth_host_process_hold(pidfd, pid, start_time);
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND, "process %" G_GINT64_FORMAT ": has ended", pid);
  if (pidfd >= 0)
    close(pidfd);
  return NULL;
}

gboolean berth_host_process_alive(BerthProcess *process) {
  return !process->ended && !poll_end(process->pidfd, 0);
}

gboolean berth_host_process_kill(BerthProcess *process, int number, GError **error) {
  if (process->ended || signal_pidfd(process->pidfd, number) == 0 || errno == ESRCH)
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "process %" G_GINT64_FORMAT ": cannot be sent signal %d: %s", process->pid,
              number, g_strerror(errno));
  return FALSE;
}

static void reap(BerthProcess *process) {
  siginfo_t info = {0};
  int failure = 0;
  do
    failure = waitid((idtype_t)P_PIDFD, (id_t)process->pidfd, &info, WEXITED);
  while (failure < 0 && errno == EINTR);
  /* ECHILD: somebody else in this process has reaped it. */
  if (failure == 0)
    process->status = info.si_code == CLD_EXITED ? W_EXITCODE(info.si_status, 0) : W_EXITCODE(0, info.si_status);
}

gboolean berth_host_process_wait(BerthProcess *process, int timeout_ms, GError **error) {
  if (process->ended)
    return TRUE;
  if (!poll_end(process->pidfd, timeout_ms)) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "process %" G_GINT64_FORMAT ": did not end within %d.%03d s", process->pid,
                timeout_ms / 1000, timeout_ms % 1000);
    return FALSE;
  }
  if (process->child)
    reap(process);
  process->ended = TRUE;
  return TRUE;
}

gboolean berth_host_process_end(BerthProcess *process, GError **error) {
  /* Nobody else can have got the number of the group while its leader is not reaped. */
  if (process->child && process->leader && !process->ended)
    kill((pid_t)-process->pid, SIGKILL);
  return berth_host_process_kill(process, SIGKILL, error) && berth_host_process_wait(process, END_TIMEOUT_MS, error);
}

char *berth_host_process_outcome(const BerthProcess *process) {
  if (process->status < 0)
    return g_strdup("unknown end");
  if (WIFEXITED(process->status))
    return g_strdup_printf("exit status %d", WEXITSTATUS(process->status));
  return g_strdup_printf("signal %d (%s)", WTERMSIG(process->status), g_strsignal(WTERMSIG(process->status)));
}

/* --- last words ------------------------------------------------------------------------------------------------------- */

static gsize read_fully(int fd, char *buffer, gsize size) {
  gsize length = 0;
  gssize n = 1;
  while (length < size && n > 0) {
    n = read(fd, buffer + length, size - length);
    if (n > 0)
      length += (gsize)n;
    else if (n < 0 && errno == EINTR)
      n = 1;
  }
  return length;
}

static gboolean is_chatter(const char *line, const char *const *chatter) {
  while (chatter != NULL && *chatter != NULL && strstr(line, *chatter) == NULL)
    chatter++;
  return chatter != NULL && *chatter != NULL;
}

/* The last lines that say something; all count without @chatter. */
static GPtrArray *last_of(GStrv lines, guint max_lines, const char *const *chatter) {
  GPtrArray *kept = g_ptr_array_new();
  for (guint i = g_strv_length(lines); i > 0 && kept->len < max_lines; i--)
    if (*g_strstrip(lines[i - 1]) != '\0' && !is_chatter(lines[i - 1], chatter))
      g_ptr_array_insert(kept, 0, lines[i - 1]);
  return kept;
}

char *berth_host_process_last_words(int fd, guint max_lines, const char *const *chatter) {
  char buffer[LAST_WORDS_BYTES + 1];
  off_t size = lseek(fd, 0, SEEK_END);
  if (size <= 0 || lseek(fd, MAX(0, size - LAST_WORDS_BYTES), SEEK_SET) < 0)
    return g_strdup("");
  buffer[read_fully(fd, buffer, LAST_WORDS_BYTES)] = '\0';
  for (gsize i = 0; buffer[i] != '\0'; i++) {
    if (g_ascii_iscntrl(buffer[i]) && buffer[i] != '\n')
      buffer[i] = ' ';
  }
  g_autofree char *text = g_utf8_make_valid(buffer, -1);
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  g_autoptr(GPtrArray) kept = last_of(lines, max_lines, chatter);
  if (kept->len == 0) {
    g_ptr_array_unref(kept);
    kept = last_of(lines, max_lines, NULL);
  }
  g_ptr_array_add(kept, NULL);
  g_autofree char *joined = g_strjoinv("; ", (char **)kept->pdata);
  glong length = g_utf8_strlen(joined, -1);
  return length <= LAST_WORDS_SHOWN ? g_steal_pointer(&joined) : g_utf8_substring(joined, length - LAST_WORDS_SHOWN, length);
}
