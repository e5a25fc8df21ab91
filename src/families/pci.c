/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "families/rows.h"

#include <berth/error.h>

#include "facts/facts.h"
#include "families/pci-grow.h"
#include "families/pci-number.h"
#include "families/pci-pass.h"
#include "families/pci-plug.h"
#include "families/pci-qemu.h"
#include "families/pci-search.h"

static void pci_clear(BerthPci *pci) {
  g_clear_pointer(&pci->buses, g_ptr_array_unref);
  g_clear_pointer(&pci->cursors, g_array_unref);
  g_clear_pointer(&pci->owners, g_hash_table_unref);
  g_clear_pointer(&pci->clients, g_array_unref);
  g_clear_pointer(&pci->known, g_hash_table_unref);
  g_clear_pointer(&pci->siblings, g_hash_table_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(BerthPci, pci_clear)

/* Function 0 of a slot whose other functions are in use must say so (PCI Local Bus 3.0, 6.2.1, header type). */
static void mark_multifunction(BerthPci *pci) {
  for (guint i = 0; i < pci->clients->len; i++) {
    const BerthAddress *address = &g_array_index(pci->clients, BerthPciClient, i).device->address;
    if (!berth_families_pci_placed(address) || address->value[BERTH_PCI_FUNCTION] == 0)
      continue;
    guint first = berth_families_pci_place(address) & ~7u;
    BerthDevice *device = g_hash_table_lookup(pci->owners, GUINT_TO_POINTER(first));
    if (device != NULL && (device->address.given >> BERTH_PCI_MULTIFUNCTION & 1) == 0)
      berth_model_address_set(&device->address, BERTH_PCI_MULTIFUNCTION, 1);
  }
}

/* One more than the highest index of a PCI controller. FALSE: an index is out of range, or a model is not known. */
static gboolean count_buses(BerthPci *pci, guint *n, GError **error) {
  const GPtrArray *devices = pci->assignment->inventory->devices;
  *n = 0;
  for (guint i = 0; i < devices->len; i++) {
    const BerthDevice *device = devices->pdata[i];
    if (device->element->id != BERTH_CONTROLLER || !berth_model_device_is(device, "@type", "pci"))
      continue;
    const char *what = NULL;
    if (device->index < 0 || device->index >= BERTH_PCI_MAX_BUSES)
      what = "has an index that is not 0 to 255";
    else if (berth_families_pci_model_of(device) == NULL)
      what = "has no model that berth knows; pci-bridge and pcie-root-port are the usual ones";
    if (what != NULL) {
      berth_families_pci_fail(pci, device, BERTH_ERROR_BAD_INPUT, what, error);
      return FALSE;
    }
    *n = MAX(*n, (guint)device->index + 1);
    if (device->index == 0 && berth_model_device_is(device, "@model", "pcie-root"))
      pci->express = TRUE;
  }
  return TRUE;
}

static void recall_bridges(BerthPci *pci) {
  const BerthRecord *record = berth_families_pci_before(pci->assignment);
  for (guint i = 0; record != NULL && i < record->entries->len; i++) {
    const BerthRecordEntry *entry = record->entries->pdata[i];
    if (entry->gone == NULL && berth_families_pci_recorded_index(entry) > 0 && berth_families_pci_placed(&entry->address))
      g_hash_table_add(pci->known, GUINT_TO_POINTER(berth_families_pci_place(&entry->address)));
  }
}

gboolean berth_families_pci_assign(BerthAssignment *assignment, GError **error) {
  g_auto(BerthPci) pci = {.assignment = assignment};
  pci.buses = g_ptr_array_new_with_free_func(g_free);
  pci.owners = g_hash_table_new(NULL, NULL);
  pci.known = g_hash_table_new(NULL, NULL);
  pci.siblings = g_hash_table_new(NULL, NULL);
  pci.clients = g_array_new(FALSE, FALSE, sizeof(BerthPciClient));
  pci.cursors = g_array_new(FALSE, FALSE, sizeof(BerthPciCursor));
  recall_bridges(&pci);
  guint n = 0;
  if (!count_buses(&pci, &n, error))
    return FALSE;
  /* The buses of a running guest are what they are. */
  gboolean placed =
      assignment->running ? berth_families_pci_place_devices(&pci, n, error) : berth_families_pci_climb(&pci, n, error);
  if (!placed)
    return FALSE;
  mark_multifunction(&pci);
  if (!berth_families_pci_options(assignment, error))
    return FALSE;
  if (assignment->pcie_ports > 0 && !pci.express && assignment->notes != NULL)
    g_ptr_array_add(assignment->notes,
                    g_strdup("this machine has no PCI Express ports to keep free; devices are plugged into free slots"));
  berth_families_pci_note_numbers(assignment);
  return TRUE;
}

static const BerthDevice *bridge_of(const BerthInventory *inventory, guint64 bus, const BerthPciModel **model) {
  const BerthDevice *controller = berth_model_inventory_controller(inventory, "pci", (gint64)bus);
  *model = controller != NULL ? berth_families_pci_model_of(controller) : NULL;
  return controller;
}

gboolean berth_families_pci_fits(const BerthInventory *inventory, const BerthDevice *device, const BerthAddress *address) {
  const BerthPciModel *root = NULL, *model = NULL;
  bridge_of(inventory, 0, &root);
  bridge_of(inventory, address->value[BERTH_PCI_BUS], &model);
  if (model == NULL || address->value[BERTH_PCI_DOMAIN] != 0)
    return FALSE;
  gboolean express = root != NULL && g_str_equal(root->name, "pcie-root");
  guint number = (guint)address->value[BERTH_PCI_BUS];
  guint slot = (guint)address->value[BERTH_PCI_SLOT];
  /* The chipset step gives the first video device a place on pcie-root whatever it is. */
  gboolean fixed = express && number == 0 && slot == 1 && device->element->id == BERTH_VIDEO;
  return berth_families_pci_accepts(model->accepts, number, berth_families_pci_flags(device, express), fixed) &&
         slot >= model->first && slot <= model->last;
}

const char *const berth_families_pci_read_back[] = {"addr", NULL};
