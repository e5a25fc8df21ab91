/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Joining a bridge while QEMU runs: its sandbox, which kills what tries to, lets it start no helper. */
#pragma once

#include "qmp/client.h"

/* Gives QEMU the network back end @netdev, one of type "bridge", as a tap device that its helper has made and put on the bridge.
 * Errors: NOT_FOUND (no helper), FAILED (it refuses: with its words), as berth_qmp_execute(). */
gboolean berth_guest_join_bridge(BerthQmp *qmp, JsonObject *netdev, GError **error);
