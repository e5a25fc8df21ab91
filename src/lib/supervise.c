/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/live.h"

#include <glib-unix.h>
#include <sys/wait.h>

#include "guest/control.h"
#include "guest/launch.h"

#define LOG_SECONDS 60
#define QUIT_SECONDS 5
#define RESET_MS 1000
#define LEAVE_MS 20

struct BerthLibWatch {
  GMainContext *context;
  GMainLoop *loop;
  gboolean panicked; /* QEMU ends in good order, but the guest did not */
  gboolean asked;    /* this process was told to end */
  /* From here on while it runs; borrowed. */
  Berth *berth;
  const char *uuid;
  const BerthStoreRun *run;
  BerthProcess *qemu;
  BerthQmp *events;
  const char *state;  /* as recorded last */
  GPtrArray *leaving; /* ids of devices that have gone, but whose leaving is not recorded yet */
  gboolean trays;     /* the same of trays that have moved */
};

/* Events of QEMU (QMP reference) that are a state of virsh's. */
static const struct {
  const char *event, *state;
} event_states[] = {{"STOP", "paused"}, {"RESUME", "running"}, {"SUSPEND", "paused"}, {"WAKEUP", "running"}};

static void attach(BerthLibWatch *watch, GSource *source, GSourceFunc function) {
  g_source_set_callback(source, function, watch, NULL);
  g_source_attach(source, watch->context);
  g_source_unref(source);
}

/* Whoever has the lock sees the device go, too, or will; so this one never waits for it. */
static gboolean on_leaving(gpointer user_data) {
  BerthLibWatch *watch = user_data;
  g_autoptr(BerthStoreGuest) guest = berth_store_guest(watch->berth->store, watch->uuid, NULL);
  g_autoptr(BerthLock) lock = guest != NULL ? berth_lib_lock_now(watch->berth, guest) : NULL;
  if (lock == NULL)
    return guest != NULL ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
  for (guint i = 0; i < watch->leaving->len; i++)
    berth_lib_live_gone(watch->berth, watch->events, watch->uuid, g_ptr_array_index(watch->leaving, i), NULL);
  g_ptr_array_set_size(watch->leaving, 0);
  berth_lib_vcpus_settle(watch->berth, watch->events, watch->uuid, NULL);
  if (watch->trays)
    berth_lib_trays(watch->berth, watch->events, watch->uuid, NULL);
  watch->trays = FALSE;
  return G_SOURCE_REMOVE;
}

/* To be recorded soon. */
static void expect(BerthLibWatch *watch) {
  if (watch->leaving->len == 0 && !watch->trays)
    attach(watch, g_timeout_source_new(LEAVE_MS), on_leaving);
}

/* What the guest does about devices that were asked for. A store that cannot be written now is asked again by the next command. */
static void on_unplug(BerthLibWatch *watch, const char *event, JsonObject *data) {
  const char *id = NULL;
  BerthUnplug said = berth_guest_unplug_event(event, data, &id);
  if (said == BERTH_UNPLUG_DONE) {
    expect(watch);
    g_ptr_array_add(watch->leaving, g_strdup(id));
  } else if (said == BERTH_UNPLUG_REFUSED)
    berth_lib_live_refused(watch->berth, watch->uuid, watch->run, id, NULL);
}

/* What was unplugged by the reset itself has been told by now; the other requests are forgotten by QEMU, too. */
static gboolean on_after_reset(gpointer user_data) {
  BerthLibWatch *watch = user_data;
  berth_lib_live_resolve(watch->berth, watch->events, watch->uuid, TRUE, NULL);
  return G_SOURCE_REMOVE;
}

/* A guest that was asked to reboot has powered down: QEMU stays for that (berth_reboot()). One that cannot be reset ends. */
static void on_powerdown(BerthLibWatch *watch) {
  if (berth_lib_reboot_wished(watch->run->run_dir) && !berth_lib_reboot_now(watch->events, watch->run->run_dir, NULL))
    berth_guest_quit(watch->events, NULL);
}

static void on_event(BerthQmp *qmp, const char *event, JsonObject *data, gpointer user_data) {
  BerthLibWatch *watch = user_data;
  if (g_str_equal(event, "GUEST_PANICKED"))
    watch->panicked = TRUE;
  if (g_str_equal(event, "SHUTDOWN"))
    on_powerdown(watch);
  on_unplug(watch, event, data);
  if (g_str_equal(event, "DEVICE_TRAY_MOVED")) {
    expect(watch);
    watch->trays = TRUE;
  }
  if (g_str_equal(event, "RESET"))
    attach(watch, g_timeout_source_new(RESET_MS), on_after_reset);
  for (gsize i = 0; i < G_N_ELEMENTS(event_states); i++) {
    if (!g_str_equal(event, event_states[i].event) || g_str_equal(watch->state, event_states[i].state))
      continue;
    /* A store that cannot be written now may be so later; what runs is told from the process anyhow. */
    if (berth_lib_record_state(watch->berth, watch->uuid, watch->run, event_states[i].state, NULL))
      watch->state = event_states[i].state;
  }
}

static gboolean on_end(int fd, GIOCondition condition, gpointer user_data) {
  BerthLibWatch *watch = user_data;
  g_main_loop_quit(watch->loop);
  return G_SOURCE_REMOVE;
}

static gboolean on_tick(gpointer user_data) {
  BerthLibWatch *watch = user_data;
  berth_guest_bound_log(watch->run->run_dir);
  return G_SOURCE_CONTINUE;
}

static gboolean on_late(gpointer user_data) {
  BerthLibWatch *watch = user_data;
  berth_host_process_kill(watch->qemu, SIGKILL, NULL);
  return G_SOURCE_REMOVE;
}

static gboolean on_signal(gpointer user_data) {
  BerthLibWatch *watch = user_data;
  if (watch->asked || !berth_guest_quit(watch->events, NULL))
    berth_host_process_kill(watch->qemu, SIGKILL, NULL);
  if (!watch->asked)
    attach(watch, g_timeout_source_new_seconds(QUIT_SECONDS), on_late);
  watch->asked = TRUE;
  return G_SOURCE_CONTINUE;
}

static const char *final_state(const BerthLibWatch *watch) {
  int status = watch->qemu->status;
  gboolean clean = status == -1 || (WIFEXITED(status) && WEXITSTATUS(status) == 0);
  return watch->asked || (clean && !watch->panicked) ? "shut off" : "crashed";
}

BerthLibWatch *berth_lib_watch_new(void) {
  static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
  BerthLibWatch *watch = g_new0(BerthLibWatch, 1);
  watch->context = g_main_context_new();
  watch->loop = g_main_loop_new(watch->context, FALSE);
  watch->leaving = g_ptr_array_new_with_free_func(g_free);
  for (gsize i = 0; i < G_N_ELEMENTS(signals); i++)
    attach(watch, g_unix_signal_source_new(signals[i]), on_signal);
  return watch;
}

void berth_lib_watch_free(BerthLibWatch *watch) {
  if (watch == NULL)
    return;
  /* The context takes its sources along, and these the signal handlers. */
  g_ptr_array_unref(watch->leaving);
  g_main_loop_unref(watch->loop);
  g_main_context_unref(watch->context);
  g_free(watch);
}

gboolean berth_lib_watch_run(BerthLibWatch *watch, Berth *berth, const char *uuid, const BerthStoreRun *run, BerthProcess *qemu,
                             BerthQmp *events, GError **error) {
  watch->berth = berth;
  watch->uuid = uuid;
  watch->run = run;
  watch->qemu = qemu;
  watch->events = events;
  watch->state = run->state;
  attach(watch, g_timeout_source_new_seconds(LOG_SECONDS), on_tick);
  attach(watch, g_unix_fd_source_new(qemu->pidfd, G_IO_IN), G_SOURCE_FUNC(on_end));
  berth_qmp_watch(events, watch->context, on_event, NULL, watch);
  g_main_loop_run(watch->loop);
  berth_qmp_watch(events, watch->context, NULL, NULL, NULL);
  return berth_host_process_wait(qemu, -1, error) && berth_lib_record_state(berth, uuid, run, final_state(watch), error);
}
