/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "families/families.h"

#include "families/pci.h"
#include "families/rows.h"

/* The PCI family keeps its row beside its code, and C lets no table start with a copy of it: its functions are passed on. */
static gboolean pci_assign(BerthAssignment *assignment, GError **error) {
  return berth_families_pci.assign(assignment, error);
}

static void pci_finish(BerthInventory *inventory) {
  if (berth_families_pci.finish != NULL)
    berth_families_pci.finish(inventory);
}

static gboolean pci_fits(const BerthInventory *inventory, const BerthDevice *device, const BerthAddress *address) {
  return berth_families_pci.fits == NULL || berth_families_pci.fits(inventory, device, address);
}

static void pci_properties(const BerthInventory *inventory, const BerthDevice *device, JsonObject *props) {
  berth_families_pci.properties(inventory, device, props);
}

static gboolean pci_locate(const BerthInventory *inventory, const BerthDevice *device, const BerthReadBack *answer,
                           BerthAddress *address) {
  return berth_families_pci.locate(inventory, device, answer, address);
}

static char *pci_immovable(const BerthInventory *inventory, const BerthDevice *device) {
  return berth_families_pci.immovable(inventory, device);
}

static const char *const pci_read_back[] = {"addr", NULL};

/* addressing §1.5; drive and ccid are assigned before all others, when the devices' defaults are filled in (§1.1, stages 5 and 6).
 * USB comes before PCI, and not after it as there, because it may add controllers, which want a PCI address; it reads none. */
const BerthFamily berth_families[] = {
    {.type = BERTH_ADDRESS_DRIVE,
     .early = TRUE,
     .assign = berth_families_drive_assign,
     .fits = berth_families_drive_fits,
     .properties = berth_families_drive_properties,
     .read_back = berth_families_drive_read_back,
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
     .assign = pci_assign,
     .finish = pci_finish,
     .fits = pci_fits,
     .immovable = pci_immovable,
     .properties = pci_properties,
     .read_back = pci_read_back,
     .locate = pci_locate},
    {.type = BERTH_ADDRESS_DIMM,
     .assign = berth_families_dimm_assign,
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
