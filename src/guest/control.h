/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The few words that a running guest is told. */
#pragma once

#include "qmp/client.h"

#define BERTH_GUEST_COMMAND_TIMEOUT_MS 10000

/* QEMU's run state, "running", "paused", "prelaunch", "shutdown" … (QEMU QMP reference: RunState). (transfer full) */
char *berth_guest_status(BerthQmp *qmp, GError **error);
/* Halts the vCPUs. */
gboolean berth_guest_stop(BerthQmp *qmp, GError **error);
/* Lets the vCPUs run. */
gboolean berth_guest_cont(BerthQmp *qmp, GError **error);
/* The same; @meanwhile is called while QEMU does so. If it fails, so does this, and the vCPUs may run. */
gboolean berth_guest_cont_meanwhile(BerthQmp *qmp, gboolean (*meanwhile)(gpointer data, GError **error), gpointer data,
                                    GError **error);
/* Starts a guest that has powered off, or panicked, anew in the same QEMU. */
gboolean berth_guest_restart(BerthQmp *qmp, GError **error);
/* Begins to write the guest's memory to the new file @path, which is this process's, whoever QEMU runs as; the event DUMP_COMPLETED
 * says that it is done. */
gboolean berth_guest_dump(BerthQmp *qmp, const char *path, GError **error);
/* Presses the power button (ACPI); returns when it was pressed. */
gboolean berth_guest_powerdown(BerthQmp *qmp, GError **error);
/* Presses the reset button; returns when it was pressed. */
gboolean berth_guest_reset(BerthQmp *qmp, GError **error);
/* Whether QEMU stays when the guest powers down (in the state "shutdown"), or ends. */
gboolean berth_guest_keep_on_shutdown(BerthQmp *qmp, gboolean keep, GError **error);
/* Ends QEMU. A connection that closes instead of answering is success, too. */
gboolean berth_guest_quit(BerthQmp *qmp, GError **error);
