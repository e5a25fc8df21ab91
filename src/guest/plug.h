/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices that come and go while QEMU runs. */
#pragma once

#include "model/qemu.h"
#include "qmp/client.h"

/* Gives QEMU the objects of one device, back ends first, as @objects has them (the device is the last). On failure what was given
 * is taken back, last first. Errors: as berth_qmp_execute(); UNSUPPORTED (something that only a command line can say). */
gboolean berth_guest_plug(BerthQmp *qmp, const BerthQemu *objects, GError **error);
/* Gives QEMU, which was started with @objects, what arguments cannot say: the commands among them. */
gboolean berth_guest_tell(BerthQmp *qmp, const BerthQemu *objects, GError **error);
/* Takes away all that is in @objects but devices, last first: when the device has gone, or has never come. What is not there, or is
 * in use, is left. */
void berth_guest_unplug_back_ends(BerthQmp *qmp, const BerthQemu *objects);
/* Asks the guest to let go of the device @id; DEVICE_DELETED says that it has gone. */
gboolean berth_guest_unplug(BerthQmp *qmp, const char *id, GError **error);
/* Whether QEMU has a device @id. */
gboolean berth_guest_has_device(BerthQmp *qmp, const char *id, gboolean *there, GError **error);

typedef enum { BERTH_UNPLUG_WAITING, BERTH_UNPLUG_DONE, BERTH_UNPLUG_REFUSED } BerthUnplug;
/* Waits for what the guest says about the device @id, at most @timeout_ms; WAITING: nothing so far. */
BerthUnplug berth_guest_await_unplug(BerthQmp *qmp, const char *id, guint timeout_ms);
/* What an event says about unplugging, and about which device. (transfer none) */
BerthUnplug berth_guest_unplug_event(const char *event, json_object *data, const char **id);
