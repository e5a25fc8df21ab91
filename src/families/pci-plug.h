/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to the PCI family: what can be plugged where while the guest runs (addressing §7.2, §7.4). */
#pragma once

#include "families/pci-bus.h"

/* Whether devices can be plugged into the bus @number of a running guest. */
gboolean berth_families_pci_pluggable(const BerthInventory *inventory, guint number);
