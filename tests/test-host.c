/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processes and locks. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/lock.h"
#include "host/process.h"

#define LONG_MS 10000

/* /bin/sh -c @script, its stderr (and stdout) to @out. */
static BerthProcess *shell(const char *script, int out) {
  g_autoptr(GError) error = NULL;
  const char *const argv[] = {"/bin/sh", "-c", script, NULL};
  BerthSpawn spawn = {.argv = argv, .in = -1, .out = out, .err = out, .session = TRUE};
  BerthProcess *process = berth_host_process_spawn(&spawn, &error);
  g_assert_no_error(error);
  g_assert_cmpint(process->pid, >, 0);
  g_assert_cmpuint(process->start_time, >, 0);
  return process;
}

static void assert_outcome(const BerthProcess *process, const char *expected) {
  g_autofree char *outcome = berth_host_process_outcome(process);
  g_assert_cmpstr(outcome, ==, expected);
}

static void test_spawn(void) {
  g_autoptr(GError) error = NULL;
  int out = memfd_create("out", MFD_CLOEXEC);
  g_autoptr(BerthProcess) process = shell("cat; echo; echo one; printf 'two\\tx\\n\\n  \\nthree' >&2; exit 3", out);
  g_assert_true(berth_host_process_wait(process, LONG_MS, &error));
  g_assert_no_error(error);
  g_assert_false(berth_host_process_alive(process));
  assert_outcome(process, "exit status 3");
  g_autofree char *all = berth_host_process_last_words(out, 10, NULL);
  g_assert_cmpstr(all, ==, "one; two x; three");
  const char *const chatter[] = {"no such text", NULL}, *const everything[] = {"", NULL};
  g_autofree char *others = berth_host_process_last_words(out, 10, chatter);
  g_assert_cmpstr(others, ==, all);
  g_autofree char *nothing_else = berth_host_process_last_words(out, 10, everything);
  g_assert_cmpstr(nothing_else, ==, all);
  g_autofree char *last = berth_host_process_last_words(out, 1, NULL);
  g_assert_cmpstr(last, ==, "three");
  /* A second wait and a late kill are no errors. */
  g_assert_true(berth_host_process_wait(process, 0, &error));
  g_assert_true(berth_host_process_kill(process, SIGKILL, &error));
  close(out);
}

static void test_last_words_are_bounded(void) {
  int fd = memfd_create("out", MFD_CLOEXEC);
  g_autofree char *empty = berth_host_process_last_words(fd, 5, NULL);
  g_assert_cmpstr(empty, ==, "");
  g_autofree char *block = g_strnfill(100000, 'x');
  g_assert_cmpint(write(fd, block, 100000), ==, 100000);
  g_assert_cmpint(write(fd, "\n\xff\x1b[31mend\n", 10), ==, 10);
  g_autofree char *words = berth_host_process_last_words(fd, 5, NULL);
  g_assert_cmpuint(strlen(words), <=, 8192);
  g_assert_true(g_str_has_suffix(words, "end"));
  g_assert_true(g_utf8_validate(words, -1, NULL));
  g_assert_null(strchr(words, '\x1b'));
  close(fd);
}

static void test_no_program(void) {
  g_autoptr(GError) error = NULL;
  const char *const argv[] = {"/nonexistent/qemu", NULL};
  BerthSpawn spawn = {.argv = argv, .in = -1, .out = -1, .err = -1};
  g_assert_null(berth_host_process_spawn(&spawn, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
}

/* Whatever their numbers are here, it has them as 3 and 4, and no other. */
static void test_keep(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GArray) keep = g_array_new(FALSE, FALSE, sizeof(int));
  int out = memfd_create("out", MFD_CLOEXEC), stray = memfd_create("stray", 0);
  const char *const argv[] = {"/bin/sh", "-c", "cat <&3; cat <&4; ls /proc/self/fd | wc -w", NULL};
  for (int i = 0; i < 2; i++) {
    int fd = memfd_create("kept", MFD_CLOEXEC);
    g_assert_cmpint(pwrite(fd, i == 0 ? "a\n" : "b\n", 2, 0), ==, 2);
    g_array_prepend_val(keep, fd);
  }
  const BerthSpawn spawn = {.argv = argv, .in = -1, .out = out, .err = out, .keep = keep};
  g_autoptr(BerthProcess) process = berth_host_process_spawn(&spawn, &error);
  g_assert_no_error(error);
  g_assert_true(berth_host_process_wait(process, LONG_MS, &error));
  g_autofree char *words = berth_host_process_last_words(out, 10, NULL);
  g_assert_cmpstr(words, ==, "b; a; 6"); /* 0 to 4, and the one that lists them */
  close(out);
  close(stray);
  for (guint i = 0; i < keep->len; i++)
    close(g_array_index(keep, int, i));
}

static void test_wait_limit(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthProcess) process = shell("sleep 60", -1);
  g_assert_true(berth_host_process_alive(process));
  g_assert_false(berth_host_process_wait(process, 50, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_FAILED);
  g_clear_error(&error);
  g_assert_true(berth_host_process_end(process, &error));
  g_assert_no_error(error);
  assert_outcome(process, "signal 9 (Killed)");
}

/* The pid of a process that the shell started, from what it printed. */
static pid_t read_pid(int fd) {
  char text[32] = "";
  for (int i = 0; i < 500 && strchr(text, '\n') == NULL; i++) {
    g_usleep(10000);
    gssize n = pread(fd, text, sizeof text - 1, 0);
    text[MAX(0, n)] = '\0';
  }
  g_assert_nonnull(strchr(text, '\n'));
  return (pid_t)g_ascii_strtoll(text, NULL, 10);
}

/* A grandchild is not ours to reap: it may be a zombie for a moment until init has it. */
static gboolean is_gone(pid_t pid) {
  g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
  for (int i = 0; i < 500; i++) {
    g_autofree char *stat = NULL;
    if (!g_file_get_contents(path, &stat, NULL, NULL) || strstr(stat, ") Z ") != NULL)
      return TRUE;
    g_usleep(10000);
  }
  return FALSE;
}

static void test_end_takes_the_group(void) {
  int out = memfd_create("out", MFD_CLOEXEC);
  g_autoptr(BerthProcess) process = shell("sleep 60 & echo $!; wait", out);
  pid_t grandchild = read_pid(out);
  g_assert_cmpint(kill(grandchild, 0), ==, 0);
  g_assert_true(berth_host_process_end(process, NULL));
  g_assert_true(is_gone(grandchild));
  close(out);
}

static void test_open(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthProcess) process = shell("sleep 60", -1);
  g_autoptr(BerthProcess) same = berth_host_process_open(process->pid, process->start_time, &error);
  g_assert_no_error(error);
  g_assert_true(berth_host_process_alive(same));
  g_assert_null(berth_host_process_open(process->pid, process->start_time + 1, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
  g_clear_error(&error);
  g_assert_null(berth_host_process_open(0, 0, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
  g_clear_error(&error);
  g_assert_null(berth_host_process_open(-1, 0, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
  g_clear_error(&error);
  /* A zombie has ended, but of its own child a process can still learn how. */
  g_assert_true(berth_host_process_kill(same, SIGKILL, &error));
  for (int i = 0; i < 500 && berth_host_process_alive(process); i++)
    g_usleep(10000);
  g_autoptr(BerthProcess) zombie = berth_host_process_open(process->pid, process->start_time, &error);
  g_assert_no_error(error);
  g_assert_false(berth_host_process_alive(zombie));
  g_assert_true(berth_host_process_wait(zombie, LONG_MS, &error));
  assert_outcome(zombie, "signal 9 (Killed)");
  g_assert_null(berth_host_process_open(process->pid, process->start_time, NULL));
}

static void test_signals_are_reset(void) {
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigprocmask(SIG_BLOCK, &blocked, &before);
  g_autoptr(BerthProcess) process = shell("sleep 60", -1);
  sigprocmask(SIG_SETMASK, &before, NULL);
  g_assert_true(berth_host_process_kill(process, SIGTERM, NULL));
  g_assert_true(berth_host_process_wait(process, LONG_MS, NULL));
  assert_outcome(process, "signal 15 (Terminated)");
}

static void test_lock(void) {
  g_autoptr(GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp("berth-lock-XXXXXX", NULL);
  g_autofree char *folder = g_build_filename(dir, "locks", NULL);
  g_autofree char *path = g_build_filename(folder, "a.lock", NULL);
  g_autofree char *other_path = g_build_filename(folder, "b.lock", NULL);
  BerthLock *lock = berth_host_lock_take(path, "guest 'a'", 0, &error);
  g_assert_no_error(error);
  g_autoptr(BerthLock) other = berth_host_lock_take(other_path, "guest 'b'", 0, &error);
  g_assert_no_error(error);
  struct stat file;
  g_assert_cmpint(stat(path, &file), ==, 0);
  g_assert_cmpint(file.st_mode & 0777, ==, 0600);
  gint64 before = g_get_monotonic_time();
  g_assert_null(berth_host_lock_take(path, "guest 'a'", 100, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_BUSY);
  g_assert_cmpstr(error->message, ==, "guest 'a': another command is at work on it");
  g_assert_cmpint(g_get_monotonic_time() - before, >=, 100000);
  g_clear_error(&error);
  berth_host_lock_free(lock);
  lock = berth_host_lock_take(path, "guest 'a'", 0, &error);
  g_assert_no_error(error);
  berth_host_lock_free(lock);
  g_unlink(path);
  g_unlink(other_path);
  g_rmdir(folder);
  g_rmdir(dir);
}

static void test_lock_of_the_dead(void) {
  g_autoptr(GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp("berth-lock-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(dir, "a.lock", NULL);
  g_autofree char *script = g_strdup_printf("exec 9>'%s'; flock 9; echo 1; sleep 60", path);
  g_autofree char *flock_program = g_find_program_in_path("flock");
  if (flock_program == NULL) {
    g_rmdir(dir);
    g_test_skip("no flock(1)");
    return;
  }
  int out = memfd_create("out", MFD_CLOEXEC);
  g_autoptr(BerthProcess) holder = shell(script, out);
  read_pid(out);
  g_assert_null(berth_host_lock_take(path, "guest 'a'", 0, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_BUSY);
  g_clear_error(&error);
  g_assert_true(berth_host_process_end(holder, NULL));
  g_autoptr(BerthLock) lock = berth_host_lock_take(path, "guest 'a'", LONG_MS, &error);
  g_assert_no_error(error);
  /* A program that is spawned while it is held does not hold it. */
  g_autoptr(BerthProcess) heir = shell("sleep 60", -1);
  g_clear_pointer(&lock, berth_host_lock_free);
  lock = berth_host_lock_take(path, "guest 'a'", 0, &error);
  g_assert_no_error(error);
  berth_host_process_end(heir, NULL);
  close(out);
  g_unlink(path);
  g_rmdir(dir);
}

static void test_lock_removed(void) {
  g_autoptr(GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp("berth-lock-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(dir, "a.lock", NULL);
  g_autofree char *below = g_build_filename(path, "b.lock", NULL);
  g_autoptr(BerthLock) lock = berth_host_lock_take(path, "guest 'a'", 0, &error);
  g_assert_no_error(error);
  g_assert_null(berth_host_lock_take(below, "guest 'b'", 0, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_FAILED);
  g_unlink(path);
  g_rmdir(dir);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/host/process/spawn-tells-output-and-end", test_spawn);
  g_test_add_func("/host/process/last-words-are-bounded", test_last_words_are_bounded);
  g_test_add_func("/host/process/no-such-program", test_no_program);
  g_test_add_func("/host/process/keeps-what-it-is-given", test_keep);
  g_test_add_func("/host/process/wait-has-a-limit", test_wait_limit);
  g_test_add_func("/host/process/end-takes-the-group", test_end_takes_the_group);
  g_test_add_func("/host/process/open-knows-start-time", test_open);
  g_test_add_func("/host/process/signals-are-reset", test_signals_are_reset);
  g_test_add_func("/host/lock/excludes-with-time-limit", test_lock);
  g_test_add_func("/host/lock/dies-with-its-holder", test_lock_of_the_dead);
  g_test_add_func("/host/lock/cannot-be-opened", test_lock_removed);
  return g_test_run();
}
