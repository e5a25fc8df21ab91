/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What QEMU calls the buses of controllers, and back (addressing §9.2, §9.3). PCI has its own names (pci-qemu.h). */
#pragma once

#include "model/family.h"

/* The controller of @type and @index that has the bus: of USB controllers that share an index, the master. NULL: none. */
BerthDevice *berth_families_bus_controller(const BerthInventory *inventory, const char *type, guint64 index);
/* The name that QEMU's buses of the controller begin with: its id, "usb" for USB 0, "ide" for what the chipset has, else "scsi0".
 * Works also for a controller that is not in the inventory, as if it had no alias. (transfer full) */
char *berth_families_bus_owner(const BerthInventory *inventory, const char *type, guint64 index);
/* OWNER.NUMBER: "scsi0.0". (transfer full) */
char *berth_families_bus_name(const BerthInventory *inventory, const char *type, guint64 index, guint64 number);
/* The reverse: which controller of @type has the bus called @name ("scsi0.0"), and the number behind the dot. @guess is the index
 * that is tried first. FALSE: no controller of the inventory has such a bus. */
gboolean berth_families_bus_parse(const BerthInventory *inventory, const char *type, const char *name, guint64 guess,
                                  guint64 *index, guint64 *number);
/* A number among QEMU's answers. FALSE: not there, no number, negative, or QEMU's "unset" (all bits of 32). */
gboolean berth_families_answer_number(const BerthReadBack *answer, const char *property, guint64 *value);
