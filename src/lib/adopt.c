/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest that runs gets a supervisor: a new one, or the one that it has, which began anew to be small. */
#include "lib/supervise.h"

#include <unistd.h>

#include "guest/launch.h"
#include "host/notify.h"

#define CONNECT_MS 10000

static const char *const adopt_words[] = {"adopt", NULL};

typedef struct {
  BerthStoreGuest *guest;
  BerthProcess *qemu;
  BerthQmp *events; /* may be NULL */
  gboolean missed;  /* it had another supervisor, which may have died long ago */
} Adoption;

static void adoption_clear(Adoption *adoption) {
  berth_store_guest_free(adoption->guest);
  berth_host_process_free(adoption->qemu);
  berth_qmp_free(adoption->events);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Adoption, adoption_clear)

/* It dies as it would by a SIGKILL from elsewhere: what it was about is found out by asking QEMU. */
static gboolean end_supervisor(const BerthStoreRun *run, GError **error) {
  g_autoptr(BerthProcess) other = berth_lib_supervisor_process(run);
  return other == NULL || berth_host_process_end(other, error);
}

static gboolean is_supervisor(const BerthStoreRun *run) {
  gint64 self = getpid();
  return run->supervisor == self && run->supervisor_start_time == berth_host_process_start_time(self);
}

/* Several processes may want to be the supervisor at once; the store decides. @replace: the one that there is has to go. */
static gboolean claim(Berth *berth, Adoption *adoption, gboolean replace, GError **error) {
  g_autoptr(BerthStoreWrite) write = berth_store_write_begin(berth->store, error);
  g_autoptr(BerthStoreGuest) guest = write != NULL ? berth_store_guest(berth->store, adoption->guest->uuid, error) : NULL;
  if (guest == NULL)
    return FALSE;
  if (guest->run.pid != adoption->guest->run.pid || (!replace && berth_lib_supervisor_lives(&guest->run))) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_BUSY, "guest '%s': has a supervisor", guest->name);
    return FALSE;
  }
  if (!end_supervisor(&guest->run, error))
    return FALSE;
  adoption->missed = TRUE;
  guest->run.supervisor = getpid();
  guest->run.supervisor_start_time = berth_host_process_start_time(guest->run.supervisor);
  return berth_store_write_run(write, guest->uuid, &guest->run, error) && berth_store_write_commit(g_steal_pointer(&write), error);
}

static gboolean take_over(Berth *berth, const char *guest, gboolean replace, Adoption *adoption, GError **error) {
  adoption->guest = berth_store_guest(berth->store, guest, error);
  if (adoption->guest == NULL)
    return FALSE;
  const BerthStoreRun *run = &adoption->guest->run;
  g_autofree char *boot = berth_host_boot_id();
  adoption->qemu =
      run->pid != 0 && g_strcmp0(run->boot, boot) == 0 ? berth_host_process_open(run->pid, run->start_time, NULL) : NULL;
  if (adoption->qemu == NULL) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "guest '%s': is not running", adoption->guest->name);
    return FALSE;
  }
  if (!claim(berth, adoption, replace, error))
    return FALSE;
  /* None: it is about to end, or does not answer now, but may later. */
  g_autofree char *path = berth_guest_events_path(run->run_dir);
  adoption->events = berth_qmp_connect(path, CONNECT_MS, NULL);
  return TRUE;
}

/* Only what watch has copied is needed from then on. */
static gboolean stay(Adoption *adoption, BerthLibWatch *watch, GError **error) {
  g_clear_pointer(&adoption->guest, berth_store_guest_free);
  return berth_lib_watch_run(watch, error);
}

static void begin(Berth *berth, Adoption *adoption, BerthLibWatch *watch) {
  watch->missed = adoption->missed;
  berth_lib_watch_begin(watch, berth, adoption->guest->uuid, &adoption->guest->run, adoption->qemu,
                        g_steal_pointer(&adoption->events));
}

static gboolean adopt(Berth *berth, const char *guest, gboolean replace, int ready, GError **error) {
  g_auto(Adoption) adoption = {0};
  g_autoptr(GError) failure = NULL;
  g_autoptr(BerthLibWatch) watch = berth_lib_watch_new();
  gboolean held = take_over(berth, guest, replace, &adoption, &failure);
  if (held)
    begin(berth, &adoption, watch);
  berth_lib_tell(ready, failure);
  if (held) {
    berth_host_notify(berth->env->notify, "READY=1", NULL);
    return stay(&adoption, watch, error);
  }
  g_propagate_error(error, g_steal_pointer(&failure));
  return FALSE;
}

gboolean berth_adopt(Berth *berth, const char *guest, int ready, GError **error) {
  return adopt(berth, guest, FALSE, ready, error);
}

gboolean berth_adopt_anew(Berth *berth, const char *guest, int events, int qemu, GError **error) {
  g_autoptr(GError) failure = NULL;
  g_auto(Adoption)
      adoption = {.events = berth_qmp_go_on(events, "QEMU"), .guest = berth_store_guest(berth->store, guest, &failure)};
  if (adoption.guest == NULL || !is_supervisor(&adoption.guest->run)) {
    close(qemu);
    /* It has ended, and somebody else has recorded that, or has undefined it since. */
    if (adoption.guest != NULL || g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
      return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
  }
  adoption.qemu = berth_host_process_hold(qemu, adoption.guest->run.pid, adoption.guest->run.start_time);
  g_autoptr(BerthLibWatch) watch = berth_lib_watch_new();
  begin(berth, &adoption, watch);
  return stay(&adoption, watch, error);
}

gboolean berth_lib_adopt_from(Berth *berth, const char *guest, int ready, GError **error) {
  return adopt(berth, guest, TRUE, ready, error);
}

gboolean berth_lib_adopt(Berth *berth, const BerthStoreGuest *guest, GError **error) {
  g_autoptr(GError) failure = NULL;
  if (berth_lib_supervisor_start(berth, guest, adopt_words, -1, &failure) ||
      g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_BUSY))
    return TRUE;
  g_propagate_error(error, g_steal_pointer(&failure));
  return FALSE;
}
