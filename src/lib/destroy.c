/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/lib.h"

#include "guest/control.h"
#include "guest/launch.h"

#define CONNECT_MS 3000
#define QUIT_MS 5000

/* A guest that runs, its lock and its process; USAGE if it does not run. */
static BerthStoreGuest *running_guest(Berth *berth, const char *guest, BerthLock **lock, BerthProcess **qemu, GError **error) {
  g_autoptr(BerthLock) held = NULL;
  g_autoptr(BerthStoreGuest) found = berth_lib_guest_locked(berth, guest, &held, error);
  if (found == NULL)
    return NULL;
  *qemu = berth_lib_run_process(&found->run);
  if (*qemu == NULL) {
    if (berth_lib_settle(berth, found, NULL, error))
      g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "guest '%s': is not running", found->name);
    return NULL;
  }
  *lock = g_steal_pointer(&held);
  return g_steal_pointer(&found);
}

static BerthQmp *connect_control(const BerthStoreGuest *guest, GError **error) {
  g_autofree char *path = berth_guest_control_path(guest->run.run_dir);
  return berth_qmp_connect(path, CONNECT_MS, error);
}

gboolean berth_destroy(Berth *berth, const char *guest, GError **error) {
  g_autoptr(BerthLock) lock = NULL;
  g_autoptr(BerthProcess) qemu = NULL;
  g_autoptr(BerthStoreGuest) found = running_guest(berth, guest, &lock, &qemu, error);
  if (found == NULL)
    return FALSE;
  g_autoptr(BerthQmp) control = connect_control(found, NULL);
  gboolean quit = control != NULL && berth_guest_quit(control, NULL) && berth_host_process_wait(qemu, QUIT_MS, NULL);
  if (!quit && !berth_host_process_end(qemu, error))
    return FALSE;
  return berth_lib_settle(berth, found, "shut off", error);
}

gboolean berth_shutdown(Berth *berth, const char *guest, GError **error) {
  g_autoptr(BerthLock) lock = NULL;
  g_autoptr(BerthProcess) qemu = NULL;
  g_autoptr(BerthStoreGuest) found = running_guest(berth, guest, &lock, &qemu, error);
  g_autoptr(BerthQmp) control = found != NULL ? connect_control(found, error) : NULL;
  return control != NULL && berth_guest_powerdown(control, error);
}
