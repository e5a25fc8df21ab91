/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "families/pci-grow.h"

#include <berth/error.h>

#include "families/pci-pass.h"
#include "families/pci-qemu.h"
#include "families/pci-search.h"

/* From what costs nothing to what costs most. There is no rung for expander buses: one needs a slot of the root bus, where a root
 * port with a switch gives as many ports, and no number that the others' may run into. */
static const BerthPciRung rungs[] = {
    {BERTH_PCI_SHARE_SETTLED, FALSE},
    {BERTH_PCI_SHARE_SETTLED, TRUE},
    {BERTH_PCI_SHARE_ANY, FALSE},
    {BERTH_PCI_SHARE_ANY, TRUE},
};

/* Everything as it was before the first attempt. */
typedef struct {
  BerthAddress address;
  BerthRule rule;
} Place;
typedef struct {
  Place *places; /* of the first devices of the list: those that are added come behind them */
  guint devices, notes;
} Start;

static void start_clear(Start *start) {
  g_free(start->places);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Start, start_clear)

static void start_init(Start *start, const BerthAssignment *assignment) {
  const GPtrArray *devices = assignment->inventory->devices;
  start->places = g_new(Place, devices->len);
  start->devices = devices->len;
  start->notes = assignment->notes != NULL ? assignment->notes->len : 0;
  for (guint i = 0; i < devices->len; i++) {
    const BerthDevice *device = devices->pdata[i];
    start->places[i] = (Place){device->address, device->rule};
  }
}

/* Takes back all places; controllers that were added stay, but have none. */
static void rewind_places(const BerthAssignment *assignment, const Start *start) {
  const GPtrArray *devices = assignment->inventory->devices;
  static const Place none = {.rule = BERTH_RULE_NONE};
  for (guint i = 0; i < devices->len; i++) {
    BerthDevice *device = devices->pdata[i];
    const Place *place = i < start->devices ? &start->places[i] : &none;
    device->address = place->address;
    device->rule = place->rule;
  }
  if (assignment->notes != NULL)
    g_ptr_array_set_size(assignment->notes, (gint)start->notes);
}

static void rewind_all(BerthPci *pci, const Start *start) {
  GPtrArray *devices = pci->assignment->inventory->devices;
  /* The tables of an attempt point to the devices that it added. */
  g_ptr_array_set_size(pci->buses, 0);
  g_hash_table_remove_all(pci->owners);
  g_hash_table_remove_all(pci->siblings);
  g_array_set_size(pci->clients, 0);
  g_ptr_array_set_size(devices, (gint)start->devices);
  rewind_places(pci->assignment, start);
}

/* How many functions of @slot a root port could have. */
static guint port_places(const BerthPci *pci, const BerthPciBus *bus, guint slot, const BerthDevice *port) {
  if (berth_families_pci_slot_free(bus, slot))
    return 8;
  if ((bus->aggregate >> slot & 1) == 0 && !berth_families_pci_shareable(pci, port, 0, slot, BERTH_PCI_SHARE_SETTLED))
    return 0;
  guint n = 0;
  for (guint function = 1; function < 8; function++)
    n += ((bus->used[slot] | bus->held[slot]) >> function & 1) == 0;
  return n;
}

static guint free_slots(const BerthPciBus *bus) {
  guint n = 0;
  for (guint slot = bus->model->first; slot <= bus->model->last; slot++)
    n += berth_families_pci_slot_free(bus, slot);
  return n;
}

/* Controllers that will take places of the root bus, or of a switch, before those that are added now. */
static void count_pending(const BerthPci *pci, guint *ports, guint *downstream) {
  *ports = *downstream = 0;
  for (guint i = 1; i < pci->buses->len; i++) {
    const BerthPciBus *bus = berth_families_pci_bus(pci, i);
    if (bus->controller != NULL && !berth_families_pci_wanting(&bus->controller->address))
      continue;
    if (g_str_equal(bus->model->name, "pcie-switch-downstream-port"))
      *downstream += 1;
    else if (g_str_equal(bus->model->name, "pcie-root-port"))
      *ports += 1;
    else if (g_str_equal(bus->model->name, "dmi-to-pci-bridge") || g_str_equal(bus->model->name, "pcie-expander-bus"))
      *ports += 8;
  }
}

void berth_families_pci_count_ports(BerthPci *pci) {
  guint ports = 0, downstream = 0, pending_ports, pending_downstream;
  BerthDevice *root = pci->buses->len > 0 ? berth_families_pci_bus(pci, 0)->controller : NULL;
  for (guint i = 0; i < pci->buses->len && pci->express; i++) {
    const BerthPciBus *bus = berth_families_pci_bus(pci, i);
    for (guint slot = bus->model->first; i == 0 && slot <= bus->model->last; slot++)
      ports += port_places(pci, bus, slot, root);
    if (pci->rung->switches && (bus->accepts & BERTH_PCI_DOWNSTREAM))
      downstream += free_slots(bus);
  }
  count_pending(pci, &pending_ports, &pending_downstream);
  pci->ports_left = ports - MIN(ports, pending_ports);
  pci->downstream_left = downstream - MIN(downstream, pending_downstream);
}

/* Adds what gives the device without place one; FALSE: nothing can be added. */
static gboolean add_bus(BerthPci *pci) {
  guint n = pci->buses->len, number = n;
  berth_families_pci_count_ports(pci);
  if (pci->stuck == NULL || !berth_families_pci_grow(pci, pci->stuck, pci->stuck_flags, &number, NULL))
    return FALSE;
  for (guint i = n; i < pci->buses->len; i++)
    berth_families_pci_append_controller(pci, i);
  return TRUE;
}

/* Bridges that were added take slots that devices had been counted on: what is missing then is added one by one. */
static gboolean place_all(BerthPci *pci, const Start *start, GError **error) {
  pci->full = FALSE;
  for (;;) {
    g_autoptr(GError) failure = NULL;
    if (berth_families_pci_place_devices(pci, pci->buses->len, &failure))
      return TRUE;
    if (!g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NO_ROOM) || pci->full) {
      g_propagate_error(error, g_steal_pointer(&failure));
      return FALSE;
    }
    pci->full = !add_bus(pci);
    rewind_places(pci->assignment, start);
  }
}

static gboolean climb_rung(BerthPci *pci, const BerthPciRung *rung, guint n, const Start *start, GError **error) {
  gboolean chosen = FALSE;
  pci->rung = rung;
  return (n == 0 || berth_families_pci_plan_buses(pci, n, error)) && place_all(pci, start, error) &&
         berth_families_pci_check_bridges(pci->assignment, &chosen, error);
}

/* TRUE in @lack: it is room that is missing. libvirt also puts a bridge on its own bus when the others are full. */
static gboolean as_libvirt(BerthPci *pci, guint n, gboolean *lack, GError **error) {
  g_autoptr(GError) failure = NULL;
  *lack = FALSE;
  gboolean placed = (n == 0 || berth_families_pci_plan_buses(pci, n, &failure)) &&
                    berth_families_pci_place_devices(pci, pci->buses->len, &failure);
  if (placed && berth_families_pci_check_bridges(pci->assignment, lack, &failure))
    return TRUE;
  *lack = *lack || g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NO_ROOM);
  g_propagate_error(error, g_steal_pointer(&failure));
  return FALSE;
}

static void note_sharing(const BerthPci *pci) {
  const BerthAssignment *assignment = pci->assignment;
  guint n = 0;
  for (guint i = 0; i < pci->clients->len; i++) {
    const BerthDevice *device = g_array_index(pci->clients, BerthPciClient, i).device;
    n += device->rule == BERTH_RULE_FIRST && device->address.type == BERTH_ADDRESS_PCI &&
         device->address.value[BERTH_PCI_FUNCTION] != 0 && berth_families_pci_model_of(device) == NULL &&
         berth_families_pci_place(&device->address) != 0;
  }
  if (n > 0 && assignment->notes != NULL)
    g_ptr_array_add(assignment->notes,
                    g_strdup_printf("there are not slots enough: %u device%s functions 1 to 7 of slots that other "
                                    "devices have; those of one slot can only be unplugged together",
                                    n, n == 1 ? " gets one of" : "s get"));
}

gboolean berth_families_pci_climb(BerthPci *pci, guint n, GError **error) {
  g_auto(Start) start = {0};
  start_init(&start, pci->assignment);
  g_autoptr(GError) reason = NULL;
  gboolean lack = FALSE;
  if (as_libvirt(pci, n, &lack, &reason))
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS(rungs) && lack; i++) {
    g_autoptr(GError) failure = NULL;
    rewind_all(pci, &start);
    if (climb_rung(pci, &rungs[i], n, &start, &failure)) {
      note_sharing(pci);
      return TRUE;
    }
  }
  g_propagate_error(error, g_steal_pointer(&reason));
  return FALSE;
}
