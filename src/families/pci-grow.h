/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to the PCI family: what is done where libvirt finds no room. */
#pragma once

#include "families/pci-bus.h"

/* Gives every device a place on the @n buses that the document has and on those that are added: libvirt's two passes, and where
 * they end for lack of room the rungs of the ladder, one after the other, each from the beginning. Errors: BAD_INPUT, NO_ROOM
 * (libvirt's reason, if no rung helps). */
gboolean berth_families_pci_climb(BerthPci *pci, guint n, GError **error);

/* Sets how many ports the root bus and, on a rung with switches, the switches have room for beside those that have no place yet. */
void berth_families_pci_count_ports(BerthPci *pci);
