/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A BUS FAMILY: one file in families/, one row in families/families.c. The engine (assign/) knows families only through this
 * interface, so that it can be tested with a toy.
 */
#pragma once

#include "model/inventory.h"
#include "model/record.h"

/* What assignment hands to a family. All of it is borrowed. */
typedef struct {
  BerthInventory *inventory;    /* devices to place; the family sets address and rule, and may append controllers */
  const BerthFacts *facts;      /* may be NULL */
  const BerthRecord *record;    /* may be NULL: no record, libvirt's behaviour to the letter */
  const BerthElement *elements; /* the element table, BERTH_N_ELEMENTS rows: for making controllers */
  const BerthKind *(*classify)(const BerthDevice *device); /* the kind of a device the family made */
  GPtrArray *notes;          /* char *: what the user should know (shifts, places given up), appended */
  const BerthRecord *before; /* the record as it was before recall marked what is gone now; NULL: as @record */
  gint pcie_ports;           /* free ports to keep: 0 as libvirt (one, at the first definition), < 0 none */
  gboolean running;          /* as of BerthPlanOptions */
} BerthAssignment;

/* What QEMU answered about one device (qom-get, query-pci), for locate(). */
typedef struct {
  const char *parent_bus; /* last component of the link "parent_bus": "pci.1", "scsi0.0", "ide.1"; NULL: none, or not asked */
  json_object *values;    /* the family's read_back properties that QEMU had */
  gboolean on_root;       /* it is on PCI's root bus, where query-pci has told its "addr" */
} BerthReadBack;

typedef struct BerthFamily {
  BerthAddressType type;
  /* Assigned before the controllers that its addresses imply are added (drives, smart cards); the others come after, in table
   * order (addressing §1.1, §1.5). */
  gboolean early;
  /* Keeps and checks the addresses that are there (document, recalled), then places the devices that lack one, in libvirt's order
   * where there is no record; avoids the reservations of @assignment->record until nothing else is left, oldest first. May be
   * NULL (nothing is ever assigned). Errors: BAD_INPUT (with file and line; both parties' for a clash), NO_ROOM. */
  gboolean (*assign)(BerthAssignment *assignment, GError **error);
  /* Called once after every family has assigned: what can be told only then (paths, predicted bus numbers, option defaults).
   * Sets nothing that another family reads. NULL: nothing to do. */
  void (*finish)(BerthInventory *inventory);
  /* Whether @device may be at @address by the rules of automatic placement, the rest of the guest left aside: asked before a
   * recorded place is given to a device whose kind changed. NULL: always. */
  gboolean (*fits)(const BerthInventory *inventory, const BerthDevice *device, const BerthAddress *address);
  /* Why @device, which has its address, can neither be plugged into a running guest there nor unplugged; NULL: it can. (transfer
   * full) The member NULL: it always can. */
  char *(*immovable)(const BerthInventory *inventory, const BerthDevice *device);
  /* A guest can let go of such a device unasked: it powers the slot off (PCI), or ejects it (ACPI). */
  gboolean ejectable;
  /* Adds the address properties of @device ("bus", "addr", "multifunction" …) to @props (addressing §9.2). NULL: none. */
  void (*properties)(const BerthInventory *inventory, const BerthDevice *device, json_object *props);
  /* QOM properties that tell where a device is, NULL-terminated ("addr", "scsi-id" …). NULL: cannot be read back. */
  const char *const *read_back;
  /* Those of them that @device can have. NULL: all of them. */
  const char *const *(*read_back_of)(const BerthDevice *device);
  /* The bus that @device was put on may be one of an object to which the bus's owner links: the QOM property with that link, and
   * *@owner (transfer full), the owner's id. NULL: it is the owner's. The member NULL: always. */
  const char *(*bus_link)(const BerthInventory *inventory, const BerthDevice *device, char **owner);
  /* Turns QEMU's answer into the address it means. FALSE: the answer makes no sense for @device. */
  gboolean (*locate)(const BerthInventory *inventory, const BerthDevice *device, const BerthReadBack *answer,
                     BerthAddress *address);
} BerthFamily;
