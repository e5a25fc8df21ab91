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

/* A memory device as the guest has it, in bytes. */
typedef struct {
  guint64 size;      /* all that it can give */
  guint64 requested; /* how much of it the guest was asked to use; of most kinds that is all */
  guint64 address;   /* where it begins in the guest's physical memory */
  gint64 slot;       /* -1: it is in none */
} BerthMemoryView;
/* id -> BerthMemoryView. (transfer full) */
GHashTable *berth_guest_memory(BerthQmp *qmp, GError **error);
