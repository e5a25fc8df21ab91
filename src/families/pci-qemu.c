/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "families/pci-qemu.h"

#include <berth/error.h>

#include "facts/facts.h"
#include "families/places.h"
#include "families/rows.h"

/* QEMU's name of the bus that controller @number provides (addressing §9.3); NULL: there is no such controller. */
static char *bus_name(const BerthInventory *inventory, guint number) {
  const BerthDevice *controller = berth_model_inventory_controller(inventory, "pci", number);
  const BerthPciModel *model = controller != NULL ? berth_families_pci_model_of(controller) : NULL;
  if (number == 0)
    return g_strdup(model != NULL && g_str_equal(model->name, "pcie-root") ? "pcie.0" : "pci.0");
  if (controller == NULL)
    return NULL;
  return controller->id != NULL ? g_strdup(controller->id) : g_strdup_printf("pci.%u", number);
}

void berth_families_pci_properties(const BerthInventory *inventory, const BerthDevice *device, json_object *props) {
  const BerthAddress *address = &device->address;
  g_autofree char *bus = bus_name(inventory, (guint)address->value[BERTH_PCI_BUS]);
  guint slot = (guint)address->value[BERTH_PCI_SLOT];
  guint function = (guint)address->value[BERTH_PCI_FUNCTION];
  g_autofree char *place = function != 0 ? g_strdup_printf("0x%x.0x%x", slot, function) : g_strdup_printf("0x%x", slot);
  if (bus != NULL)
    berth_json_set_string(props, "bus", bus);
  berth_json_set_string(props, "addr", place);
  if (address->given >> BERTH_PCI_MULTIFUNCTION & 1)
    berth_json_set_boolean(props, "multifunction", address->value[BERTH_PCI_MULTIFUNCTION] != 0);
}

/* The number of the controller whose bus QEMU calls @name; -1: none. */
static gint bus_number(const BerthInventory *inventory, const char *name) {
  guint walk = 0;
  const BerthDevice *device;
  while ((device = berth_model_inventory_walk(inventory, BERTH_CONTROLLER, &walk)) != NULL) {
    const BerthPciModel *model = berth_families_pci_model_of(device);
    if (model == NULL || device->index < 0 || device->index >= BERTH_PCI_MAX_BUSES)
      continue;
    g_autofree char *usual = g_strdup_printf(g_str_equal(model->name, "pcie-root") ? "pcie.%u" : "pci.%u", (guint)device->index);
    if (g_str_equal(name, !model->root && device->id != NULL ? device->id : usual))
      return (gint)device->index;
  }
  return -1;
}

gboolean berth_families_pci_locate(const BerthInventory *inventory, const BerthDevice *device, const BerthReadBack *answer,
                                   BerthAddress *address) {
  (void)device;
  if (answer->parent_bus == NULL && !answer->on_root)
    return FALSE;
  /* It reads as slot * 8 + function, -1 while the device has no place. */
  gint64 devfn = berth_json_member_int(answer->values, "addr", -1);
  gint bus = answer->on_root ? 0 : bus_number(inventory, answer->parent_bus);
  if (bus < 0 || devfn < 0 || devfn > 255)
    return FALSE;
  *address = berth_model_address_pci((guint)bus, (guint)devfn >> 3, (guint)devfn & 7);
  return TRUE;
}

static void set_default(BerthDevice *device, const char *path, gboolean hex, guint64 value) {
  if (berth_model_device_get(device, path) != NULL)
    return;
  g_autofree char *number =
      hex ? g_strdup_printf("0x%" G_GINT64_MODIFIER "x", value) : g_strdup_printf("%" G_GUINT64_FORMAT, value);
  berth_model_device_set(device, path, number);
}

/* The lowest bus number that any controller has; 256: none has one. */
static guint64 lowest_bus_nr(const GPtrArray *controllers) {
  guint64 lowest = 256;
  for (guint i = 0; i < controllers->len; i++)
    lowest = MIN(lowest, berth_model_device_number(controllers->pdata[i], "target/@busNr", 256));
  return lowest;
}

/* QEMU's other bridges have no such properties. */
static gboolean check_reserve(const BerthAssignment *assignment, const BerthDevice *device, GError **error) {
  static const struct {
    const char *path, *what;
  } rows[] = {{"target/@busReserve", "bus numbers"}, {"target/@memReserve", "memory space"}};
  if (berth_model_device_is(device, "@model", "pcie-root-port") || berth_model_device_is(device, "@model", "pci-bridge"))
    return TRUE;
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    if (berth_model_device_get(device, rows[i].path) != NULL) {
      berth_families_error(error, BERTH_ERROR_BAD_INPUT, assignment->inventory, device,
                           "only a pcie-root-port and a pci-bridge keep %s free (%s)", rows[i].what, rows[i].path);
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean set_options(const BerthAssignment *assignment, const GPtrArray *controllers, BerthDevice *device, GError **error) {
  const BerthPciModel *model = berth_families_pci_model_of(device);
  if (!check_reserve(assignment, device, error))
    return FALSE;
  guint64 slot = device->address.value[BERTH_PCI_SLOT];
  const char *driver = model->driver;
  if (model->options & BERTH_PCI_PORT && !berth_facts_has_device(assignment->facts, driver))
    driver = "ioh3420";
  if (driver != NULL && berth_model_device_get(device, "model/@name") == NULL)
    berth_model_device_set(device, "model/@name", driver);
  if (model->options & BERTH_PCI_CHASSIS_NR)
    set_default(device, "target/@chassisNr", FALSE, (guint64)device->index);
  if (model->options & BERTH_PCI_CHASSIS)
    set_default(device, "target/@chassis", FALSE, (guint64)device->index);
  if (model->options & BERTH_PCI_PORT)
    set_default(device, "target/@port", TRUE, slot * 8 + device->address.value[BERTH_PCI_FUNCTION]);
  if (model->options & BERTH_PCI_PORT_SLOT)
    set_default(device, "target/@port", TRUE, slot);
  if (!(model->options & BERTH_PCI_BUS_NR) || berth_model_device_get(device, "target/@busNr") != NULL)
    return TRUE;
  guint64 lowest = lowest_bus_nr(controllers);
  if (lowest <= 2) {
    g_autofree char *name = berth_model_device_name(device);
    berth_xml_error(error, BERTH_ERROR_NO_ROOM, assignment->inventory->document, device->node,
                    "%s finds no bus number below %" G_GUINT64_FORMAT "; give it a busNr", name, lowest);
    return FALSE;
  }
  set_default(device, "target/@busNr", FALSE, lowest - 2);
  return TRUE;
}

gboolean berth_families_pci_options(const BerthAssignment *assignment, GError **error) {
  const BerthInventory *inventory = assignment->inventory;
  g_autoptr(GPtrArray) controllers = g_ptr_array_new();
  guint walk = 0;
  BerthDevice *device;
  while ((device = berth_model_inventory_walk(inventory, BERTH_CONTROLLER, &walk)) != NULL)
    if (berth_families_pci_model_of(device) != NULL)
      g_ptr_array_add(controllers, device);
  for (guint i = 0; i < controllers->len; i++) {
    device = controllers->pdata[i];
    if (!set_options(assignment, controllers, device, error))
      return FALSE;
  }
  return TRUE;
}

gboolean berth_families_pci_check_bridges(const BerthAssignment *assignment, gboolean *chosen, GError **error) {
  const BerthInventory *inventory = assignment->inventory;
  guint walk = 0;
  const BerthDevice *device;
  while ((device = berth_model_inventory_walk(inventory, BERTH_CONTROLLER, &walk)) != NULL) {
    if (!berth_model_device_is(device, "@type", "pci") || !berth_model_device_is(device, "@model", "pci-bridge") ||
        device->address.type != BERTH_ADDRESS_PCI || device->index > (gint64)device->address.value[BERTH_PCI_BUS])
      continue;
    g_autofree char *name = berth_model_device_name(device);
    *chosen = device->rule == BERTH_RULE_FIRST;
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, inventory->document, device->node,
                    "%s would sit on bus %" G_GUINT64_FORMAT "; a bridge's index must be greater than its bus", name,
                    device->address.value[BERTH_PCI_BUS]);
    return FALSE;
  }
  return TRUE;
}
