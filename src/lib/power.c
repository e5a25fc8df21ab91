/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a user does to a running guest as a whole: the power button, the reset button, stop and go, the plug. */
#include "lib/lib.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <unistd.h>

#include "guest/control.h"
#include "guest/launch.h"
#include "kinds/kinds.h"

#define CONNECT_MS 3000
#define QUIT_MS 5000
#define GRACE_MS 15000
/* What a command takes that does not wait for QEMU. */
#define LET_FINISH_MS 2000

/* A running guest under its lock. */
typedef struct {
  BerthLock *lock;
  BerthProcess *qemu;
  BerthStoreGuest *guest;
  BerthQmp *control;
} Power;

static void power_clear(Power *power) {
  g_clear_pointer(&power->control, berth_qmp_free);
  g_clear_pointer(&power->guest, berth_store_guest_free);
  g_clear_pointer(&power->qemu, berth_host_process_free);
  g_clear_pointer(&power->lock, berth_host_lock_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Power, power_clear)

/* USAGE if it does not run. */
static gboolean take(Power *power, Berth *berth, const char *guest, GError **error) {
  power->guest = berth_lib_guest_locked(berth, guest, &power->lock, error);
  if (power->guest == NULL)
    return FALSE;
  power->qemu = berth_lib_run_process(&power->guest->run);
  if (power->qemu == NULL && berth_lib_settle(berth, power->guest, NULL, NULL, error))
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "guest '%s': is not running", power->guest->name);
  return power->qemu != NULL;
}

/* The same with its monitor, and with a supervisor, for somebody must see what the guest does next. */
static gboolean take_control(Power *power, Berth *berth, const char *guest, GError **error) {
  if (!take(power, berth, guest, error))
    return FALSE;
  if (!berth_lib_supervisor_lives(&power->guest->run))
    berth_lib_adopt(berth, power->guest, NULL);
  g_autofree char *path = berth_guest_control_path(power->guest->run.run_dir);
  power->control = berth_qmp_connect(path, CONNECT_MS, error);
  return power->control != NULL;
}

/* Records what QEMU says it does now, so that the next command need not wait for the supervisor. What the guest has done meanwhile
 * the supervisor may have recorded before: so QEMU is asked once more. */
static gboolean note_state(Berth *berth, const Power *power, GError **error) {
  g_autofree char *status = berth_guest_status(power->control, error);
  if (status == NULL || !berth_lib_record_status(berth, power->guest, status, error))
    return FALSE;
  g_autofree char *now = berth_guest_status(power->control, NULL);
  return now == NULL || g_str_equal(now, status) || berth_lib_record_status(berth, power->guest, now, error);
}

BerthStoreGuest *berth_lib_running_guest(Berth *berth, const char *guest, BerthLock **lock, BerthQmp **control, GError **error) {
  g_auto(Power) power = {0};
  if (!take_control(&power, berth, guest, error))
    return NULL;
  *lock = g_steal_pointer(&power.lock);
  *control = g_steal_pointer(&power.control);
  return g_steal_pointer(&power.guest);
}

/* ---- stop and go ---- */

gboolean berth_suspend(Berth *berth, const char *guest, GError **error) {
  g_auto(Power) power = {0};
  return take_control(&power, berth, guest, error) && berth_guest_stop(power.control, error) && note_state(berth, &power, error);
}

gboolean berth_resume(Berth *berth, const char *guest, GError **error) {
  g_auto(Power) power = {0};
  if (!take_control(&power, berth, guest, error))
    return FALSE;
  g_autofree char *status = berth_guest_status(power.control, error);
  if (status == NULL)
    return FALSE;
  if (g_str_equal(status, "running")) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "guest '%s': is running already", power.guest->name);
    return FALSE;
  }
  return berth_guest_cont(power.control, error) && note_state(berth, &power, error);
}

gboolean berth_reset(Berth *berth, const char *guest, GError **error) {
  g_auto(Power) power = {0};
  return take_control(&power, berth, guest, error) && berth_guest_reset(power.control, error);
}

/* ---- reboot: the power button, and a reset once the guest has powered down ---- */

/* A file of the run, so that it outlives a supervisor and ends with the run. */
static gboolean wish(const BerthStoreGuest *guest, GError **error) {
  g_autofree char *path = berth_guest_reboot_path(guest->run.run_dir);
  if (berth_guest_mark(path, error))
    return TRUE;
  g_prefix_error(error, "guest '%s': ", guest->name);
  return FALSE;
}

gboolean berth_lib_reboot_wished(const char *run_dir) {
  g_autofree char *path = berth_guest_reboot_path(run_dir);
  return access(path, F_OK) == 0;
}

gboolean berth_lib_reboot_forget(BerthQmp *qmp, const BerthStoreRun *run, GError **error) {
  g_autofree char *path = berth_guest_reboot_path(run->run_dir);
  if (g_unlink(path) != 0)
    return TRUE;
  g_autoptr(BerthXmlDocument) document = run->document != NULL ? berth_xml_document_parse(run->document, "", NULL) : NULL;
  return berth_guest_keep_on_shutdown(qmp, document != NULL && berth_kinds_waits_on_shutdown(document), error);
}

gboolean berth_reboot(Berth *berth, const char *guest, GError **error) {
  g_auto(Power) power = {0};
  if (!take_control(&power, berth, guest, error))
    return FALSE;
  if (wish(power.guest, error) && berth_guest_keep_on_shutdown(power.control, TRUE, error) &&
      berth_guest_powerdown(power.control, error))
    return TRUE;
  berth_lib_reboot_forget(power.control, &power.guest->run, NULL);
  return FALSE;
}

/* ---- the end ---- */

gboolean berth_shutdown(Berth *berth, const char *guest, GError **error) {
  g_auto(Power) power = {0};
  /* Who asked for a reboot before wants an end now. */
  return take_control(&power, berth, guest, error) && berth_lib_reboot_forget(power.control, &power.guest->run, error) &&
         berth_guest_powerdown(power.control, error);
}

/* QEMU ends in good order, as with "quit", when it gets a signal (QMP reference, ShutdownCause: host-signal). Its monitor may be
 * another's. */
static gboolean end(const BerthStoreGuest *guest, BerthProcess *qemu, gboolean graceful, GError **error) {
  berth_host_process_kill(qemu, SIGTERM, NULL);
  if (berth_host_process_wait(qemu, graceful ? GRACE_MS : QUIT_MS, NULL))
    return TRUE;
  if (!graceful)
    return berth_host_process_end(qemu, error);
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_BUSY, "guest '%s': QEMU was asked to end and still runs; destroy kills it",
              guest->name);
  return FALSE;
}

/* A QEMU that another command is at work on is ended all the same if that takes long: what it waits for may never come. *@ended:
 * this has happened; it lets go of the guest's lock then. */
static gboolean break_in(Berth *berth, const char *guest, gboolean graceful, BerthStoreGuest **ended, GError **error) {
  g_autoptr(BerthStoreGuest) found = berth_store_guest(berth->store, guest, error);
  if (found == NULL)
    return FALSE;
  g_autoptr(BerthLock) lock = berth_lib_lock_within(berth, found, LET_FINISH_MS);
  if (lock != NULL)
    return TRUE;
  berth_lib_read_again(berth, &found);
  g_autoptr(BerthProcess) qemu = berth_lib_run_process(&found->run);
  if (qemu == NULL)
    return TRUE;
  if (!end(found, qemu, graceful, error))
    return FALSE;
  *ended = g_steal_pointer(&found);
  return TRUE;
}

gboolean berth_destroy(Berth *berth, const char *guest, guint flags, GError **error) {
  g_auto(Power) power = {0};
  g_autoptr(BerthStoreGuest) ended = NULL;
  gboolean graceful = (flags & BERTH_DESTROY_GRACEFUL) != 0;
  if (!break_in(berth, guest, graceful, &ended, error))
    return FALSE;
  if (ended != NULL)
    power.guest = berth_lib_guest_locked(berth, ended->uuid, &power.lock, error);
  else if (take(&power, berth, guest, error) && end(power.guest, power.qemu, graceful, error))
    ended = g_steal_pointer(&power.guest);
  return power.lock != NULL && ended != NULL && berth_lib_settle(berth, ended, "shut off", "destroyed", error);
}
