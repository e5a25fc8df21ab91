/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the rows of families.c are made of: the functions of each family, called as the members of BerthFamily (model/family.h says
 * what each must do). */
#pragma once

#include "model/family.h"

/* pci.c, pci-number.c, pci-plug.c, pci-qemu.c: buses, slots, functions (addressing §3); grows bridges and ports. number() fills
 * device->guest_bus and device->path as firmware will number the buses: depth first, by slot and function (guest-bus-numbers §1,
 * §2); -1 and NULL for what is not PCI, -1 for what the guest will not see. */
gboolean berth_families_pci_assign(BerthAssignment *assignment, GError **error);
void berth_families_pci_number(BerthInventory *inventory);
gboolean berth_families_pci_fits(const BerthInventory *inventory, const BerthDevice *device, const BerthAddress *address);
char *berth_families_pci_immovable(const BerthInventory *inventory, const BerthDevice *device);
void berth_families_pci_properties(const BerthInventory *inventory, const BerthDevice *device, json_object *props);
gboolean berth_families_pci_locate(const BerthInventory *inventory, const BerthDevice *device, const BerthReadBack *answer,
                                   BerthAddress *address);
extern const char *const berth_families_pci_read_back[];

/* drive.c: disks on ide, sata, scsi, fdc and nvme controllers, SCSI host devices (addressing §4). assign() is called when the
 * disks' buses are known and before the controllers that drive addresses imply are added; being called again changes nothing. */
gboolean berth_families_drive_assign(BerthAssignment *assignment, GError **error);
gboolean berth_families_drive_fits(const BerthInventory *inventory, const BerthDevice *device, const BerthAddress *address);
void berth_families_drive_properties(const BerthInventory *inventory, const BerthDevice *device, json_object *props);
gboolean berth_families_drive_locate(const BerthInventory *inventory, const BerthDevice *device, const BerthReadBack *answer,
                                     BerthAddress *address);
extern const char *const berth_families_drive_read_back[];
const char *const *berth_families_drive_read_back_of(const BerthDevice *device);
const char *berth_families_drive_bus_link(const BerthInventory *inventory, const BerthDevice *device, char **owner);

/* ccid.c: smart cards (addressing §5.2). Called as drive's assign() is. */
gboolean berth_families_ccid_assign(BerthAssignment *assignment, GError **error);
gboolean berth_families_ccid_fits(const BerthInventory *inventory, const BerthDevice *device, const BerthAddress *address);
void berth_families_ccid_properties(const BerthInventory *inventory, const BerthDevice *device, json_object *props);
gboolean berth_families_ccid_locate(const BerthInventory *inventory, const BerthDevice *device, const BerthReadBack *answer,
                                    BerthAddress *address);
extern const char *const berth_families_ccid_read_back[];

/* virtio-serial.c: channels and consoles (addressing §5.1); appends controllers of type virtio-serial. */
gboolean berth_families_vserial_assign(BerthAssignment *assignment, GError **error);
void berth_families_vserial_properties(const BerthInventory *inventory, const BerthDevice *device, json_object *props);
gboolean berth_families_vserial_locate(const BerthInventory *inventory, const BerthDevice *device, const BerthReadBack *answer,
                                       BerthAddress *address);
extern const char *const berth_families_vserial_read_back[];

/* usb.c: ports of USB controllers and hubs (addressing §5.3); appends <hub type='usb'/> and, with a record, USB controllers. */
gboolean berth_families_usb_assign(BerthAssignment *assignment, GError **error);
void berth_families_usb_properties(const BerthInventory *inventory, const BerthDevice *device, json_object *props);
gboolean berth_families_usb_locate(const BerthInventory *inventory, const BerthDevice *device, const BerthReadBack *answer,
                                   BerthAddress *address);
extern const char *const berth_families_usb_read_back[];

/* dimm.c: slots of memory devices (addressing §5.8). */
gboolean berth_families_dimm_assign(BerthAssignment *assignment, GError **error);
void berth_families_dimm_properties(const BerthInventory *inventory, const BerthDevice *device, json_object *props);
gboolean berth_families_dimm_locate(const BerthInventory *inventory, const BerthDevice *device, const BerthReadBack *answer,
                                    BerthAddress *address);
extern const char *const berth_families_dimm_read_back[];

/* spapr-vio.c: registers of devices that only pseries has (addressing §5.5). */
gboolean berth_families_spapr_assign(BerthAssignment *assignment, GError **error);

/* isa.c: I/O ports and interrupts, kept where written and never assigned (addressing §5.4). */
void berth_families_isa_properties(const BerthInventory *inventory, const BerthDevice *device, json_object *props);
gboolean berth_families_isa_locate(const BerthInventory *inventory, const BerthDevice *device, const BerthReadBack *answer,
                                   BerthAddress *address);
extern const char *const berth_families_isa_read_back[];
