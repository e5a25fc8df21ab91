/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose address may be of which type. What only looks wrong and is harmless (a sound card with a drive address) is let be, as
 * libvirt does (addressing §8.3). */
#include "assign/check.h"

#include "facts/machine.h"

/* Variants of an element that want their own address type or none (addressing §4.4, §8.1; the rest as libvirt 12.8 answered). */
static const struct {
  BerthElementId element;
  const char *path, *value; /* NULL: any */
  BerthAddressType address;
} strict[] = {
    {BERTH_DISK, "target/@bus", "ide", BERTH_ADDRESS_DRIVE},
    {BERTH_DISK, "target/@bus", "fdc", BERTH_ADDRESS_DRIVE},
    {BERTH_DISK, "target/@bus", "scsi", BERTH_ADDRESS_DRIVE},
    {BERTH_DISK, "target/@bus", "sata", BERTH_ADDRESS_DRIVE},
    {BERTH_DISK, "target/@bus", "nvme", BERTH_ADDRESS_DRIVE},
    {BERTH_DISK, "target/@bus", "usb", BERTH_ADDRESS_USB},
    {BERTH_INTERFACE, "@type", "hostdev", BERTH_ADDRESS_PCI},
    {BERTH_SERIAL, "target/@type", "isa-serial", BERTH_ADDRESS_ISA},
    {BERTH_SERIAL, "target/@type", "isa-debug", BERTH_ADDRESS_ISA},
    {BERTH_SERIAL, "target/@type", "pci-serial", BERTH_ADDRESS_PCI},
    {BERTH_SERIAL, "target/@type", "usb-serial", BERTH_ADDRESS_USB},
    {BERTH_HOSTDEV, "@type", "pci", BERTH_ADDRESS_PCI},
    {BERTH_HOSTDEV, "@type", "usb", BERTH_ADDRESS_USB},
    {BERTH_HOSTDEV, "@type", "scsi", BERTH_ADDRESS_DRIVE},
    {BERTH_HOSTDEV, "@type", "scsi_host", BERTH_ADDRESS_PCI},
    {BERTH_HOSTDEV, "@type", "mdev", BERTH_ADDRESS_PCI},
    {BERTH_VIDEO, "model/@type", "ramfb", BERTH_ADDRESS_NONE},
    {BERTH_INPUT, "@bus", "usb", BERTH_ADDRESS_USB},
    {BERTH_REDIRDEV, NULL, NULL, BERTH_ADDRESS_USB},
    {BERTH_WATCHDOG, "@model", "i6300esb", BERTH_ADDRESS_PCI},
    {BERTH_WATCHDOG, "@model", "ib700", BERTH_ADDRESS_NONE},
    {BERTH_WATCHDOG, "@model", "itco", BERTH_ADDRESS_NONE},
    {BERTH_PANIC, "@model", "isa", BERTH_ADDRESS_ISA},
    {BERTH_PANIC, "@model", "hyperv", BERTH_ADDRESS_NONE},
    {BERTH_PANIC, "@model", "pvpanic", BERTH_ADDRESS_PCI},
    {BERTH_MEMORY, "@model", "virtio-pmem", BERTH_ADDRESS_PCI},
    {BERTH_MEMORY, "@model", "virtio-mem", BERTH_ADDRESS_PCI},
    {BERTH_IOMMU, "@model", "intel", BERTH_ADDRESS_NONE},
    {BERTH_IOMMU, "@model", "amd", BERTH_ADDRESS_PCI},
    {BERTH_IOMMU, "@model", "virtio", BERTH_ADDRESS_PCI},
    {BERTH_PSTORE, NULL, NULL, BERTH_ADDRESS_PCI},
};

/* Only a host device can be left out of the guest on purpose. */
static gboolean is_left_out(const BerthDevice *device) {
  return device->written.type == BERTH_ADDRESS_UNASSIGNED && device->element->id == BERTH_HOSTDEV &&
         berth_model_device_is(device, "@type", "pci");
}

/* ACPI names functions of PCI slots. */
static gboolean check_acpi_index(const BerthAssignment *assignment, const BerthDevice *device, GError **error) {
  gboolean none = device->address.type == BERTH_ADDRESS_NONE; /* libvirt lets that be */
  return berth_model_device_get(device, "acpi/@index") == NULL || none || device->address.type == BERTH_ADDRESS_PCI ||
         berth_assign_refuse(assignment, device, BERTH_ERROR_BAD_INPUT, error, "only a PCI device can have an <acpi index>");
}

gboolean berth_assign_check_address(const BerthAssignment *assignment, const BerthDevice *device, GError **error) {
  BerthAddressType type = device->written.type;
  if (!check_acpi_index(assignment, device, error))
    return FALSE;
  /* An address that is gone or of another type by now said nothing about the guest. */
  if (type == BERTH_ADDRESS_NONE || device->address.type != type || is_left_out(device))
    return TRUE;
  const char *written = berth_model_address_form(type)->name;
  if (berth_xml_node_child(berth_xml_node_child(device->node, "address"), "zpci") != NULL)
    return berth_assign_refuse(assignment, device, BERTH_ERROR_UNSUPPORTED, error, "machine '%s' has no <zpci>; s390x has",
                               assignment->inventory->machine);
  if (type == BERTH_ADDRESS_CCW)
    return berth_assign_refuse(assignment, device, BERTH_ERROR_UNSUPPORTED, error, "machine '%s' has no ccw addresses",
                               assignment->inventory->machine);
  if (type == BERTH_ADDRESS_UNASSIGNED)
    return berth_assign_refuse(assignment, device, BERTH_ERROR_BAD_INPUT, error,
                               "only a PCI host device can have an address of type unassigned");
  for (gsize i = 0; i < G_N_ELEMENTS(strict); i++) {
    if (strict[i].element != device->element->id || strict[i].address == type ||
        (strict[i].path != NULL && !berth_model_device_is(device, strict[i].path, strict[i].value)))
      continue;
    const char *name = strict[i].value != NULL ? strict[i].value : device->element->name;
    if (strict[i].address == BERTH_ADDRESS_NONE)
      return berth_assign_refuse(assignment, device, BERTH_ERROR_BAD_INPUT, error, "%s takes no address", name);
    return berth_assign_refuse(assignment, device, BERTH_ERROR_BAD_INPUT, error, "%s takes an address of type %s, not %s", name,
                               berth_model_address_form(strict[i].address)->name, written);
  }
  if (device->element->id == BERTH_DISK && berth_model_device_is(device, "target/@bus", "virtio") && type != BERTH_ADDRESS_PCI &&
      type != BERTH_ADDRESS_VIRTIO_MMIO)
    return berth_assign_refuse(assignment, device, BERTH_ERROR_BAD_INPUT, error, "virtio takes an address of type pci, not %s",
                               written);
  return TRUE;
}
