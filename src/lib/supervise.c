/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stays with one QEMU until it ends. Between two events it holds neither documents nor the store open, so that it stays small. */
#include "lib/supervise.h"

#include <glib-unix.h>
#include <malloc.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/control.h"
#include "guest/launch.h"
#include "guest/move.h"
#include "lib/move.h"

#define LOG_SECONDS 60
#define QUIT_SECONDS 5
#define RESET_MS 1000
#define LEAVE_MS 20
#define LEFT_MS 500
#define TURN_MS 100
#define AGAIN_MS 1000
#define CONNECT_MS 5000

static void attach(BerthLibWatch *watch, GSource *source, GSourceFunc function) {
  g_source_set_callback(source, function, watch, NULL);
  g_source_attach(source, watch->context);
  g_source_unref(source);
}

/* What was needed to record something is given back: it may be days until the next time. */
static void rest(BerthLibWatch *watch) {
  berth_store_rest(watch->berth->store);
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

/* Of a QEMU that is not there, the end is told. */
static gboolean is_stuck(const BerthLibWatch *watch) {
  if (watch->events == NULL)
    return FALSE;
  g_autofree char *status = berth_guest_status(watch->events, NULL);
  return status == NULL && berth_qmp_broken(watch->events) == NULL;
}

/* The guest's lock, if nobody else has it, and QEMU answers: others would wait as long as this process. *@busy: not now, so it is
 * asked for again. */
static BerthLock *lock_now(const BerthLibWatch *watch, gboolean *busy) {
  *busy = is_stuck(watch);
  if (*busy)
    return NULL;
  g_autoptr(BerthStoreGuest) guest = berth_store_guest(watch->berth->store, watch->uuid, NULL);
  BerthLock *lock = guest != NULL ? berth_lib_lock_within(watch->berth, guest, 0) : NULL;
  *busy = guest != NULL && lock == NULL;
  return lock;
}

/* ---- devices ---- */

/* Whoever has the lock sees the device go, too, or will; so this one never waits for it. */
static gboolean on_leaving(gpointer user_data) {
  BerthLibWatch *watch = user_data;
  gboolean busy = FALSE;
  g_autoptr(BerthLock) lock = lock_now(watch, &busy);
  if (lock == NULL)
    return busy ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
  for (guint i = 0; i < watch->leaving->len && watch->events != NULL; i++)
    berth_lib_live_gone(watch->berth, watch->events, watch->uuid, g_ptr_array_index(watch->leaving, i), NULL);
  g_ptr_array_set_size(watch->leaving, 0);
  if (watch->events != NULL)
    berth_lib_vcpus_settle(watch->berth, watch->events, watch->uuid, FALSE, NULL);
  /* A killed command may have opened one, to change what is in it. */
  if (watch->trays && watch->events != NULL && berth_lib_live_resolve(watch->berth, watch->events, watch->uuid, NULL))
    berth_lib_trays(watch->berth, watch->events, watch->uuid, NULL);
  watch->trays = FALSE;
  rest(watch);
  return G_SOURCE_REMOVE;
}

/* To be recorded soon. */
static void expect(BerthLibWatch *watch) {
  if (watch->leaving->len == 0 && !watch->trays)
    attach(watch, g_timeout_source_new(LEAVE_MS), on_leaving);
}

static void on_deleted(BerthLibWatch *watch, const char *event, json_object *data) {
  const char *id = NULL;
  if (berth_guest_unplug_event(event, data, &id) != BERTH_UNPLUG_DONE)
    return;
  expect(watch);
  g_ptr_array_add(watch->leaving, g_strdup(id));
}

static void on_tray(BerthLibWatch *watch, const char *event, json_object *data) {
  expect(watch);
  watch->trays = TRUE;
}

/* A store that cannot be written now is asked again by the next command. */
static void on_refused(BerthLibWatch *watch, const char *event, json_object *data) {
  const char *id = NULL;
  if (berth_guest_unplug_event(event, data, &id) == BERTH_UNPLUG_REFUSED)
    berth_lib_live_refused(watch->berth, watch->uuid, &watch->run, id, NULL);
}

/* What was unplugged by the reset itself has been told by now; the other requests from before it are forgotten by QEMU, too. */
static gboolean on_after_reset(gpointer user_data) {
  BerthLibWatch *watch = user_data;
  gboolean busy = FALSE;
  g_autoptr(BerthLock) lock = lock_now(watch, &busy);
  if (busy)
    return G_SOURCE_CONTINUE;
  for (guint i = 0; i < watch->asked_before->len && watch->events != NULL && lock != NULL; i++)
    berth_lib_live_forget(watch->berth, watch->events, watch->uuid, g_ptr_array_index(watch->asked_before, i), NULL);
  g_ptr_array_set_size(watch->asked_before, 0);
  rest(watch);
  return G_SOURCE_REMOVE;
}

/* What is asked for after the reset is none of its business. */
static void forget_soon(BerthLibWatch *watch) {
  g_autoptr(GPtrArray) changes = berth_store_changes(watch->berth->store, watch->uuid, NULL);
  gboolean waits = watch->asked_before->len > 0;
  for (guint i = 0; changes != NULL && i < changes->len; i++) {
    const BerthStoreChange *change = g_ptr_array_index(changes, i);
    if (change->xml == NULL)
      g_ptr_array_add(watch->asked_before, g_strdup(change->device));
  }
  if (!waits && watch->asked_before->len > 0)
    attach(watch, g_timeout_source_new(RESET_MS), on_after_reset);
}

/* What others have left half done while nobody watched. */
static gboolean on_left_over(gpointer user_data) {
  BerthLibWatch *watch = user_data;
  gboolean busy = FALSE;
  g_autoptr(BerthLock) lock = lock_now(watch, &busy);
  if (lock == NULL)
    return busy ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
  if (watch->events != NULL)
    berth_lib_live_resolve(watch->berth, watch->events, watch->uuid, NULL);
  if (watch->events != NULL && watch->missed) {
    berth_lib_live_gone_all(watch->berth, watch->events, watch->uuid, NULL);
    berth_lib_watch_begin_anew(watch);
  }
  watch->missed = FALSE;
  rest(watch);
  return G_SOURCE_REMOVE;
}

static void look_for_left_over(BerthLibWatch *watch) {
  g_autoptr(GPtrArray) changes = berth_store_changes(watch->berth->store, watch->uuid, NULL);
  if (changes == NULL || changes->len > 0 || watch->missed)
    attach(watch, g_timeout_source_new(LEAVE_MS), on_left_over);
}

/* ---- the guest's state ---- */

static void look_under_lock(BerthLibWatch *watch);

/* Nothing tells that whoever sends the guest's state somewhere was killed, but that its lock is free. */
static gboolean on_leave(gpointer user_data) {
  BerthLibWatch *watch = user_data;
  gboolean busy = FALSE, ends = FALSE;
  watch->leaves = watch->events != NULL && berth_lib_unfinished_there(watch->run.run_dir);
  g_autoptr(BerthLock) lock = watch->leaves ? lock_now(watch, &busy) : NULL;
  g_autoptr(BerthStoreGuest) guest = lock != NULL ? berth_store_guest(watch->berth->store, watch->uuid, NULL) : NULL;
  /* The command may have come to its end meanwhile. What fails is left to the next one: this process has other things to do. */
  if (guest != NULL && berth_lib_unfinished_there(watch->run.run_dir))
    berth_lib_unfinished_end(watch->berth, watch->events, guest, &ends, NULL);
  if (guest != NULL)
    look_under_lock(watch);
  rest(watch);
  watch->leaves = busy;
  return busy ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static void look_for_leave(BerthLibWatch *watch) {
  if (watch->leaves || !berth_lib_unfinished_there(watch->run.run_dir))
    return;
  watch->leaves = TRUE;
  attach(watch, g_timeout_source_new(LEFT_MS), on_leave);
}

/* Whether @status says nothing new. Of what runs, or was stopped by a command, that command tells more than QEMU does. */
static gboolean is_known(const BerthLibWatch *watch, const char *status, const char *state, const char *reason) {
  static const char *const commanded[] = {"running", "prelaunch", "paused", NULL};
  if (g_strcmp0(watch->run.state, state) != 0)
    return FALSE;
  if (watch->status != NULL)
    return g_str_equal(watch->status, status);
  return g_strcmp0(watch->run.reason, reason) == 0 || g_strv_contains(commanded, status);
}

/* A store that cannot be written now may be so later; what runs is told from the process anyhow. */
static void record(BerthLibWatch *watch, const char *status) {
  const char *state = NULL, *reason = NULL;
  berth_lib_state_of(status, &state, &reason);
  if (!is_known(watch, status, state, reason)) {
    if (!berth_lib_record_state(watch->berth, watch->uuid, &watch->run, state, reason, NULL))
      return;
    g_free(watch->run.state);
    watch->run.state = g_strdup(state);
  }
  g_free(watch->status);
  watch->status = g_strdup(status);
}

/* QEMU's. NULL: it does not say, or why it is so is still to be heard. (transfer full) */
static char *ask(BerthLibWatch *watch) {
  g_autofree char *status = watch->events != NULL ? berth_guest_status(watch->events, NULL) : NULL;
  /* It tells why before it says so. */
  watch->unheard = g_strcmp0(status, "shutdown") == 0 && berth_qmp_has_event(watch->events);
  return watch->unheard ? NULL : g_steal_pointer(&status);
}

/* What lets the guest run, or ends it, is done under its lock: whoever has that may just be sending its state elsewhere. @lock:
 * NULL: another has it (@busy), or nobody can. */
static void turn(BerthLibWatch *watch, const BerthLock *lock, gboolean busy) {
  g_autofree char *status = ask(watch);
  if (status != NULL && (lock == NULL || !berth_lib_react(watch, status)))
    record(watch, status);
  /* One that has stopped for good cannot go on elsewhere. If all of it has been sent, its status is another one already. */
  if (status != NULL && busy && berth_lib_unfinished_there(watch->run.run_dir) && berth_lib_reacts(watch, status))
    berth_guest_move_cancel(watch->events);
  rest(watch);
}

static gboolean on_turn(gpointer user_data) {
  BerthLibWatch *watch = user_data;
  g_autoptr(BerthLock) lock = lock_now(watch, &watch->waits);
  turn(watch, lock, watch->waits);
  return watch->waits ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

/* A command that has the lock records what it does, and is soon done: what QEMU says now would be recorded after that. Only one
 * that sends the guest's state elsewhere takes long, and leaves that the guest stops to be recorded here. */
static void take_turn(BerthLibWatch *watch) {
  if (watch->waits)
    return;
  g_autoptr(BerthLock) lock = lock_now(watch, &watch->waits);
  if (!watch->waits || berth_lib_unfinished_there(watch->run.run_dir))
    turn(watch, lock, watch->waits);
  if (watch->waits)
    attach(watch, g_timeout_source_new(TURN_MS), on_turn);
}

static void look_under_lock(BerthLibWatch *watch) {
  g_autofree char *status = ask(watch);
  if (status != NULL && berth_lib_reacts(watch, status))
    take_turn(watch);
  else if (status != NULL)
    record(watch, status);
}

static void on_dumped(BerthLibWatch *watch, const char *event, json_object *data) {
  watch->dumped = TRUE;
  take_turn(watch);
}

/* QEMU is asked, whatever the event was: what came in between, or was missed, is in the answer. */
static void on_state(BerthLibWatch *watch, const char *event, json_object *data) {
  look_for_leave(watch);
  take_turn(watch);
}

static void on_reset(BerthLibWatch *watch, const char *event, json_object *data) {
  watch->cause = BERTH_LIB_NO_CAUSE;
  forget_soon(watch);
  on_state(watch, event, data);
}

/* What QEMU tells (QMP reference, "Events"), and who deals with it. */
static const struct {
  const char *event;
  void (*handle)(BerthLibWatch *watch, const char *event, json_object *data);
} handlers[] = {
    {"STOP", on_state},
    {"RESUME", on_state},
    {"SUSPEND", on_state},
    {"WAKEUP", on_state},
    {"RESET", on_reset},
    {"SHUTDOWN", berth_lib_on_shutdown},
    {"GUEST_PANICKED", berth_lib_on_panicked},
    {"DUMP_COMPLETED", on_dumped},
    {"DEVICE_DELETED", on_deleted},
    {"DEVICE_TRAY_MOVED", on_tray},
    {"DEVICE_UNPLUG_GUEST_ERROR", on_refused},
    {"MEM_UNPLUG_ERROR", on_refused},
    {"ACPI_DEVICE_OST", on_refused},
};

static void on_event(BerthQmp *qmp, const char *event, json_object *data, gpointer user_data) {
  BerthLibWatch *watch = user_data;
  for (gsize i = 0; i < G_N_ELEMENTS(handlers); i++) {
    if (!g_str_equal(event, handlers[i].event))
      continue;
    handlers[i].handle(watch, event, data);
    rest(watch);
  }
  if (watch->unheard && !berth_qmp_has_event(qmp))
    on_state(watch, event, data);
}

/* ---- the connection to QEMU ---- */

static gboolean on_reconnect(gpointer user_data);

/* QEMU ends, which the pidfd tells, or does not listen now. */
static void connect_again(BerthLibWatch *watch) {
  watch->missed = TRUE;
  attach(watch, g_timeout_source_new(AGAIN_MS), on_reconnect);
}

static void on_close(BerthQmp *qmp, const GError *why, gpointer user_data) {
  BerthLibWatch *watch = user_data;
  g_clear_pointer(&watch->events, berth_qmp_free);
  connect_again(watch);
}

/* Events that nobody has heard are replaced by questions. */
static void listen_to_events(BerthLibWatch *watch) {
  berth_qmp_watch(watch->events, watch->context, on_event, on_close, watch);
  on_state(watch, "", NULL);
  on_tray(watch, "", NULL);
  look_for_left_over(watch);
}

static gboolean on_reconnect(gpointer user_data) {
  BerthLibWatch *watch = user_data;
  g_autofree char *path = berth_guest_events_path(watch->run.run_dir);
  watch->events = berth_host_process_alive(watch->qemu) ? berth_qmp_connect(path, CONNECT_MS, NULL) : NULL;
  if (watch->events == NULL)
    return G_SOURCE_CONTINUE;
  listen_to_events(watch);
  rest(watch);
  return G_SOURCE_REMOVE;
}

/* ---- ends ---- */

static gboolean on_end(int fd, GIOCondition condition, gpointer user_data) {
  BerthLibWatch *watch = user_data;
  watch->ended = TRUE;
  return G_SOURCE_REMOVE;
}

/* Helpers of devices that went, which this process may have started before it began anew. */
static void reap_helpers(const BerthLibWatch *watch) {
  siginfo_t info = {0};
  while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0 && info.si_pid != watch->qemu->pid) {
    waitpid(info.si_pid, NULL, WNOHANG);
    info.si_pid = 0;
  }
}

static gboolean on_tick(gpointer user_data) {
  BerthLibWatch *watch = user_data;
  if (watch->berth->env->anew) /* all its children are such */
    reap_helpers(watch);
  berth_guest_bound_log(watch->run.run_dir);
  return G_SOURCE_CONTINUE;
}

static gboolean on_late(gpointer user_data) {
  BerthLibWatch *watch = user_data;
  berth_host_process_kill(watch->qemu, SIGKILL, NULL);
  return G_SOURCE_REMOVE;
}

static gboolean on_signal(int fd, GIOCondition condition, gpointer user_data) {
  BerthLibWatch *watch = user_data;
  struct signalfd_siginfo info;
  if (read(fd, &info, sizeof info) != sizeof info)
    return G_SOURCE_CONTINUE;
  berth_host_process_kill(watch->qemu, watch->asked ? SIGKILL : SIGTERM, NULL);
  if (!watch->asked)
    attach(watch, g_timeout_source_new_seconds(QUIT_SECONDS), on_late);
  watch->asked = TRUE;
  return G_SOURCE_CONTINUE;
}

/* With what QEMU said last; of who is killed that tells nothing. */
static char *how_it_crashed(const BerthLibWatch *watch) {
  g_autofree char *outcome = berth_host_process_outcome(watch->qemu);
  g_autofree char *words = berth_guest_last_words(watch->run.run_dir);
  gboolean killed = WIFSIGNALED(watch->qemu->status) && WTERMSIG(watch->qemu->status) == SIGKILL;
  return g_strconcat(outcome, killed || *words == '\0' ? NULL : ": ", words, NULL);
}

/* How the guest ended, if nobody has said why. */
static void judge(const BerthLibWatch *watch, const char **state, char **reason) {
  int status = watch->qemu->status;
  *state = "shut off";
  if (watch->asked) {
    *reason = g_strdup("destroyed");
  } else if (berth_lib_unfinished_saved(watch->run.run_dir, watch->uuid)) {
    /* Whoever has saved it may have been killed since. */
    *reason = g_strdup("saved");
  } else if (!berth_lib_cause_of_end(watch, state, reason) && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
    /* An orderly QEMU tells that it ends; of one that is no child that is all that can be known. */
    *state = "crashed";
    g_free(*reason);
    *reason = status != -1 ? how_it_crashed(watch) : g_strdup("");
  }
}

BerthLibWatch *berth_lib_watch_new(void) {
  sigset_t signals;
  BerthLibWatch *watch = g_new0(BerthLibWatch, 1);
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGHUP);
  sigprocmask(SIG_BLOCK, &signals, &watch->before);
  watch->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  watch->context = g_main_context_new();
  watch->leaving = g_ptr_array_new_with_free_func(g_free);
  watch->asked_before = g_ptr_array_new_with_free_func(g_free);
  return watch;
}

void berth_lib_watch_free(BerthLibWatch *watch) {
  if (watch == NULL)
    return;
  /* The context takes its sources along. */
  berth_qmp_free(watch->events);
  g_ptr_array_unref(watch->leaving);
  g_ptr_array_unref(watch->asked_before);
  g_main_context_unref(watch->context);
  close(watch->signals);
  sigprocmask(SIG_SETMASK, &watch->before, NULL);
  berth_store_run_clear(&watch->run);
  g_free(watch->status);
  g_free(watch->uuid);
  g_free(watch);
}

void berth_lib_watch_begin(BerthLibWatch *watch, Berth *berth, const char *uuid, const BerthStoreRun *run, BerthProcess *qemu,
                           BerthQmp *events) {
  watch->berth = berth;
  watch->uuid = g_strdup(uuid);
  watch->run = (BerthStoreRun){.pid = run->pid, .start_time = run->start_time};
  watch->run.state = g_strdup(run->state);
  watch->run.reason = g_strdup(run->reason);
  watch->run.run_dir = g_strdup(run->run_dir);
  watch->run.boot = g_strdup(run->boot);
  watch->qemu = qemu;
  watch->events = events;
  attach(watch, g_timeout_source_new_seconds(LOG_SECONDS), on_tick);
  attach(watch, g_unix_fd_source_new(watch->signals, G_IO_IN), G_SOURCE_FUNC(on_signal));
  attach(watch, g_unix_fd_source_new(qemu->pidfd, G_IO_IN), G_SOURCE_FUNC(on_end));
  if (watch->events != NULL)
    listen_to_events(watch);
  else
    connect_again(watch);
}

void berth_lib_watch_begin_anew(BerthLibWatch *watch) {
  watch->large = watch->berth->env->anew;
}

/* What it has found out by asking QEMU, the next one asks for, too. Only what events alone have told would be lost. */
static gboolean remembers(const BerthLibWatch *watch) {
  return watch->asked || watch->missed || watch->panicked || watch->cause != BERTH_LIB_NO_CAUSE || watch->after != NULL ||
         watch->leaving->len > 0 || watch->asked_before->len > 0;
}

/* The program that this process becomes hears what QEMU says from here on. */
static void begin_anew(BerthLibWatch *watch) {
  int events = watch->events != NULL && !remembers(watch) ? berth_qmp_descriptor(watch->events) : -1;
  if (events < 0)
    return;
  berth_lib_supervisor_anew(watch->berth, watch->uuid, events, watch->qemu->pidfd);
  watch->large = FALSE;
}

gboolean berth_lib_watch_run(BerthLibWatch *watch, GError **error) {
  rest(watch);
  while (!watch->ended) {
    if (watch->large && !g_main_context_pending(watch->context))
      begin_anew(watch);
    g_main_context_iteration(watch->context, TRUE);
  }
  g_autofree char *reason = NULL;
  const char *state = NULL;
  /* What QEMU said last is still in the socket. */
  while (watch->events != NULL && g_main_context_iteration(watch->context, FALSE))
    ;
  if (!berth_host_process_wait(watch->qemu, -1, error))
    return FALSE;
  judge(watch, &state, &reason);
  return berth_lib_record_state(watch->berth, watch->uuid, &watch->run, state, reason, error);
}
