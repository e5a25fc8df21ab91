/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The PCI family (addressing §3): buses, slots, functions; grows bridges and ports. */
#pragma once

#include "model/family.h"

extern const BerthFamily berth_families_pci;

/* Fills device->guest_bus and device->path of every PCI device of @inventory, as firmware will number the buses: depth first, by
 * slot and function (guest-bus-numbers §1, §2). -1 and NULL for what is not PCI; -1 for what the guest will not see. */
void berth_families_pci_number(BerthInventory *inventory);
