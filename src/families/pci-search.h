/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to the PCI family: the search for the next place, with and without a record. */
#pragma once

#include "families/pci-bus.h"

/* Whether functions 1-7 of @slot of bus @number, which other devices have, may be given to @device. FALSE for a slot without a
 * function 0 that allows more functions, for one that is kept for a device that is gone, and among ICH9 USB controllers. */
gboolean berth_families_pci_shareable(const BerthPci *pci, const BerthDevice *device, guint number, guint slot,
                                      BerthPciSharing sharing);

/* Notes the recorded bridges of each bus and the places that are kept for devices that are gone. Called once the table of a pass is
 * filled; nothing without a record. */
void berth_families_pci_remember(BerthPci *pci);

/* Whether a bridge on bus @number, behind the recorded ones there, is met after all recorded bridges by firmware's walk. A bus
 * whose own bridge has no place yet counts as such in the planning pass, and in the final one if that bridge cannot end up below
 * @device: it will be given a place at the end. */
gboolean berth_families_pci_met_last(const BerthPci *pci, const BerthDevice *device, guint number);

/* Finds and takes the next place for @flags (addressing §3.5). @function: the function wanted in a free slot, -1 any. With a
 * record, new bridges go where they renumber no recorded one, and kept places are given away last, oldest first.
 * @device is NULL for room that is kept. Errors: NO_ROOM. */
gboolean berth_families_pci_search(BerthPci *pci, BerthDevice *device, guint flags, gint function, BerthAddress *address,
                                   GError **error);

/* The record as it was when the guest was last defined: what has gone only now is still there. NULL: none. */
const BerthRecord *berth_families_pci_before(const BerthAssignment *assignment);

/* Gives @device, a bridge that grew, the place that a bridge of its index and model had, if that is free and renumbers no recorded
 * bridge. In the planning pass the place is only reserved. FALSE: there is none such. */
gboolean berth_families_pci_return(BerthPci *pci, BerthDevice *device, guint flags);

/* The index of the PCI controller that @entry remembers; -1: it is none. */
gint64 berth_families_pci_recorded_index(const BerthRecordEntry *entry);
