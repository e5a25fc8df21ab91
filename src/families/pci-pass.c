/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "families/pci-pass.h"

#include <berth/error.h>

#include "families/pci-chipset.h"
#include "families/pci-plug.h"
#include "families/pci-grow.h"
#include "families/pci-search.h"

#define ENDPOINT_CONVENTIONAL (BERTH_PCI_CONVENTIONAL | BERTH_PCI_AUTO)
#define ENDPOINT_EXPRESS (BERTH_PCI_EXPRESS | BERTH_PCI_AUTO)

static gint by_element(gconstpointer a, gconstpointer b) {
  const BerthPciClient *x = a, *y = b;
  gint order = (gint)x->device->element->id - (gint)y->device->element->id;
  if (order == 0)
    order = (gint)x->position - (gint)y->position;
  return order != 0 ? order : (x->device->index > y->device->index) - (x->device->index < y->device->index);
}

/* Where @device, number @i of the list, is in line, as an even or odd number: a controller that grew comes right before the first
 * one of a greater index that did not, as libvirt would insert it, though berth appends it. @settled: where those that did not are
 * in the list. */
static guint position_of(const GPtrArray *devices, guint i, gboolean grown, const GArray *settled) {
  const BerthDevice *device = devices->pdata[i];
  if (!grown)
    return 2 * i + 1;
  for (guint k = 0; k < settled->len; k++) {
    guint at = g_array_index(settled, guint, k);
    if (((const BerthDevice *)devices->pdata[at])->index > device->index)
      return 2 * at;
  }
  return 2 * devices->len;
}

/* Who takes part: devices that are served, and whatever has a PCI address. */
static void collect_clients(BerthPci *pci) {
  const GPtrArray *devices = pci->assignment->inventory->devices;
  g_autoptr(GArray) settled = g_array_new(FALSE, FALSE, sizeof(guint));
  gboolean sorted = TRUE;
  g_array_set_size(pci->clients, 0);
  for (guint i = 0; i < devices->len; i++) {
    const BerthDevice *device = devices->pdata[i];
    if (device->origin != BERTH_ORIGIN_GROWN && berth_families_pci_model_of(device) != NULL)
      g_array_append_val(settled, i);
  }
  for (guint i = 0; i < devices->len; i++) {
    BerthDevice *device = devices->pdata[i];
    const BerthPciModel *model = berth_families_pci_model_of(device);
    gboolean grown = model != NULL && device->origin == BERTH_ORIGIN_GROWN;
    BerthPciClient client = {device, berth_families_pci_flags(device, pci->express), 0, position_of(devices, i, grown, settled)};
    if (pci->assignment->running && berth_families_pci_wanting(&device->address))
      client.flags |= BERTH_PCI_HOTPLUG;
    if (model != NULL)
      client.order = model->root ? 0 : 1;
    else if (device->kind != NULL)
      client.order = device->kind->pci_order;
    else if (device->element->id == BERTH_INTERFACE)
      client.order = 3;
    gboolean takes_part = client.order != 0 || device->address.type == BERTH_ADDRESS_PCI;
    /* The first IDE controller is the machine's own, if it has one: only the chipset step places it. */
    if (client.order == 5 && device->index == 0 && berth_model_device_is(device, "@type", "ide"))
      client.order = 0;
    if (!takes_part)
      continue;
    /* Most often they are in order already. */
    guint n = pci->clients->len;
    sorted = sorted && (n == 0 || by_element(&g_array_index(pci->clients, BerthPciClient, n - 1), &client) <= 0);
    g_array_append_val(pci->clients, client);
  }
  if (!sorted)
    g_array_sort(pci->clients, by_element);
}

/* Sets the controllers of the buses. @n: number of buses. Errors: BAD_INPUT. */
static gboolean build_buses(BerthPci *pci, guint n, GError **error) {
  const GPtrArray *devices = pci->assignment->inventory->devices;
  g_autofree BerthDevice **controllers = g_new0(BerthDevice *, n + 1);
  g_autofree const BerthPciModel **models = g_new0(const BerthPciModel *, n + 1);
  for (guint i = 0; i < devices->len; i++) {
    BerthDevice *device = devices->pdata[i];
    const BerthPciModel *model = berth_families_pci_model_of(device);
    if (model == NULL)
      continue;
    const char *what = NULL;
    if (model->root && device->index != 0)
      what = "is the machine's root bus and must have index 0";
    else if (!model->root && device->index == 0)
      what = "has index 0, which is the machine's root bus";
    else if (model->root && berth_families_pci_placed(&device->address))
      what = "is the machine's root bus and cannot have an address";
    else if (controllers[device->index] != NULL)
      what = "has the index of another PCI controller";
    if (what != NULL) {
      berth_families_pci_fail(pci, device, BERTH_ERROR_BAD_INPUT, what, error);
      return FALSE;
    }
    controllers[device->index] = device;
    models[device->index] = model;
  }
  const BerthPciModel *filler = berth_families_pci_model(pci->express ? "pcie-root-port" : "pci-bridge");
  for (guint i = 0; i < n; i++) {
    const BerthPciModel *model = controllers[i] != NULL ? models[i] : filler;
    if (i == 0 && controllers[i] == NULL)
      model = berth_families_pci_model("pci-root");
    BerthPciBus *bus = berth_families_pci_bus_append(pci, model);
    bus->controller = controllers[i];
    if (pci->assignment->running && !berth_families_pci_pluggable(pci->assignment->inventory, i))
      bus->accepts &= ~(guint)BERTH_PCI_HOTPLUG;
    if (controllers[i] != NULL && berth_model_device_is(controllers[i], "target/@hotplug", "off"))
      bus->accepts &= ~(guint)BERTH_PCI_HOTPLUG;
    bus->existed = i == 0 || (controllers[i] != NULL && controllers[i]->origin != BERTH_ORIGIN_GROWN);
  }
  return TRUE;
}

/* The machine's own controllers of a pc have functions of slot 1 that nothing on another machine can have. */
static gboolean misplaced_builtin(const BerthPci *pci, const BerthDevice *device) {
  if (!pci->express || device->element->id != BERTH_CONTROLLER || device->index != 0 || device->address.value[BERTH_PCI_BUS] != 0 ||
      device->address.value[BERTH_PCI_SLOT] != 1)
    return FALSE;
  guint function = (guint)device->address.value[BERTH_PCI_FUNCTION];
  return (function == 1 && berth_model_device_is(device, "@type", "ide")) ||
         (function == 2 && berth_model_device_is(device, "@type", "usb") && berth_model_device_is(device, "@model", "piix3-uhci"));
}

/* The table with every address that is there already. */
static gboolean build_table(BerthPci *pci, guint n, GError **error) {
  g_ptr_array_set_size(pci->buses, 0);
  g_array_set_size(pci->cursors, 0);
  g_hash_table_remove_all(pci->owners);
  g_hash_table_remove_all(pci->siblings);
  collect_clients(pci);
  if (!build_buses(pci, n, error))
    return FALSE;
  for (guint i = 0; i < pci->clients->len; i++) {
    const BerthPciClient *client = &g_array_index(pci->clients, BerthPciClient, i);
    BerthDevice *device = client->device;
    if (!berth_families_pci_placed(&device->address) || berth_families_pci_chipset_owns(pci, device))
      continue;
    if (misplaced_builtin(pci, device)) {
      berth_families_pci_fail(pci, device, BERTH_ERROR_BAD_INPUT, "has the place of a part of machine pc, which this is not",
                              error);
      return FALSE;
    }
    /* A device that is not PCI, but has a PCI address, counts as conventional: old definitions keep loading. */
    guint flags = (client->flags & BERTH_PCI_TYPES) ? client->flags : BERTH_PCI_CONVENTIONAL;
    if (!berth_families_pci_reserve(pci, device, flags, TRUE, &device->address, error))
      return FALSE;
  }
  berth_families_pci_remember(pci);
  return TRUE;
}

static void store(BerthDevice *device, const BerthAddress *address, gint ich9) {
  device->address = *address;
  device->rule = BERTH_RULE_FIRST;
  if (ich9 == 0)
    berth_model_address_set(&device->address, BERTH_PCI_MULTIFUNCTION, 1);
}

static void note_sibling(BerthPci *pci, BerthDevice *device) {
  gpointer key = GINT_TO_POINTER((gint)device->index);
  if (berth_families_pci_ich9_function(device) >= 0 && berth_families_pci_placed(&device->address) &&
      !g_hash_table_contains(pci->siblings, key))
    g_hash_table_insert(pci->siblings, key, device);
}

static gboolean serve_client(BerthPci *pci, const BerthPciClient *client, GError **error) {
  BerthDevice *device = client->device;
  gint function = berth_families_pci_ich9_function(device);
  if (berth_families_pci_return(pci, device, client->flags))
    return TRUE;
  const BerthDevice *sibling = function < 0 ? NULL : g_hash_table_lookup(pci->siblings, GINT_TO_POINTER((gint)device->index));
  BerthAddress address = {0};
  if (sibling != NULL) {
    address = berth_model_address_pci((guint)sibling->address.value[BERTH_PCI_BUS], (guint)sibling->address.value[BERTH_PCI_SLOT],
                                      (guint)function);
    if (!berth_families_pci_reserve(pci, device, client->flags, TRUE, &address, error))
      return FALSE;
  } else if (!berth_families_pci_search(pci, device, client->flags, function, &address, error)) {
    return FALSE;
  }
  if (!pci->planning) {
    store(device, &address, function);
    note_sibling(pci, device);
  }
  return TRUE;
}

/* In the order of service; within it entries of <interface type='hostdev'> come before hostdevs because an interface is the smaller
 * element. */
static gboolean serve(BerthPci *pci, GError **error) {
  guint last = 0;
  for (guint i = 0; i < pci->clients->len; i++) {
    const BerthPciClient *client = &g_array_index(pci->clients, BerthPciClient, i);
    note_sibling(pci, client->device);
    last = MAX(last, client->order);
  }
  for (guint order = 1; order <= last; order++)
    for (guint i = 0; i < pci->clients->len; i++) {
      const BerthPciClient *client = &g_array_index(pci->clients, BerthPciClient, i);
      if (client->order == order && berth_families_pci_wanting(&client->device->address) && !serve_client(pci, client, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean any_slot_left(const BerthPci *pci) {
  for (guint i = 0; i < pci->buses->len; i++) {
    const BerthPciBus *bus = berth_families_pci_bus(pci, i);
    for (guint slot = bus->model->first; slot <= bus->model->last; slot++)
      if (berth_families_pci_slot_free(bus, slot))
        return TRUE;
  }
  return FALSE;
}

BerthDevice *berth_families_pci_append_controller(BerthPci *pci, guint index) {
  const BerthPciModel *model = berth_families_pci_bus(pci, index)->model;
  const BerthAssignment *assignment = pci->assignment;
  BerthDevice *device = berth_model_device_new(&assignment->elements[BERTH_CONTROLLER], NULL);
  g_autofree char *number = g_strdup_printf("%u", index);
  device->origin = BERTH_ORIGIN_GROWN;
  device->index = index;
  berth_model_device_set(device, "@type", "pci");
  berth_model_device_set(device, "@index", number);
  berth_model_device_set(device, "@model", model->name);
  device->kind = assignment->classify(device);
  g_ptr_array_add(assignment->inventory->devices, device);
  return device;
}

/* Adds the controllers of all buses that have none; each needs a slot too, so the table may go on growing. */
static gboolean add_controllers(BerthPci *pci, GError **error) {
  for (guint i = 1; i < pci->buses->len; i++) {
    BerthPciBus *bus = berth_families_pci_bus(pci, i);
    if (bus->controller != NULL)
      continue;
    BerthAddress address;
    BerthDevice *device = bus->controller = berth_families_pci_append_controller(pci, i);
    /* On a rung of the ladder, the final pass tells whether they have room. */
    if (pci->rung != NULL)
      continue;
    guint flags = berth_families_pci_flags(device, pci->express);
    if (!bus->model->root && !berth_families_pci_return(pci, device, flags) &&
        !berth_families_pci_search(pci, device, flags, -1, &address, error))
      return FALSE;
  }
  return TRUE;
}

/* Empty ports for devices to come: as many as the caller wants; else one, for a guest whose document has no port of its own. */
static gboolean keep_ports(BerthPci *pci, guint n, GError **error) {
  gint wanted = pci->assignment->pcie_ports;
  BerthAddress dummy;
  if (!pci->express)
    return TRUE;
  if (wanted == 0 && n == 1 && pci->buses->len > n && pci->rung == NULL)
    return berth_families_pci_search(pci, NULL, ENDPOINT_EXPRESS, -1, &dummy, error);
  for (gint i = 0; i < wanted; i++)
    if (!berth_families_pci_search(pci, NULL, ENDPOINT_EXPRESS | BERTH_PCI_HOTPLUG, -1, &dummy, error))
      return FALSE;
  return TRUE;
}

gboolean berth_families_pci_plan_buses(BerthPci *pci, guint n, GError **error) {
  BerthAddress dummy;
  pci->planning = TRUE;
  pci->ports_left = BERTH_PCI_MAX_BUSES;
  pci->downstream_left = 0;
  if (!build_table(pci, n, error) || !berth_families_pci_chipset(pci, error))
    return FALSE;
  if (pci->rung != NULL)
    berth_families_pci_count_ports(pci);
  /* Room for a bridge, should one be needed one day. */
  gboolean conventional = g_str_equal(berth_families_pci_bus(pci, 0)->model->name, "pci-root");
  if (conventional && pci->rung == NULL && any_slot_left(pci) &&
      !berth_families_pci_search(pci, NULL, ENDPOINT_CONVENTIONAL, -1, &dummy, error))
    return FALSE;
  return serve(pci, error) && keep_ports(pci, n, error) && add_controllers(pci, error);
}

gboolean berth_families_pci_place_devices(BerthPci *pci, guint n, GError **error) {
  pci->planning = FALSE;
  return build_table(pci, n, error) && berth_families_pci_chipset(pci, error) && serve(pci, error);
}
