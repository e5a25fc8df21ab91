/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One QEMU that is started for its places' sake: it never runs a vCPU, and nothing of it stays. */
#pragma once

#include "guest/readback.h"
#include "model/qemu.h"

/*
 * Starts QEMU stopped, reads back where it has the devices of @inventory, and ends it. @run_dir must not exist; it is made, and
 * removed with all that is in it. After @timeout_ms, which is for the whole, QEMU is killed (by pidfd) if it has not ended before.
 * (transfer container full): BerthPlace, as berth_guest_read_back(). Errors: as berth_guest_launch(), FAILED (time limit).
 */
GPtrArray *berth_guest_rehearse(const BerthQemu *qemu, const BerthInventory *inventory, const BerthFamily *families,
                                const char *run_dir, guint timeout_ms, GError **error);

/* Ends the QEMU that a killed rehearsal may have left in @run_dir, and removes the folder. */
void berth_guest_end_rehearsal(const char *run_dir);
