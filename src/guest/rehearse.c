/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/rehearse.h"

#include "guest/control.h"
#include "guest/launch.h"

#define CONNECT_MS 1000

static guint time_left(gint64 until) {
  return (guint)(MAX(0, until - g_get_monotonic_time()) / 1000);
}

/* QEMU's own complaint about its answers says nothing about why there is none. */
static void explain_limit(gint64 until, guint timeout_ms, GError **error) {
  if (time_left(until) > 0)
    return;
  g_clear_error(error);
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "QEMU was not ready within the time limit of %u s",
              (timeout_ms + 999) / 1000);
}

static GPtrArray *rehearse(const BerthQemu *qemu, const BerthInventory *inventory, const BerthFamily *families, const char *run_dir,
                           gint64 until, GError **error) {
  const BerthLaunch launch = {.run_dir = run_dir, .timeout_ms = MAX(1, time_left(until))};
  g_autoptr(BerthQmp) events = NULL;
  g_autoptr(BerthProcess) process = berth_guest_launch(qemu, &launch, &events, error);
  if (process == NULL)
    return NULL;
  GPtrArray *places = berth_guest_read_back(events, inventory, families, NULL, time_left(until), error);
  g_autoptr(GError) stuck = NULL;
  if (!berth_host_process_end(process, &stuck) && places != NULL) {
    g_clear_pointer(&places, g_ptr_array_unref);
    g_propagate_error(error, g_steal_pointer(&stuck));
  }
  berth_guest_clean(run_dir);
  return places;
}

GPtrArray *berth_guest_rehearse(const BerthQemu *qemu, const BerthInventory *inventory, const BerthFamily *families,
                                const char *run_dir, guint timeout_ms, GError **error) {
  gint64 until = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
  g_autoptr(GError) failure = NULL;
  GPtrArray *places = rehearse(qemu, inventory, families, run_dir, until, &failure);
  if (places != NULL)
    return places;
  explain_limit(until, timeout_ms, &failure);
  g_propagate_error(error, g_steal_pointer(&failure));
  return NULL;
}

void berth_guest_end_rehearsal(const char *run_dir) {
  g_autofree char *path = berth_guest_control_path(run_dir);
  g_autoptr(BerthQmp) control = berth_qmp_connect(path, CONNECT_MS, NULL);
  if (control != NULL)
    berth_guest_quit(control, NULL);
  berth_guest_clean(run_dir);
}
