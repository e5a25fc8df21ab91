/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to the PCI family: QEMU's spelling of its addresses and options. */
#pragma once

#include "families/pci-bus.h"

/* That no pci-bridge sits on a bus of its own index or a greater one, as libvirt demands (addressing §3.9). Errors: BAD_INPUT,
 * @chosen then tells whether it was not the document that put it there. */
gboolean berth_families_pci_check_bridges(const BerthAssignment *assignment, gboolean *chosen, GError **error);
/* Option defaults of PCI controllers (addressing §3.9). Errors: NO_ROOM. */
gboolean berth_families_pci_options(const BerthAssignment *assignment, GError **error);
