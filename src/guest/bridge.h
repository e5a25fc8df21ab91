/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Joining a bridge for QEMU: its sandbox, which kills what tries to, lets it start no helper. */
#pragma once

#include "model/qemu.h"
#include "qmp/client.h"

/* Before QEMU is started: each network back end of @qemu of type "bridge" becomes one of type "tap" on a descriptor. (transfer
 * full): the descriptors (int), which QEMU has to be given (BerthSpawn.keep), closed with the array. Errors: as below. */
GArray *berth_guest_join_bridges(const BerthQemu *qemu, GError **error);

/* Gives QEMU the network back end @netdev, one of type "bridge", as a tap device that its helper has made and put on the bridge.
 * Errors: NOT_FOUND (no helper), FAILED (it refuses: with its words), as berth_qmp_execute(). */
gboolean berth_guest_join_bridge(BerthQmp *qmp, json_object *netdev, GError **error);
