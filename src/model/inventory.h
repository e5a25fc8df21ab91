/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All devices of a domain, in libvirt's list order (addressing §1.2, §1.3), and the few facts of the domain that addressing needs.
 */
#pragma once

#include "model/kind.h"

typedef struct BerthMachineFamily BerthMachineFamily;

struct BerthInventory {
  const BerthXmlDocument *document; /* borrowed; outlives the inventory */
  BerthDevice *domain; /* the <domain> element itself as something that values can be set on (uuid, os/type/@machine) */
  GPtrArray *devices;  /* BerthDevice, owned; see berth_inventory order above */
  const BerthMachineFamily *family; /* facts/machine.h; filled by assignment */
  char *arch;                       /* "x86_64"; never NULL after assignment */
  char *machine;                    /* canonical if facts say so, else as written; never NULL after assignment */
};

BerthInventory *berth_model_inventory_new(const BerthXmlDocument *document, const BerthElement *domain);
void berth_model_inventory_free(BerthInventory *inventory);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthInventory, berth_model_inventory_free)

/* Of two devices that clash, the message is about the one that its user is about to add, if only one is: makes that *@device. */
void berth_model_inventory_new_first(const BerthInventory *inventory, const BerthDevice **device, const BerthDevice **other);

/* Walking the devices of one element in list order: for (i = 0; (d = ..._walk(inv, BERTH_DISK, &i)) != NULL;) */
BerthDevice *berth_model_inventory_walk(const BerthInventory *inventory, BerthElementId element, guint *position);
/* A controller by type ("pci", "scsi"…) and index; NULL if there is none. Linear: tables are built by those who ask often. */
BerthDevice *berth_model_inventory_controller(const BerthInventory *inventory, const char *type, gint64 index);

/*
 * Puts @controller (transfer full) where libvirt's list has it (addressing §1.3; libvirt 12.8 does so for the controllers that it
 * adds by itself, too): with an index, before the first of its type with a greater one, a USB master also before its companions;
 * without, or if there is none greater, behind the last of its type; else at the end.
 */
void berth_model_inventory_insert(BerthInventory *inventory, BerthDevice *controller);
