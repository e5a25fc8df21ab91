/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to the PCI family: what a machine has at fixed places (addressing §3.6). */
#pragma once

#include "families/pci-bus.h"

/* Whether @device is the machine's own IDE or USB controller, whose place the chipset step takes. */
gboolean berth_families_pci_chipset_owns(const BerthPci *pci, const BerthDevice *device);
/* Takes the fixed places and stores them in the devices. Errors: BAD_INPUT. */
gboolean berth_families_pci_chipset(BerthPci *pci, GError **error);
/* The function of ICH9 USB model of @device: 7, 0, 1, 2; -1: another device. */
gint berth_families_pci_ich9_function(const BerthDevice *device);
