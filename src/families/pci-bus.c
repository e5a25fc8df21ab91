/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "families/pci-bus.h"

#include <berth/error.h>
#include <string.h>

#include "facts/facts.h"
#include "families/pci-search.h"

#define CONVENTIONAL_BUS (BERTH_PCI_CONVENTIONAL | BERTH_PCI_PCI_BRIDGE)
#define EXPRESS_PORT (BERTH_PCI_EXPRESS | BERTH_PCI_UPSTREAM | BERTH_PCI_PCIE_PCI_BRIDGE | BERTH_PCI_AUTO | BERTH_PCI_HOTPLUG)
#define LIVE (BERTH_PCI_AUTO | BERTH_PCI_HOTPLUG)

/* name, accepts, first and last slot, root, bridge, outer, driver, options */
static const BerthPciModel models[] = {
    {"pci-root", CONVENTIONAL_BUS | BERTH_PCI_PXB | LIVE, 1, 31, TRUE, FALSE, TRUE, NULL, 0},
    {"pcie-root", BERTH_PCI_EXPRESS | BERTH_PCI_ROOT_PORT | BERTH_PCI_DMI_BRIDGE | BERTH_PCI_PXB_PCIE, 1, 31, TRUE, FALSE, TRUE,
     NULL, 0},
    {"pci-bridge", CONVENTIONAL_BUS | LIVE, 1, 31, FALSE, TRUE, FALSE, "pci-bridge", BERTH_PCI_CHASSIS_NR},
    {"pci-expander-bus", CONVENTIONAL_BUS | LIVE, 0, 31, FALSE, FALSE, TRUE, "pxb", BERTH_PCI_BUS_NR},
    {"pcie-to-pci-bridge", CONVENTIONAL_BUS | LIVE, 1, 31, FALSE, TRUE, TRUE, "pcie-pci-bridge", 0},
    {"dmi-to-pci-bridge", CONVENTIONAL_BUS, 0, 31, FALSE, TRUE, TRUE, "i82801b11-bridge", 0},
    {"pcie-root-port", EXPRESS_PORT, 0, 0, FALSE, TRUE, TRUE, "pcie-root-port", BERTH_PCI_CHASSIS | BERTH_PCI_PORT},
    {"pcie-switch-downstream-port", EXPRESS_PORT, 0, 0, FALSE, TRUE, FALSE, "xio3130-downstream",
     BERTH_PCI_CHASSIS | BERTH_PCI_PORT_SLOT},
    {"pcie-switch-upstream-port", BERTH_PCI_DOWNSTREAM, 0, 31, FALSE, TRUE, FALSE, "x3130-upstream", 0},
    {"pcie-expander-bus", BERTH_PCI_ROOT_PORT | BERTH_PCI_DMI_BRIDGE, 0, 31, FALSE, FALSE, TRUE, "pxb-pcie", BERTH_PCI_BUS_NR},
};

static const struct {
  guint flag;
  const char *words;
} type_words[] = {
    {BERTH_PCI_CONVENTIONAL, "conventional PCI devices"},
    {BERTH_PCI_EXPRESS, "PCI Express devices"},
    {BERTH_PCI_ROOT_PORT, "PCI Express root ports"},
    {BERTH_PCI_UPSTREAM, "switch upstream ports"},
    {BERTH_PCI_DOWNSTREAM, "switch downstream ports"},
    {BERTH_PCI_DMI_BRIDGE, "dmi-to-pci-bridges"},
    {BERTH_PCI_PXB, "pci-expander-buses"},
    {BERTH_PCI_PXB_PCIE, "pcie-expander-buses"},
    {BERTH_PCI_PCI_BRIDGE, "pci-bridges"},
    {BERTH_PCI_PCIE_PCI_BRIDGE, "pcie-to-pci-bridges"},
};

static const char *flags_words(guint flags) {
  for (guint i = 0; i < G_N_ELEMENTS(type_words); i++)
    if (flags & type_words[i].flag)
      return type_words[i].words;
  return "devices that are not PCI";
}

guint berth_families_pci_place(const BerthAddress *address) {
  return (guint)(address->value[BERTH_PCI_BUS] << 8 | address->value[BERTH_PCI_SLOT] << 3 | address->value[BERTH_PCI_FUNCTION]);
}

const BerthPciModel *berth_families_pci_model(const char *name) {
  for (guint i = 0; i < G_N_ELEMENTS(models); i++)
    if (g_strcmp0(models[i].name, name) == 0)
      return &models[i];
  return NULL;
}

const BerthPciModel *berth_families_pci_model_of(const BerthDevice *device) {
  if (device->element->id != BERTH_CONTROLLER || !berth_model_device_is(device, "@type", "pci"))
    return NULL;
  return berth_families_pci_model(berth_model_device_get(device, "@model"));
}

guint berth_families_pci_flags(const BerthDevice *device, gboolean express) {
  guint by_machine = (express ? BERTH_PCI_EXPRESS : BERTH_PCI_CONVENTIONAL) | BERTH_PCI_AUTO;
  if (device->kind == NULL)
    return device->element->id == BERTH_INTERFACE ? by_machine : 0;
  guint flags = device->kind->pci;
  /* A host device whose place is written counts as PCI Express, whatever it is (addressing §3.3; libvirt 12.8 with vhost-scsi). */
  if (express && device->element->id == BERTH_HOSTDEV && flags != 0 && berth_families_pci_placed(&device->written))
    return by_machine;
  /* Without an answer about the host's device it is taken for PCI Express where the guest can have that, as libvirt does for a
   * device that is absent. */
  if (flags & (BERTH_PCI_BY_MACHINE | BERTH_PCI_BY_HOST))
    flags = (flags & ~(guint)(BERTH_PCI_BY_MACHINE | BERTH_PCI_BY_HOST)) | by_machine;
  return flags;
}

static gboolean zero(const BerthAddress *address) {
  return address->value[BERTH_PCI_DOMAIN] == 0 && address->value[BERTH_PCI_BUS] == 0 && address->value[BERTH_PCI_SLOT] == 0;
}

gboolean berth_families_pci_placed(const BerthAddress *address) {
  return address->type == BERTH_ADDRESS_PCI && !zero(address);
}

gboolean berth_families_pci_wanting(const BerthAddress *address) {
  return address->type == BERTH_ADDRESS_NONE || (address->type == BERTH_ADDRESS_PCI && zero(address));
}

gboolean berth_families_pci_accepts(guint accepts, guint number, guint flags, gboolean written) {
  const guint endpoints = BERTH_PCI_CONVENTIONAL | BERTH_PCI_EXPRESS;
  if (flags & BERTH_PCI_INTEGRATED) {
    if (number != 0)
      return FALSE;
    accepts |= BERTH_PCI_AUTO;
  }
  if (written) {
    if (accepts & endpoints)
      accepts |= endpoints;
    if (flags & BERTH_PCI_PCI_BRIDGE)
      flags |= BERTH_PCI_CONVENTIONAL;
  } else if ((flags & BERTH_PCI_AUTO) && !(accepts & BERTH_PCI_AUTO)) {
    return FALSE;
  }
  if ((flags & BERTH_PCI_HOTPLUG) && !(accepts & BERTH_PCI_HOTPLUG))
    return FALSE;
  return (flags & accepts & BERTH_PCI_TYPES) != 0;
}

BerthPciBus *berth_families_pci_bus_append(BerthPci *pci, const BerthPciModel *model) {
  BerthPciBus *bus = g_new0(BerthPciBus, 1);
  bus->model = model;
  bus->accepts = model->accepts;
  bus->last_bridge = -1;
  g_ptr_array_add(pci->buses, bus);
  return bus;
}

BerthPciBus *berth_families_pci_bus(const BerthPci *pci, guint number) {
  return number < pci->buses->len ? pci->buses->pdata[number] : NULL;
}

gboolean berth_families_pci_slot_free(const BerthPciBus *bus, guint slot) {
  return (bus->busy >> slot & 1) == 0;
}

void berth_families_pci_fail(const BerthPci *pci, const BerthDevice *device, int code, const char *what, GError **error) {
  if (device == NULL) {
    g_set_error(error, BERTH_ERROR, code, "the machine %s", what);
    return;
  }
  g_autofree char *name = berth_model_device_name(device);
  berth_xml_error(error, code, pci->assignment->inventory->document, device->node, "%s %s", name, what);
}

void berth_families_pci_fail_without(const BerthPci *pci, const BerthDevice *device, GError **error) {
  gboolean virtio =
      device != NULL && device->kind != NULL && device->kind->driver != NULL && g_str_has_prefix(device->kind->driver, "virtio-");
  g_autofree char *what = g_strconcat("wants a PCI address, but this machine has no PCI bus",
                                      virtio ? "; on microvm it can have <address type='virtio-mmio'/>" : NULL, NULL);
  berth_families_pci_fail(pci, device, BERTH_ERROR_BAD_INPUT, what, error);
}

void berth_families_pci_no_bus(const BerthPci *pci, const BerthDevice *device, guint flags, GError **error) {
  if (error == NULL)
    return;
  g_autofree char *what = NULL;
  if (flags & BERTH_PCI_TYPES)
    what = g_strdup_printf("finds no place: no bus for %s is left and none can be added", flags_words(flags));
  else
    what = g_strdup("wants a PCI address but is not a PCI device; give it another model or an address of its own kind");
  berth_families_pci_fail(pci, device, BERTH_ERROR_NO_ROOM, what, error);
}

/* Whether a bridge could be put on bus @number. With recorded bridges it must also be able to go there in the end, among the
 * recalled devices, and to renumber nothing; where it is not, a hierarchy of its own is started, which a machine without PCI
 * Express cannot have. */
static gboolean takes_bridge(const BerthPci *pci, guint number) {
  const BerthPciBus *bus = berth_families_pci_bus(pci, number);
  if (!(bus->accepts & BERTH_PCI_PCI_BRIDGE))
    return FALSE;
  if (g_hash_table_size(pci->known) == 0 || !pci->express)
    return TRUE;
  for (guint slot = bus->model->first; slot <= bus->model->last; slot++)
    if ((bus->fixed >> slot & 1) == 0 && (gint)slot * 8 > bus->last_bridge)
      return berth_families_pci_met_last(pci, NULL, number);
  return FALSE;
}

static gboolean bridge_possible(const BerthPci *pci) {
  for (guint i = 0; i < pci->buses->len; i++)
    if (takes_bridge(pci, i))
      return TRUE;
  return FALSE;
}

/* A port: on the root bus or, on a rung with switches, in a switch; the last place that there is carries the next switch. NULL:
 * none is left. */
static BerthPciBus *append_port(BerthPci *pci) {
  guint left = pci->ports_left + pci->downstream_left;
  if (pci->rung == NULL)
    return berth_families_pci_bus_append(pci, berth_families_pci_model("pcie-root-port"));
  if (left == 0)
    return NULL;
  gboolean root = pci->ports_left > 0;
  *(root ? &pci->ports_left : &pci->downstream_left) -= 1;
  BerthPciBus *port =
      berth_families_pci_bus_append(pci, berth_families_pci_model(root ? "pcie-root-port" : "pcie-switch-downstream-port"));
  if (left > 1 || !pci->rung->switches || pci->buses->len + 2 > BERTH_PCI_MAX_BUSES)
    return port;
  port->accepts = BERTH_PCI_UPSTREAM | (port->accepts & LIVE);
  const BerthPciBus *up = berth_families_pci_bus_append(pci, berth_families_pci_model("pcie-switch-upstream-port"));
  pci->downstream_left = up->model->last - up->model->first;
  return berth_families_pci_bus_append(pci, berth_families_pci_model("pcie-switch-downstream-port"));
}

/* A conventional bus below PCI Express needs a bridge, and the bridge a port of its own. */
static gboolean start_hierarchy(BerthPci *pci) {
  if (!berth_facts_has_device(pci->assignment->facts, "pcie-pci-bridge")) {
    berth_families_pci_bus_append(pci, berth_families_pci_model("dmi-to-pci-bridge"));
    return TRUE;
  }
  BerthPciBus *port = append_port(pci);
  if (port == NULL)
    return FALSE;
  port->accepts = BERTH_PCI_PCIE_PCI_BRIDGE | (port->accepts & LIVE);
  berth_families_pci_bus_append(pci, berth_families_pci_model("pcie-to-pci-bridge"));
  return TRUE;
}

gboolean berth_families_pci_grow(BerthPci *pci, const BerthDevice *device, guint flags, guint *bus, GError **error) {
  guint wanted = *bus;
  if (wanted < pci->buses->len)
    return TRUE;
  /* With a record berth goes on where libvirt gives up: a bridge that finds no slot gets one behind another bridge. */
  gboolean bridge = (flags & BERTH_PCI_PCI_BRIDGE) && pci->assignment->record != NULL && pci->rung == NULL;
  gboolean conventional = (flags & BERTH_PCI_CONVENTIONAL) || bridge;
  gboolean express = (flags & (BERTH_PCI_EXPRESS | BERTH_PCI_UPSTREAM | BERTH_PCI_PCIE_PCI_BRIDGE)) != 0;
  gboolean start = conventional && !bridge_possible(pci);
  if (start && wanted == pci->buses->len)
    wanted++;
  if ((!conventional && !express) || (flags & BERTH_PCI_INTEGRATED) || wanted >= BERTH_PCI_MAX_BUSES) {
    berth_families_pci_no_bus(pci, device, flags, error);
    return FALSE;
  }
  gboolean room = !start || start_hierarchy(pci);
  while (room && pci->buses->len <= wanted)
    room = (conventional ? berth_families_pci_bus_append(pci, berth_families_pci_model("pci-bridge")) : append_port(pci)) != NULL;
  if (!room) {
    berth_families_pci_no_bus(pci, device, flags, error);
    return FALSE;
  }
  *bus = pci->buses->len - 1;
  return TRUE;
}

static void clash(const BerthPci *pci, const BerthDevice *device, const BerthAddress *address, GError **error) {
  g_autofree char *place = berth_model_address_to_string(address);
  const BerthDevice *owner = g_hash_table_lookup(pci->owners, GUINT_TO_POINTER(berth_families_pci_place(address)));
  if (device == NULL) {
    device = owner;
    owner = NULL;
  }
  if (owner != NULL)
    berth_model_inventory_new_first(pci->assignment->inventory, &device, &owner);
  g_autofree char *name = owner != NULL ? berth_model_device_cite(owner, device->node) : g_strdup("the machine itself");
  g_autofree char *what = g_strdup_printf("wants %s, which %s has; give it another address or none", place, name);
  berth_families_pci_fail(pci, device, BERTH_ERROR_BAD_INPUT, what, error);
}

static gboolean check_range(const BerthPci *pci, const BerthDevice *device, guint flags, gboolean written,
                            const BerthAddress *address, GError **error) {
  guint number = (guint)address->value[BERTH_PCI_BUS];
  guint slot = (guint)address->value[BERTH_PCI_SLOT];
  const BerthPciBus *bus = berth_families_pci_bus(pci, number);
  if (bus != NULL && slot >= bus->model->first && slot <= bus->model->last && address->value[BERTH_PCI_FUNCTION] <= 7 &&
      berth_families_pci_accepts(bus->accepts, number, flags, written))
    return TRUE;
  g_autofree char *place = berth_model_address_to_string(address);
  g_autofree char *what = NULL;
  if (bus == NULL)
    what = g_strdup_printf("wants %s, but there is no PCI bus %u", place, number);
  else if (!berth_families_pci_accepts(bus->accepts, number, flags, written))
    what = g_strdup_printf("wants %s, but bus %u (%s) does not take %s", place, number, bus->model->name, flags_words(flags));
  else if (slot < bus->model->first || slot > bus->model->last)
    what = g_strdup_printf("wants %s, but bus %u (%s) has slots %u to %u only", place, number, bus->model->name, bus->model->first,
                           bus->model->last);
  else if (address->value[BERTH_PCI_FUNCTION] > 7)
    what = g_strdup_printf("wants %s, but functions are 0 to 7", place);
  if (what == NULL)
    return TRUE;
  berth_families_pci_fail(pci, device, BERTH_ERROR_BAD_INPUT, what, error);
  return FALSE;
}

gboolean berth_families_pci_reserve(BerthPci *pci, BerthDevice *device, guint flags, gboolean written, BerthAddress *address,
                                    GError **error) {
  if (pci->buses->len == 0) {
    berth_families_pci_fail_without(pci, device, error);
    return FALSE;
  }
  if (address->value[BERTH_PCI_DOMAIN] != 0) {
    berth_families_pci_fail(pci, device, BERTH_ERROR_BAD_INPUT, "has a PCI domain other than 0, which QEMU does not have", error);
    return FALSE;
  }
  guint number = (guint)address->value[BERTH_PCI_BUS];
  if (pci->planning && !berth_families_pci_grow(pci, device, flags, &number, error))
    return FALSE;
  address->value[BERTH_PCI_BUS] = number;
  if (!check_range(pci, device, flags, written, address, error))
    return FALSE;
  BerthPciBus *bus = berth_families_pci_bus(pci, number);
  guint slot = (guint)address->value[BERTH_PCI_SLOT];
  guint8 bit = (guint8)(1u << address->value[BERTH_PCI_FUNCTION]);
  if (bus->used[slot] & bit) {
    clash(pci, device, address, error);
    return FALSE;
  }
  if (bus->used[slot] == 0 && (flags & BERTH_PCI_AGGREGATE))
    bus->aggregate |= 1u << slot;
  if (bus->used[slot] == 0 && !berth_families_pci_slot_free(bus, slot))
    g_array_set_size(pci->cursors, 0); /* it was only kept: now others may share it */
  bus->used[slot] |= bit;
  bus->busy |= 1u << slot;
  if (device != NULL)
    g_hash_table_insert(pci->owners, GUINT_TO_POINTER(berth_families_pci_place(address)), device);
  return TRUE;
}
