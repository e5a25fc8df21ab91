/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What changes about devices that stay: media, links, how much of its memory a guest has. */
#pragma once

#include "model/qemu.h"
#include "qmp/client.h"

/*
 * Takes the medium of a cdrom or floppy out and puts another in: @before and @after are the objects of the device
 * (berth_guest_plug()) with the old and the new one; either may be empty. Asks the guest for an open tray first, unless it is
 * forced. On failure the old medium is in again. Errors: REFUSED_BY_GUEST (it keeps the tray locked), as berth_qmp_execute().
 */
typedef enum {
  BERTH_MEDIUM_FORCED = 1 << 0, /* the tray is opened even if the guest keeps it locked */
  BERTH_MEDIUM_AGAIN = 1 << 1,  /* it may have been done, wholly or in part */
} BerthMediumHow;
gboolean berth_guest_change_medium(BerthQmp *qmp, const BerthQemu *before, const BerthQemu *after, guint how, GError **error);
/* The ids of devices with a tray that is open; *@closed (may be NULL): of those with one that is not. (transfer full) */
GHashTable *berth_guest_open_trays(BerthQmp *qmp, GHashTable **closed, GError **error);
/* Plugs the cable of a NIC in, or pulls it. */
gboolean berth_guest_set_link(BerthQmp *qmp, const char *id, gboolean up, GError **error);
/* Asks a virtio-mem device to give the guest so much. */
gboolean berth_guest_request_memory(BerthQmp *qmp, const char *id, gint64 bytes, GError **error);
