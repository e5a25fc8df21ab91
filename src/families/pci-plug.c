/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "families/pci-plug.h"

#include "families/rows.h"

static gboolean has_acpi(const BerthInventory *inventory) {
  return berth_xml_node_child(berth_xml_node_child(inventory->document->root, "features"), "acpi") != NULL;
}

/* Conventional buses tell the guest by ACPI; PCI Express ports can do so by themselves. */
gboolean berth_families_pci_pluggable(const BerthInventory *inventory, guint number) {
  const BerthDevice *controller = berth_model_inventory_controller(inventory, "pci", number);
  const BerthPciModel *model = controller != NULL ? berth_families_pci_model_of(controller) : NULL;
  if (model == NULL || (model->accepts & BERTH_PCI_HOTPLUG) == 0 || berth_model_device_is(controller, "target/@hotplug", "off"))
    return FALSE;
  return (model->accepts & BERTH_PCI_CONVENTIONAL) == 0 || has_acpi(inventory);
}

static const BerthDevice *neighbour(const BerthInventory *inventory, const BerthDevice *device) {
  for (guint i = 0; i < inventory->devices->len; i++) {
    const BerthDevice *other = inventory->devices->pdata[i];
    if (other != device && other->address.type == BERTH_ADDRESS_PCI && berth_families_pci_placed(&other->address) &&
        berth_families_pci_place(&other->address) >> 3 == berth_families_pci_place(&device->address) >> 3)
      return other;
  }
  return NULL;
}

char *berth_families_pci_immovable(const BerthInventory *inventory, const BerthDevice *device) {
  guint number = (guint)device->address.value[BERTH_PCI_BUS];
  g_autofree char *place = berth_model_address_to_string(&device->address);
  const BerthDevice *controller = berth_model_inventory_controller(inventory, "pci", number);
  const BerthPciModel *model = controller != NULL ? berth_families_pci_model_of(controller) : NULL;
  if (!berth_families_pci_pluggable(inventory, number)) {
    gboolean acpi =
        model != NULL && (model->accepts & BERTH_PCI_HOTPLUG) != 0 && !berth_model_device_is(controller, "target/@hotplug", "off");
    return g_strdup_printf("%s: bus %u (%s) takes no device while the guest runs%s", place, number,
                           model != NULL ? model->name : "none",
                           acpi ? "; that needs <acpi/> in <features>" : "; a pcie-root-port does");
  }
  if (device->address.value[BERTH_PCI_FUNCTION] != 0)
    return g_strdup_printf("%s: only function 0 of a slot can be plugged and unplugged", place);
  const BerthDevice *other = neighbour(inventory, device);
  if (other == NULL)
    return NULL;
  g_autofree char *name = berth_model_device_name(other);
  return g_strdup_printf("%s: another function of that slot is %s", place, name);
}
