/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "assign/stages.h"

#include "facts/facts.h"
#include "facts/machine.h"

static BerthDevice *find(const BerthInventory *inventory, BerthElementId element, const char *path, const char *value) {
  BerthDevice *device;
  for (guint i = 0; (device = berth_model_inventory_walk(inventory, element, &i)) != NULL;) {
    if (path == NULL || berth_model_device_is(device, path, value))
      return device;
  }
  return NULL;
}

static void append(BerthAssignment *assignment, BerthDevice *device) {
  g_ptr_array_add(assignment->inventory->devices, device);
}

/* PS/2 inputs are part of the machine unless its controller is switched off (libvirt 12.8). One that is written without a bus
 * becomes a second one: libvirt gives it its bus only later. */
static void add_ps2(BerthAssignment *assignment) {
  static const char *const types[] = {"mouse", "keyboard"};
  if (!assignment->inventory->family->ps2 || berth_model_device_is(assignment->inventory->domain, "features/ps2/@state", "off"))
    return;
  for (gsize i = 0; i < G_N_ELEMENTS(types); i++) {
    const BerthDevice *input;
    gboolean found = FALSE;
    for (guint j = 0; !found && (input = berth_model_inventory_walk(assignment->inventory, BERTH_INPUT, &j)) != NULL;)
      found = berth_model_device_is(input, "@type", types[i]) && g_strcmp0(berth_xml_node_get(input->node, "@bus"), "ps2") == 0;
    if (!found)
      append(assignment, berth_assign_device_new(assignment, BERTH_INPUT, "@type", types[i], "@bus", "ps2", NULL));
  }
}

static gboolean has_driver_of(const BerthAssignment *assignment, const BerthDevice *device) {
  const BerthKind *kind = assignment->classify(device);
  return kind == NULL || kind->driver == NULL || berth_facts_has_device(assignment->facts, kind->driver);
}

/* A running guest has what it has: its controller may have been unplugged. */
static void add_usb(BerthAssignment *assignment) {
  static const char *const companions[][2] = {{"ich9-uhci1", "0"}, {"ich9-uhci2", "2"}, {"ich9-uhci3", "4"}};
  const BerthMachineFamily *family = assignment->inventory->family;
  if (assignment->running || berth_model_inventory_controller(assignment->inventory, "usb", 0) != NULL)
    return;
  for (gsize i = 0; i < G_N_ELEMENTS(family->default_usb) && family->default_usb[i] != NULL; i++) {
    g_autoptr(BerthDevice) sample =
        berth_assign_device_new(assignment, BERTH_CONTROLLER, "@type", "usb", "@model", family->default_usb[i], NULL);
    if (!has_driver_of(assignment, sample))
      continue;
    berth_assign_controller_add(assignment, "usb", family->default_usb[i], 0);
    for (gsize j = 0; j < G_N_ELEMENTS(companions) && g_str_equal(family->default_usb[i], "ich9-ehci1"); j++)
      berth_model_device_set(berth_assign_controller_add(assignment, "usb", companions[j][0], 0), "master/@startport",
                             companions[j][1]);
    return;
  }
}

static gboolean add_pci_root(BerthAssignment *assignment, GError **error) {
  const BerthInventory *inventory = assignment->inventory;
  const char *model = inventory->family->pci_root;
  if (model == NULL)
    return TRUE;
  const BerthDevice *root = berth_model_inventory_controller(inventory, "pci", 0);
  if (root == NULL) {
    berth_assign_controller_add(assignment, "pci", model, 0);
    return TRUE;
  }
  if (berth_model_device_is(root, "@model", model))
    return TRUE;
  berth_xml_error(error, BERTH_ERROR_BAD_INPUT, inventory->document, root->node,
                  "PCI controller 0 is a %s, but on machine '%s' it must be the %s", berth_model_device_get(root, "@model"),
                  inventory->machine, model);
  return FALSE;
}

/* What the last <graphics> that has a say does with sound; none without any (addressing §6.1). */
static void add_audio(BerthAssignment *assignment) {
  static const char *const types[][2] = {{"spice", "spice"}, {"vnc", "none"}};
  if (find(assignment->inventory, BERTH_AUDIO, NULL, NULL) != NULL)
    return;
  const char *type = find(assignment->inventory, BERTH_GRAPHICS, NULL, NULL) == NULL ? "none" : NULL;
  const BerthDevice *graphics;
  for (guint i = 0; (graphics = berth_model_inventory_walk(assignment->inventory, BERTH_GRAPHICS, &i)) != NULL;) {
    for (gsize j = 0; j < G_N_ELEMENTS(types); j++) {
      if (berth_model_device_is(graphics, "@type", types[j][0]) && (type == NULL || !g_str_equal(types[j][1], "none")))
        type = types[j][1];
    }
  }
  if (type != NULL)
    append(assignment, berth_assign_device_new(assignment, BERTH_AUDIO, "@id", "1", "@type", type, NULL));
}

/* More vCPUs than an xAPIC can name need interrupt remapping. */
#define XAPIC_VCPUS 255

static void add_iommu(BerthAssignment *assignment) {
  const BerthInventory *inventory = assignment->inventory;
  if (!inventory->family->itco || find(inventory, BERTH_IOMMU, NULL, NULL) != NULL ||
      berth_model_device_number(inventory->domain, "vcpu", 1) <= XAPIC_VCPUS)
    return;
  append(assignment,
         berth_assign_device_new(assignment, BERTH_IOMMU, "@model", "intel", "driver/@intremap", "on", "driver/@eim", "on", NULL));
}

/* Most were added with the list (order.c); the record may have put a host device on a higher one. */
static gboolean add_hostdev_controllers(BerthAssignment *assignment, GError **error) {
  const BerthDevice *hostdev;
  for (guint i = 0; (hostdev = berth_model_inventory_walk(assignment->inventory, BERTH_HOSTDEV, &i)) != NULL;) {
    if (berth_model_device_is(hostdev, "@type", "scsi") &&
        !berth_assign_controllers_up_to(assignment, "scsi", NULL, hostdev, error))
      return FALSE;
  }
  return TRUE;
}

/* QEMU knows one action for all watchdogs, so the chipset's does what the written one does. */
static void add_itco(BerthAssignment *assignment) {
  const BerthDevice *other = find(assignment->inventory, BERTH_WATCHDOG, NULL, NULL);
  const char *action = other != NULL ? berth_model_device_get(other, "@action") : NULL;
  append(assignment,
         berth_assign_device_new(assignment, BERTH_WATCHDOG, "@model", "itco", "@action", action != NULL ? action : "reset", NULL));
}

gboolean berth_assign_builtin(BerthAssignment *assignment, GError **error) {
  const BerthInventory *inventory = assignment->inventory;
  if (!add_hostdev_controllers(assignment, error))
    return FALSE;
  add_ps2(assignment);
  add_usb(assignment);
  if (inventory->family->implicit_sata && berth_model_inventory_controller(inventory, "sata", 0) == NULL)
    berth_assign_controller_add(assignment, "sata", NULL, 0);
  if (!add_pci_root(assignment, error))
    return FALSE;
  if (inventory->family->implicit_balloon && find(inventory, BERTH_MEMBALLOON, NULL, NULL) == NULL)
    append(assignment, berth_assign_device_new(assignment, BERTH_MEMBALLOON, "@model", "virtio", NULL));
  add_audio(assignment);
  if (inventory->family->itco && find(inventory, BERTH_WATCHDOG, "@model", "itco") == NULL)
    add_itco(assignment);
  add_iommu(assignment);
  return TRUE;
}
