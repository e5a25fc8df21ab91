/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "emit/emit.h"
#include "guest/bridge.h"
#include "guest/control.h"
#include "guest/prepare.h"

#define MAX_WORDS 10
#define LISTEN_MS 1
#define POLL_MS 10
/* How long a QEMU that closed its monitor may take to end, so that its own words can be told. */
#define FAREWELL_MS 2000
#define UNRECORDED_MS 5000

char *berth_guest_events_path(const char *run_dir) {
  return g_build_filename(run_dir, "events.qmp", NULL);
}

char *berth_guest_control_path(const char *run_dir) {
  return g_build_filename(run_dir, "control.qmp", NULL);
}

char *berth_guest_reboot_path(const char *run_dir) {
  return g_build_filename(run_dir, "reboot", NULL);
}

char *berth_guest_leaving_path(const char *run_dir) {
  return g_build_filename(run_dir, "leaving", NULL);
}

char *berth_guest_arriving_path(const char *run_dir) {
  return g_build_filename(run_dir, "arriving", NULL);
}

gboolean berth_guest_mark(const char *path, GError **error) {
  int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd >= 0) {
    close(fd);
    return TRUE;
  }
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: %s", path, g_strerror(errno));
  return FALSE;
}

char *berth_guest_log_path(const char *run_dir) {
  return g_build_filename(run_dir, "qemu.log", NULL);
}

/* --- arguments -------------------------------------------------------------------------------------------------------- */

static void add_monitor(BerthQemu *runner, const char *id, const char *path) {
  json_object *chardev = berth_model_qemu_option(runner, "-chardev", "socket");
  berth_json_set_string(chardev, "id", id);
  berth_json_set_string(chardev, "path", path);
  berth_json_set_string(chardev, "server", "on");
  berth_json_set_string(chardev, "wait", "off");
  json_object *monitor = berth_model_qemu_option(runner, "-mon", NULL);
  berth_json_set_string(monitor, "chardev", id);
  berth_json_set_string(monitor, "mode", "control");
}

static gboolean is_script(json_object *props, const char *name) {
  const char *script = berth_json_member_string_or(props, name, "no");
  return script[0] != '\0' && !g_str_equal(script, "no");
}

/* A script has to be started by QEMU, and so has, by a command line alone, the setuid helper that joins a bridge (QEMU man page,
 * -netdev); start joins it before (guest/bridge.h). */
static gboolean needs_helper(const BerthQemu *qemu) {
  for (guint i = 0; i < qemu->objects->len; i++) {
    const BerthQemuObject *object = qemu->objects->pdata[i];
    if (object->form != BERTH_QEMU_NETDEV || object->props == NULL)
      continue;
    if (g_strcmp0(berth_json_member_string(object->props, "type"), "bridge") == 0 || is_script(object->props, "script") ||
        is_script(object->props, "downscript"))
      return TRUE;
  }
  return FALSE;
}

static void add_sandbox(BerthQemu *runner, gboolean helper) {
  json_object *sandbox = berth_model_qemu_option(runner, "-sandbox", "on");
  berth_json_set_string(sandbox, "obsolete", "deny");
  berth_json_set_string(sandbox, "elevateprivileges", helper ? "allow" : "deny");
  berth_json_set_string(sandbox, "spawn", helper ? "allow" : "deny");
  berth_json_set_string(sandbox, "resourcecontrol", "deny");
}

GStrv berth_guest_arguments(const BerthQemu *qemu, const char *run_dir, GError **error) {
  g_autofree char *events = berth_guest_events_path(run_dir);
  g_autofree char *control = berth_guest_control_path(run_dir);
  g_autoptr(BerthQemu) runner = berth_model_qemu_new(qemu->binary);
  berth_model_qemu_option(runner, "-S", NULL);
  berth_model_qemu_option(runner, "-nodefaults", NULL);
  berth_model_qemu_option(runner, "-no-user-config", NULL);
  add_sandbox(runner, needs_helper(qemu));
  add_monitor(runner, "events", events);
  add_monitor(runner, "control", control);
  g_auto(GStrv) before = berth_emit_arguments(runner, error);
  g_auto(GStrv) after = before != NULL ? berth_emit_arguments(qemu, error) : NULL;
  if (after == NULL)
    return NULL;
  g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
  g_strv_builder_addv(builder, (const char **)before);
  if (after[0] != NULL)
    g_strv_builder_addv(builder, (const char **)after + 1);
  return g_strv_builder_end(builder);
}

/* --- the run folder --------------------------------------------------------------------------------------------------- */

/* Sockets that QEMU was told to make here: channels, displays; those of its helpers; and secrets. Of a folder that is not a guest's
 * nothing else is touched. */
static void remove_sockets(const char *run_dir) {
  g_autoptr(GDir) folder = g_dir_open(run_dir, 0, NULL);
  const char *name;
  while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
    struct stat file;
    g_autofree char *path = g_build_filename(run_dir, name, NULL);
    gboolean is_file = lstat(path, &file) == 0;
    if (is_file && g_str_has_suffix(name, BERTH_QEMU_HELPER_SOCKET))
      berth_guest_end_waiting(path);
    if (is_file && ((g_str_has_suffix(name, ".sock") && S_ISSOCK(file.st_mode)) ||
                    (g_str_has_suffix(name, ".secret") && S_ISREG(file.st_mode))))
      g_unlink(path);
  }
}

static void remove_files(const char *run_dir) {
  g_autofree char *events = berth_guest_events_path(run_dir);
  g_autofree char *control = berth_guest_control_path(run_dir);
  g_autofree char *log = berth_guest_log_path(run_dir);
  g_autofree char *reboot = berth_guest_reboot_path(run_dir);
  g_autofree char *leaving = berth_guest_leaving_path(run_dir);
  g_autofree char *arriving = berth_guest_arriving_path(run_dir);
  g_unlink(events);
  g_unlink(control);
  g_unlink(log);
  g_unlink(reboot);
  g_unlink(leaving);
  g_unlink(arriving);
  remove_sockets(run_dir);
}

void berth_guest_clean(const char *run_dir) {
  remove_files(run_dir);
  g_rmdir(run_dir);
}

/* Said here because QEMU would say it without the path, and only after it has started. */
static gboolean check_socket_path(const char *run_dir, GError **error) {
  g_autofree char *path = berth_guest_control_path(run_dir);
  const gsize most = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;
  if (strlen(path) <= most)
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: a socket's path may have %zu bytes at most; choose a shorter --state",
              path, most);
  return FALSE;
}

/* @made: whether the folder was not there before. */
static gboolean prepare_run_dir(const char *run_dir, gboolean *made, GError **error) {
  struct stat folder;
  *made = !g_file_test(run_dir, G_FILE_TEST_EXISTS);
  g_autofree char *above = g_path_get_dirname(run_dir);
  if (!check_socket_path(run_dir, error) || !berth_base_file_make_dir(above, error))
    return FALSE;
  /* Not durably: after a crash of the host nothing in it means anything. */
  (void)!g_mkdir(run_dir, 0700);
  if (lstat(run_dir, &folder) != 0 || !S_ISDIR(folder.st_mode) || (folder.st_uid != geteuid() && geteuid() != 0) ||
      chmod(run_dir, 0700) != 0) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: is not a folder of this user", run_dir);
    return FALSE;
  }
  remove_files(run_dir);
  return TRUE;
}

/* @flags: O_TRUNC to begin it, 0 to open it once more. */
static int open_log(const char *run_dir, int flags, GError **error) {
  g_autofree char *path = berth_guest_log_path(run_dir);
  int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
  if (fd < 0)
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: %s", path, g_strerror(errno));
  return fd;
}

/* QEMU's own way to the log, with a lock that lives as long as QEMU: so one can be told to be there before it opens a monitor. */
static int open_locked_log(const char *run_dir, GError **error) {
  int fd = open_log(run_dir, 0, error);
  if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0)
    return fd;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_BUSY, "%s: a QEMU uses this folder already", run_dir);
  close(fd);
  return -1;
}

static gboolean is_log_locked(const char *run_dir) {
  g_autofree char *path = berth_guest_log_path(run_dir);
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  gboolean locked = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  if (fd >= 0)
    close(fd);
  return locked;
}

char *berth_guest_last_words(const char *run_dir) {
  /* What QEMU says of a terminal that it has opened, and of what it goes on with, is not why it ended. */
  static const char *const chatter[] = {"char device redirected to ", ": warning: ", NULL};
  g_autofree char *path = berth_guest_log_path(run_dir);
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0)
    return g_strdup("");
  char *words = berth_host_process_last_words(fd, MAX_WORDS, chatter);
  close(fd);
  return words;
}

void berth_guest_bound_log(const char *run_dir) {
  g_autofree char *path = berth_guest_log_path(run_dir);
  struct stat file;
  /* QEMU appends, so that it goes on at the new end. */
  if (lstat(path, &file) == 0 && S_ISREG(file.st_mode) && file.st_size > BERTH_GUEST_LOG_MAX_BYTES)
    (void)!truncate(path, 0);
}

/* --- start ------------------------------------------------------------------------------------------------------------ */

static gboolean give(const BerthUser *user, const char *path, GError **error) {
  if (lchown(path, user->uid, user->gid) == 0 || errno == ENOENT)
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: cannot be made user '%s's: %s", path, user->name, g_strerror(errno));
  return FALSE;
}

/* A file that is kept lies in a folder that the user has to pass; what is in the run folder is the user's with it. */
gboolean berth_guest_hand_over(const BerthQemu *qemu, const char *run_dir, const BerthUser *user, GError **error) {
  gboolean done = user == NULL || give(user, run_dir, error);
  for (guint i = 0; done && user != NULL && qemu != NULL && i < qemu->files->len; i++) {
    const BerthQemuFile *file = g_ptr_array_index(qemu->files, i);
    g_autofree char *folder = g_path_get_dirname(file->path);
    gboolean kept = file->from != NULL && !g_str_equal(folder, run_dir);
    done = give(user, file->path, error) && (!kept || berth_host_owner_open_folder(folder, error));
  }
  for (guint i = 0; done && user != NULL && qemu != NULL && i < qemu->helpers->len; i++) {
    const BerthQemuHelper *helper = g_ptr_array_index(qemu->helpers, i);
    done = give(user, helper->socket, error);
  }
  return done;
}

/* The command line, as another user if there is one. (transfer full) */
static GStrv as_user(const char *const *argv, const BerthUser *user) {
  g_autoptr(GStrvBuilder) words = g_strv_builder_new();
  if (user != NULL) {
    g_auto(GStrv) prefix = berth_host_user_prefix(user);
    g_strv_builder_addv(words, (const char **)prefix);
  }
  g_strv_builder_addv(words, (const char **)argv);
  return g_strv_builder_end(words);
}

/* @helpers: those of @qemu, which may be NULL. (transfer full, with *@helpers) */
static BerthProcess *spawn_qemu(const char *const *argv, const BerthQemu *qemu, const BerthLaunch *launch, GPtrArray **helpers,
                                GError **error) {
  int log = open_log(launch->run_dir, O_TRUNC, error);
  if (log < 0)
    return NULL;
  gboolean ready = qemu == NULL || (*helpers = berth_guest_prepare(qemu, log, BERTH_GUEST_HELPERS_MS, error)) != NULL;
  close(log);
  log = ready && berth_guest_hand_over(qemu, launch->run_dir, launch->user, error) ? open_locked_log(launch->run_dir, error) : -1;
  if (log < 0)
    return NULL;
  g_auto(GStrv) words = as_user(argv, launch->user);
  BerthSpawn spawn = {.argv = (const char *const *)words, .in = -1, .out = log, .err = log, .session = !launch->terminal};
  spawn.environment = qemu != NULL ? qemu->environment : NULL;
  spawn.keep = launch->taps;
  if (launch->terminal) {
    spawn.in = STDIN_FILENO;
    spawn.out = STDOUT_FILENO;
  }
  BerthProcess *process = berth_host_process_spawn(&spawn, error);
  close(log);
  return process;
}

/* Connects as soon as QEMU listens; gives up when it has ended or @until has come. */
static BerthQmp *await_monitor(BerthProcess *process, const char *path, gint64 until, GError **error) {
  g_autoptr(GError) failure = NULL;
  BerthQmp *qmp = NULL;
  gboolean again = TRUE;
  while (again) {
    gint64 left = MAX(0, until - g_get_monotonic_time()) / 1000;
    g_clear_error(&failure);
    qmp = berth_qmp_connect(path, (guint)left, &failure);
    again = qmp == NULL && left > 0 && g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND) &&
            !berth_host_process_wait(process, LISTEN_MS, NULL);
  }
  if (qmp == NULL)
    g_propagate_error(error, g_steal_pointer(&failure));
  return qmp;
}

/* Says why QEMU could not be started: its own words if it has ended, what the monitor saw otherwise. */
static void explain(BerthProcess *process, const BerthLaunch *launch, const char *binary, GError *failure, GError **error) {
  if (berth_host_process_wait(process, g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_FAILED) ? FAREWELL_MS : 0, NULL)) {
    g_autofree char *words = berth_guest_last_words(launch->run_dir);
    g_autofree char *outcome = berth_host_process_outcome(process);
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: died at start (%s)%s%s", binary, outcome, *words != '\0' ? ": " : "",
                words);
  } else if (g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: opened no monitor within the time limit", binary);
  } else {
    g_propagate_prefixed_error(error, g_error_copy(failure), "%s: ", binary);
  }
}

static BerthProcess *launch_in(const char *const *argv, const BerthQemu *qemu, const BerthLaunch *launch, GPtrArray **helpers,
                               BerthQmp **events, GError **error) {
  guint timeout_ms = launch->timeout_ms != 0 ? launch->timeout_ms : BERTH_GUEST_LAUNCH_TIMEOUT_MS;
  gint64 until = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
  g_autofree char *path = berth_guest_events_path(launch->run_dir);
  g_autoptr(GError) failure = NULL;
  g_autoptr(BerthProcess) process = spawn_qemu(argv, qemu, launch, helpers, error);
  if (process == NULL)
    return NULL;
  BerthQmp *qmp = await_monitor(process, path, until, &failure);
  if (qmp == NULL) {
    explain(process, launch, argv[0], failure, error);
    berth_host_process_end(process, NULL);
    return NULL;
  }
  *events = qmp;
  return g_steal_pointer(&process);
}

static BerthProcess *launch_all(const char *const *argv, const BerthQemu *qemu, const BerthLaunch *launch, BerthQmp **events,
                                GError **error) {
  gboolean made = FALSE;
  GPtrArray *helpers = NULL;
  if (!prepare_run_dir(launch->run_dir, &made, error))
    return NULL;
  BerthProcess *process = launch_in(argv, qemu, launch, &helpers, events, error);
  if (process != NULL) {
    g_clear_pointer(&helpers, g_ptr_array_unref); /* they end when QEMU does */
    return process;
  }
  berth_guest_end_helpers(helpers);
  remove_files(launch->run_dir);
  if (made)
    g_rmdir(launch->run_dir);
  return NULL;
}

BerthProcess *berth_guest_launch_arguments(const char *const *argv, const BerthLaunch *launch, BerthQmp **events, GError **error) {
  return launch_all(argv, NULL, launch, events, error);
}

BerthProcess *berth_guest_launch(const BerthQemu *qemu, const BerthLaunch *launch, BerthQmp **events, GError **error) {
  g_autoptr(GArray) taps = berth_guest_join_bridges(qemu, error);
  g_auto(GStrv) argv = taps != NULL ? berth_guest_arguments(qemu, launch->run_dir, error) : NULL;
  BerthLaunch how = *launch;
  how.taps = taps;
  return argv != NULL ? launch_all((const char *const *)argv, qemu, &how, events, error) : NULL;
}

/* --- what a killed supervisor has left --------------------------------------------------------------------------------- */

static gboolean is_new(const char *status, const char *run_dir) {
  g_autofree char *arriving = berth_guest_arriving_path(run_dir);
  return g_strcmp0(status, "prelaunch") == 0 || g_strcmp0(status, "inmigrate") == 0 ||
         (status != NULL && !g_str_equal(status, "running") && g_file_test(arriving, G_FILE_TEST_EXISTS));
}

/* Ends the QEMU whose monitor is at @path, if it has never run. FALSE without error: it does not say. */
static gboolean end_if_new(const char *run_dir, const char *path, gint64 pid, gint64 until, GError **error) {
  g_autoptr(BerthProcess) qemu = berth_host_process_open(pid, berth_host_process_start_time(pid), NULL);
  if (qemu == NULL)
    return FALSE;
  g_autoptr(BerthQmp) control = berth_qmp_connect(path, (guint)(MAX(until - g_get_monotonic_time(), 0) / 1000), NULL);
  g_autofree char *status = control != NULL ? berth_guest_status(control, NULL) : NULL;
  if (is_new(status, run_dir))
    return berth_host_process_end(qemu, error);
  if (status != NULL)
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_BUSY, "%s: a QEMU that is not recorded uses it: process %" G_GINT64_FORMAT, path,
                pid);
  return FALSE;
}

/* One that was only just started has no monitor yet, and one that is ending has none any more. */
gboolean berth_guest_end_unrecorded(const char *run_dir, GError **error) {
  g_autofree char *path = berth_guest_control_path(run_dir);
  gint64 until = g_get_monotonic_time() + UNRECORDED_MS * G_TIME_SPAN_MILLISECOND;
  gint64 pid = 0;
  while ((pid = berth_host_socket_peer(path)) != 0 || is_log_locked(run_dir)) {
    g_autoptr(GError) failure = NULL;
    if (pid != 0 && end_if_new(run_dir, path, pid, until, &failure))
      break;
    if (failure == NULL && g_get_monotonic_time() > until)
      g_set_error(&failure, BERTH_ERROR, BERTH_ERROR_BUSY,
                  "%s: a QEMU that is not recorded uses this folder, and does not answer at its monitor", run_dir);
    if (failure != NULL) {
      g_propagate_error(error, g_steal_pointer(&failure));
      return FALSE;
    }
    g_usleep(POLL_MS * 1000ul);
  }
  berth_guest_clean(run_dir);
  return TRUE;
}
