/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What QEMU says about a guest's devices besides where they are (readback.h). All answers are by QEMU id. */
#pragma once

#include "qmp/client.h"

/* What each device is: id -> its type, which is the driver it was made with. (transfer full) */
GHashTable *berth_guest_models(BerthQmp *qmp, GError **error);
/* What is in each drive: id -> name of the block node, "" for none. (transfer full) */
GHashTable *berth_guest_media(BerthQmp *qmp, GError **error);

/* Where the guest's own view of PCI has a device. */
typedef struct {
  char *bridge; /* id of the bridge that it is behind; "" on the root bus */
  guint slot, function;
} BerthPciView;
/* id -> BerthPciView. Behind a bridge that firmware has not numbered yet nothing is seen. (transfer full) */
GHashTable *berth_guest_pci_view(BerthQmp *qmp, GError **error);
