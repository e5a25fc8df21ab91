/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to the PCI family: the guest's bus numbers. */
#pragma once

#include "families/pci-bus.h"

/* Appends to @assignment->notes which recorded bridges get another bus number than the record implies, and which buses the guest
 * will not see at all. */
void berth_families_pci_note_numbers(const BerthAssignment *assignment);
