/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The flavours of virtio devices. One without flavour speaks virtio 0.9 and 1.0 in a conventional slot and 1.0 alone on an express
 * port; a transitional one speaks both and belongs in a conventional slot.
 */
#pragma once

#include "assign/recall.h"

/* "virtio-0.9" is another word for transitional; before anything looks at models. */
void berth_assign_flavour_spelling(BerthAssignment *assignment);
/* Says that the guest's operating system is not known, where that matters. */
void berth_assign_flavour_note(const BerthAssignment *assignment, const BerthPlanOptions *options);
/* Gives flavours to devices that say none and are matched and classified by now: the one that berth gave them before, else, if they
 * are not recorded as they are, what the guest's operating system needs. For machines with PCI Express. */
void berth_assign_flavours(BerthRecall *recall);
/* What the record shall remember as @device's flavour; NULL: nothing, it has none or the document chose it. @recall may be NULL. */
const char *berth_assign_flavour_made(const BerthRecall *recall, const BerthDevice *device);
