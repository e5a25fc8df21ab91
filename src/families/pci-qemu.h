/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to the PCI family: QEMU's spelling of its addresses and options. */
#pragma once

#include "families/pci-bus.h"

/* The members of BerthFamily. */
void berth_families_pci_properties(const BerthInventory *inventory, const BerthDevice *device, JsonObject *props);
gboolean berth_families_pci_locate(const BerthInventory *inventory, const BerthDevice *device, const BerthReadBack *answer,
                                   BerthAddress *address);
/* Option defaults of PCI controllers, and the check of bridge indexes (addressing §3.9). Errors: BAD_INPUT, NO_ROOM. */
gboolean berth_families_pci_options(const BerthAssignment *assignment, GError **error);
