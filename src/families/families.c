/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "families/families.h"

#include "families/rows.h"

/* addressing §1.5; drive and ccid are assigned before all others, when the devices' defaults are filled in (§1.1, stages 5 and 6).
 * USB comes before PCI, and not after it as there, because it may add controllers, which want a PCI address; it reads none. */
const BerthFamily berth_families[] = {
    {.type = BERTH_ADDRESS_DRIVE,
     .early = TRUE,
     .assign = berth_families_drive_assign,
     .fits = berth_families_drive_fits,
     .properties = berth_families_drive_properties,
     .read_back = berth_families_drive_read_back,
     .read_back_of = berth_families_drive_read_back_of,
     .bus_link = berth_families_drive_bus_link,
     .locate = berth_families_drive_locate},
    {.type = BERTH_ADDRESS_CCID,
     .early = TRUE,
     .assign = berth_families_ccid_assign,
     .fits = berth_families_ccid_fits,
     .properties = berth_families_ccid_properties,
     .read_back = berth_families_ccid_read_back,
     .locate = berth_families_ccid_locate},
    {.type = BERTH_ADDRESS_VIRTIO_SERIAL,
     .assign = berth_families_vserial_assign,
     .properties = berth_families_vserial_properties,
     .read_back = berth_families_vserial_read_back,
     .locate = berth_families_vserial_locate},
    {.type = BERTH_ADDRESS_SPAPR_VIO, .assign = berth_families_spapr_assign},
    {.type = BERTH_ADDRESS_VIRTIO_MMIO}, /* QEMU numbers the transports itself: nothing to assign, tell or read (§5.7) */
    {.type = BERTH_ADDRESS_USB,
     .assign = berth_families_usb_assign,
     .properties = berth_families_usb_properties,
     .read_back = berth_families_usb_read_back,
     .locate = berth_families_usb_locate},
    {.type = BERTH_ADDRESS_PCI,
     .assign = berth_families_pci_assign,
     .finish = berth_families_pci_number,
     .fits = berth_families_pci_fits,
     .immovable = berth_families_pci_immovable,
     .ejectable = TRUE,
     .properties = berth_families_pci_properties,
     .read_back = berth_families_pci_read_back,
     .locate = berth_families_pci_locate},
    {.type = BERTH_ADDRESS_DIMM,
     .assign = berth_families_dimm_assign,
     .ejectable = TRUE,
     .properties = berth_families_dimm_properties,
     .read_back = berth_families_dimm_read_back,
     .locate = berth_families_dimm_locate},
    {.type = BERTH_ADDRESS_ISA,
     .properties = berth_families_isa_properties,
     .read_back = berth_families_isa_read_back,
     .locate = berth_families_isa_locate},
    {.type = BERTH_ADDRESS_UNASSIGNED}, /* the guest does not get the device at all (§5.9) */
    {.type = BERTH_ADDRESS_NONE},
};

const BerthFamily *berth_families_find(const BerthFamily *families, BerthAddressType type) {
  for (const BerthFamily *family = families; type != BERTH_ADDRESS_NONE && family->type != BERTH_ADDRESS_NONE; family++)
    if (family->type == type)
      return family;
  return NULL;
}
