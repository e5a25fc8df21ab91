/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to the PCI family: libvirt's two passes (addressing §3.5), which each rung of the ladder runs in its own way. */
#pragma once

#include "families/pci-bus.h"

/* Pass 1: which controllers are needed beside those of the @n buses that the document has; they are appended to the inventory. Only
 * what the chipset step places is stored. On a rung the added controllers have no places yet. Errors: BAD_INPUT, NO_ROOM. */
gboolean berth_families_pci_plan_buses(BerthPci *pci, guint n, GError **error);

/* Pass 2: places for all, on @n buses. Errors: BAD_INPUT; NO_ROOM with pci->stuck being the one without place. */
gboolean berth_families_pci_place_devices(BerthPci *pci, guint n, GError **error);

/* Appends the controller of bus @index, which is in the table, to the inventory. (transfer none) */
BerthDevice *berth_families_pci_append_controller(BerthPci *pci, guint index);
