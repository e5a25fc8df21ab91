/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU's state on its way out or in (QEMU docs/devel/migration). QEMU speaks to a unix socket of berth's, which passes the bytes
 * on: if whoever does that dies, QEMU sees the stream break and lets the guest go on by itself.
 */
#pragma once

#include "host/process.h"
#include "qmp/client.h"

/* Where QEMU's stream goes and comes from, in a run folder. (transfer full) */
char *berth_guest_move_path(const char *run_dir);

typedef struct {
  gboolean live;     /* the guest runs on while its memory is copied, until little is left; else it stops at once */
  guint64 bandwidth; /* bytes a second at most; 0: no limit */
} BerthMoveHow;
/* The guest's memory in bytes; 0: QEMU does not say. */
guint64 berth_guest_move_memory(BerthQmp *qmp);
/* Lets QEMU connect to @path and send its state. Errors: FAILED with QEMU's reason (a device that cannot be moved). */
gboolean berth_guest_move_out(BerthQmp *qmp, const char *path, const BerthMoveHow *how, GError **error);
/* Once the stream has ended: has all been sent? Errors: FAILED with QEMU's reason. */
gboolean berth_guest_move_done(BerthQmp *qmp, GError **error);
/* Has QEMU give up what is still under way; nothing if it has sent all. */
void berth_guest_move_cancel(BerthQmp *qmp);
/* Ends what is still under way, and sees to it that the guest runs again if it did (@ran). Its vCPUs never ran elsewhere. */
gboolean berth_guest_move_undo(BerthQmp *qmp, gboolean ran, GError **error);

/* Lets a QEMU that was started with "-incoming defer" listen on @path. @runs: its vCPUs will run; until then its disks stay as they
 * are, so that the source can have them back at any time. (A guest that stays paused has them once it has arrived: QEMU dies of
 * moving disks on that it never took.) */
gboolean berth_guest_move_in(BerthQmp *qmp, const char *path, gboolean runs, GError **error);
/* Waits until all has been taken in, or QEMU gives up: then its own words, from @run_dir, are the error. */
gboolean berth_guest_move_arrived(BerthQmp *qmp, BerthProcess *qemu, const char *run_dir, GError **error);
