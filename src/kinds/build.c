/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All QEMU objects of a guest, in an order that QEMU accepts: a bus is there before what sits on it. */
#include "kinds/build.h"

#include <string.h>

#define MAX_DEPTH 256

/* Controllers by what they may sit on: PCI first, then those on PCI, then those on USB; an IOMMU comes before what it
 * translates for. */
static const char *const controller_order[] = {"pci", "usb", "scsi", "ide", "sata", "fdc", "nvme", "virtio-serial"};

enum { USB_HUBS = G_N_ELEMENTS(controller_order), OTHER_CONTROLLERS, IOMMUS, DEVICES };

static guint rank_of(const BerthDevice *device) {
  if (device->element->id == BERTH_HUB)
    return USB_HUBS;
  if (device->element->id == BERTH_IOMMU)
    return IOMMUS;
  if (device->element->id != BERTH_CONTROLLER)
    return DEVICES;
  for (guint i = 0; i < G_N_ELEMENTS(controller_order); i++) {
    if (berth_model_device_is(device, "@type", controller_order[i]))
      return i;
  }
  return OTHER_CONTROLLERS;
}

static guint64 pci_parent(const BerthDevice *device) {
  return device->address.type == BERTH_ADDRESS_PCI ? device->address.value[BERTH_PCI_BUS] : 0;
}

/* How many controllers lie between a PCI controller and the root; a hub: how many hubs. */
static guint depth_of(const BerthInventory *inventory, const BerthDevice *device) {
  guint depth = 0;
  if (device->element->id == BERTH_HUB) {
    for (guint64 port = device->address.value[BERTH_USB_PORT]; port != 0; port >>= 8)
      depth += (port & 0xff) != 0;
    return depth;
  }
  const BerthDevice *up = device;
  while (up != NULL && pci_parent(up) != 0 && depth < MAX_DEPTH) {
    up = berth_model_inventory_controller(inventory, "pci", (gint64)pci_parent(up));
    depth++;
  }
  return depth;
}

/* QEMU gives a DIMM without a base the first gap, which must not be another's base. */
static gboolean is_free_dimm(const BerthDevice *device) {
  return device->address.type == BERTH_ADDRESS_DIMM && (device->address.given >> BERTH_DIMM_BASE & 1) == 0;
}

typedef struct {
  const BerthDevice *device;
  guint rank, depth, position;
} Entry;

static int compare_entries(gconstpointer a, gconstpointer b) {
  const Entry *x = a, *y = b;
  if (x->rank != y->rank)
    return x->rank < y->rank ? -1 : 1;
  if (x->depth != y->depth)
    return x->depth < y->depth ? -1 : 1;
  return x->position < y->position ? -1 : x->position > y->position;
}

GPtrArray *berth_kinds_in_order(const BerthInventory *inventory) {
  g_autoptr(GArray) entries = g_array_new(FALSE, TRUE, sizeof(Entry));
  for (guint i = 0; i < inventory->devices->len; i++) {
    Entry entry = {g_ptr_array_index(inventory->devices, i), 0, 0, i};
    entry.rank = rank_of(entry.device);
    if (entry.rank == 0 || entry.rank == USB_HUBS)
      entry.depth = depth_of(inventory, entry.device);
    else
      entry.depth = is_free_dimm(entry.device);
    g_array_append_val(entries, entry);
  }
  g_array_sort(entries, compare_entries);
  GPtrArray *devices = g_ptr_array_new();
  for (guint i = 0; i < entries->len; i++)
    g_ptr_array_add(devices, (gpointer)g_array_index(entries, Entry, i).device);
  return devices;
}

gboolean berth_kinds_build_plain(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  if (kind->driver == NULL)
    return berth_kinds_refuse(build, device, error, "model '%s' is not supported by start yet", kind->variant);
  json_object *props = berth_kinds_device(build, device, kind->driver, error);
  return props != NULL && (!g_str_has_prefix(kind->driver, "virtio-") || berth_kinds_virtio(build, device, props, error));
}

static gboolean is_device(const BerthDevice *device) {
  return device->element->id <= BERTH_GRAPHICS;
}

gboolean berth_kinds_build_one(BerthBuild *build, const BerthDevice *device, GError **error) {
  const BerthKind *kind = device->kind;
  /* An unassigned device is the guest's, but not there (libvirt: formatdomain, "Device Addresses"). */
  if (!is_device(device) || device->address.type == BERTH_ADDRESS_UNASSIGNED)
    return TRUE;
  if (kind == NULL) {
    g_autofree char *variant = device->element->variant(device);
    return berth_kinds_refuse(build, device, error, "'%s' is not a model that berth knows", variant);
  }
  if (kind->build != NULL)
    return kind->build(build, device, kind, error);
  return (kind->flags & BERTH_KIND_BUILTIN) != 0 || berth_kinds_build_plain(build, device, kind, error);
}

static const char *binary_of(const BerthInventory *inventory, const BerthFacts *facts) {
  const char *emulator = berth_xml_node_get(inventory->document->root, "devices/emulator");
  if (facts != NULL && facts->binary != NULL)
    return facts->binary;
  return emulator != NULL ? emulator : "qemu-system-x86_64";
}

static BerthBuild build_init(const BerthInventory *inventory, const BerthFacts *facts, const BerthFamily *families,
                             const BerthHostFacts *host, BerthQemu *qemu) {
  return (BerthBuild){
      .inventory = inventory, .document = inventory->document, .facts = facts, .families = families, .host = host, .qemu = qemu};
}

BerthQemu *berth_kinds_build(const BerthInventory *inventory, const BerthFacts *facts, const BerthFamily *families,
                             const BerthHostFacts *host, GError **error) {
  g_autoptr(BerthQemu) qemu = berth_model_qemu_new(binary_of(inventory, facts));
  BerthBuild build = build_init(inventory, facts, families, host, qemu);
  g_autoptr(GPtrArray) devices = berth_kinds_in_order(inventory);
  if (!berth_kinds_supported(&build, error) || !berth_kinds_build_machine(&build, error))
    return NULL;
  for (guint i = 0; i < devices->len; i++) {
    if (!berth_kinds_build_one(&build, g_ptr_array_index(devices, i), error))
      return NULL;
  }
  if (!berth_kinds_override(&build, NULL, error) || !berth_kinds_pass_through(&build, error))
    return NULL;
  return g_steal_pointer(&qemu);
}

BerthQemu *berth_kinds_build_device(const BerthInventory *inventory, const BerthDevice *device, const BerthFacts *facts,
                                    const BerthFamily *families, const BerthHostFacts *host, GError **error) {
  g_autoptr(BerthQemu) qemu = berth_model_qemu_new(binary_of(inventory, facts));
  BerthBuild build = build_init(inventory, facts, families, host, qemu);
  if (!berth_kinds_supported(&build, error) || !berth_kinds_build_one(&build, device, error) ||
      !berth_kinds_override(&build, device, error))
    return NULL;
  return g_steal_pointer(&qemu);
}
