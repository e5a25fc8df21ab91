/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "families/rows.h"

#include "families/bus.h"
#include "families/places.h"

#define REG 0
#define STEP 0x1000

/* Where the search for a register starts (addressing §5.5). x86 has no such bus, but libvirt numbers the devices all the same. */
static const struct {
  BerthElementId element;
  guint64 start;
} starts[] = {{BERTH_INTERFACE, 0x1000}, {BERTH_CONTROLLER, 0x2000}};

/* Whoever is of the family, and whoever was written with its address type: that one is kept, too. */
static gboolean is_here(const BerthDevice *device) {
  return device->address.type == BERTH_ADDRESS_SPAPR_VIO ||
         (device->kind != NULL && device->kind->address == BERTH_ADDRESS_SPAPR_VIO);
}

/* The type is forced, whatever was written. libvirt 12.8 takes the domain of a PCI address with a slot for a register, though; with
 * a bus it would be too large for one. */
static gboolean force(const BerthAssignment *assignment, BerthDevice *device, GError **error) {
  const BerthAddress written = device->address;
  if (written.type == BERTH_ADDRESS_SPAPR_VIO)
    return TRUE;
  device->address = (BerthAddress){.type = BERTH_ADDRESS_NONE};
  if (written.type != BERTH_ADDRESS_PCI || written.value[BERTH_PCI_SLOT] == 0)
    return TRUE;
  if (written.value[BERTH_PCI_BUS] != 0) {
    berth_families_error(error, BERTH_ERROR_BAD_INPUT, assignment->inventory, device,
                         "takes an address of type spapr-vio, not pci; leave its address out");
    return FALSE;
  }
  device->address.type = BERTH_ADDRESS_SPAPR_VIO;
  berth_model_address_set(&device->address, REG, written.value[BERTH_PCI_DOMAIN]);
  return TRUE;
}

static gboolean has_register(const BerthDevice *device) {
  return device->address.type == BERTH_ADDRESS_SPAPR_VIO && (device->address.given & 1u << REG) != 0;
}

static gboolean reserve_written(BerthAssignment *assignment, GHashTable *used, GError **error) {
  const GPtrArray *devices = assignment->inventory->devices;
  for (guint i = 0; i < devices->len; i++) {
    BerthDevice *device = devices->pdata[i];
    if (!is_here(device))
      continue;
    if (!force(assignment, device, error))
      return FALSE;
    if (!has_register(device))
      continue;
    const BerthDevice *other = g_hash_table_lookup(used, &device->address.value[REG]);
    if (other != NULL) {
      const BerthDevice *first = device;
      berth_model_inventory_new_first(assignment->inventory, &first, &other);
      g_autofree char *name = berth_model_device_cite(other, first->node);
      berth_families_error(error, BERTH_ERROR_BAD_INPUT, assignment->inventory, first, "its register is that of %s", name);
      return FALSE;
    }
    g_hash_table_insert(used, &device->address.value[REG], device);
  }
  return TRUE;
}

gboolean berth_families_spapr_assign(BerthAssignment *assignment, GError **error) {
  const GPtrArray *devices = assignment->inventory->devices;
  g_autoptr(GHashTable) used = g_hash_table_new(g_int64_hash, g_int64_equal);
  if (!reserve_written(assignment, used, error))
    return FALSE;
  for (gsize row = 0; row < G_N_ELEMENTS(starts); row++) {
    for (guint i = 0; i < devices->len; i++) {
      BerthDevice *device = devices->pdata[i];
      if (device->element->id != starts[row].element || !is_here(device) || has_register(device))
        continue;
      guint64 place = starts[row].start;
      while (g_hash_table_contains(used, &place))
        place += STEP;
      device->address = (BerthAddress){.type = BERTH_ADDRESS_SPAPR_VIO};
      berth_model_address_set(&device->address, REG, place);
      device->rule = BERTH_RULE_FIRST;
      g_hash_table_insert(used, &device->address.value[REG], device);
    }
  }
  return TRUE;
}
