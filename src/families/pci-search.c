/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "families/pci-search.h"

#include <berth/error.h>
#include <string.h>

#include "families/pci-chipset.h"

typedef struct {
  const BerthDevice *device; /* NULL: room that is kept */
  guint flags;
  gint function;   /* -1: any */
  gboolean quiet;  /* renumber no recorded bridge */
  gboolean sane;   /* not below itself */
  gboolean safe;   /* not on a bus that may yet come below itself */
  gboolean rooted; /* only on buses that hang from the root already */
  BerthPciSharing sharing;
  gboolean late; /* the last slot rather than the first: what stands behind it shifts */
} Wish;

#define NO_SLOT "finds no place: every PCI slot that it could use is taken"
/* No bridge or port can be plugged into a running guest. */
#define MORE_SLOTS                                                                                                                 \
  "; detach a device, or define more for the next start (pcie-root-ports with define --pcie-ports N, for a conventional PCI "      \
  "device a pcie-to-pci-bridge)"

static gint position(const BerthAddress *address) {
  return (gint)(address->value[BERTH_PCI_SLOT] * 8 + address->value[BERTH_PCI_FUNCTION]);
}

/* The bus on which @entry keeps its place; NULL if it keeps none, or its bus is gone. */
static BerthPciBus *held_bus(const BerthPci *pci, const BerthRecordEntry *entry) {
  const BerthAddress *address = &entry->address;
  if (entry->gone == NULL || !berth_families_pci_placed(address) || address->value[BERTH_PCI_DOMAIN] != 0)
    return NULL;
  if (address->value[BERTH_PCI_SLOT] >= BERTH_PCI_SLOTS || address->value[BERTH_PCI_FUNCTION] > 7)
    return NULL;
  BerthPciBus *bus = address->value[BERTH_PCI_BUS] < BERTH_PCI_MAX_BUSES
                         ? berth_families_pci_bus(pci, (guint)address->value[BERTH_PCI_BUS])
                         : NULL;
  return bus != NULL && bus->existed ? bus : NULL;
}

void berth_families_pci_remember(BerthPci *pci) {
  const BerthRecord *record = pci->assignment->record;
  if (record == NULL)
    return;
  for (guint i = 0; i < pci->clients->len; i++) {
    const BerthDevice *device = g_array_index(pci->clients, BerthPciClient, i).device;
    const BerthPciModel *model = berth_families_pci_model_of(device);
    if (model == NULL || !model->bridge || !berth_families_pci_placed(&device->address) ||
        !g_hash_table_contains(pci->known, GUINT_TO_POINTER(berth_families_pci_place(&device->address))))
      continue;
    BerthPciBus *bus = berth_families_pci_bus(pci, (guint)device->address.value[BERTH_PCI_BUS]);
    bus->last_bridge = MAX(bus->last_bridge, position(&device->address));
  }
  for (guint i = 0; i < record->entries->len; i++) {
    const BerthRecordEntry *entry = record->entries->pdata[i];
    BerthPciBus *bus = held_bus(pci, entry);
    if (bus == NULL)
      continue;
    bus->held[entry->address.value[BERTH_PCI_SLOT]] |= (guint8)(1u << entry->address.value[BERTH_PCI_FUNCTION]);
    bus->busy |= 1u << entry->address.value[BERTH_PCI_SLOT];
  }
  for (guint i = 0; i < pci->buses->len; i++)
    berth_families_pci_bus(pci, i)->fixed = berth_families_pci_bus(pci, i)->busy;
}

gboolean berth_families_pci_met_last(const BerthPci *pci, const BerthDevice *device, guint number) {
  for (guint depth = 0; depth < BERTH_PCI_MAX_BUSES; depth++) {
    const BerthPciBus *bus = berth_families_pci_bus(pci, number);
    if (bus == NULL)
      return FALSE;
    if (bus->model->root)
      return TRUE;
    const BerthDevice *bridge = bus->controller;
    if (bridge == NULL || bridge == device || !berth_families_pci_placed(&bridge->address))
      return pci->planning || (bridge != device && bus->model->outer);
    /* An expander bus is a root of its own, numbered by itself. */
    if (!bus->model->bridge)
      return TRUE;
    number = (guint)bridge->address.value[BERTH_PCI_BUS];
    const BerthPciBus *parent = berth_families_pci_bus(pci, number);
    if (parent == NULL || position(&bridge->address) < parent->last_bridge)
      return FALSE;
  }
  return FALSE;
}

/* Whether bus @number hangs below @device or is its own; @yet: or may come below it because it has no place so far. */
static gboolean below(const BerthPci *pci, const BerthDevice *device, guint number, gboolean yet) {
  for (guint depth = 0; depth < BERTH_PCI_MAX_BUSES; depth++) {
    const BerthPciBus *bus = berth_families_pci_bus(pci, number);
    if (bus == NULL || bus->controller == NULL)
      return FALSE;
    if (bus->controller == device)
      return TRUE;
    if (!berth_families_pci_placed(&bus->controller->address))
      return yet && !bus->model->outer;
    number = (guint)bus->controller->address.value[BERTH_PCI_BUS];
  }
  return TRUE;
}

/* Devices that are not plugged in or out while a guest lives its ordinary life. */
static gboolean settled(const BerthDevice *device) {
  static const BerthElementId ids[] = {BERTH_CONTROLLER, BERTH_VIDEO, BERTH_SOUND,  BERTH_MEMBALLOON, BERTH_RNG,   BERTH_INPUT,
                                       BERTH_WATCHDOG,   BERTH_PANIC, BERTH_SERIAL, BERTH_IOMMU,      BERTH_CRYPTO};
  for (guint i = 0; i < G_N_ELEMENTS(ids); i++)
    if (device->element->id == ids[i])
      return TRUE;
  return FALSE;
}

/* Whether @device may have a function of a slot that others have. */
static gboolean may_share(const BerthDevice *device, BerthPciSharing sharing) {
  return sharing != BERTH_PCI_SHARE_NONE && device != NULL && (sharing == BERTH_PCI_SHARE_ANY || settled(device)) &&
         berth_families_pci_ich9_function(device) < 0;
}

gboolean berth_families_pci_shareable(const BerthPci *pci, const BerthDevice *device, guint number, guint slot,
                                      BerthPciSharing sharing) {
  const BerthPciBus *bus = berth_families_pci_bus(pci, number);
  gboolean all = sharing == BERTH_PCI_SHARE_ANY;
  if (!may_share(device, sharing))
    return FALSE;
  if ((bus->used[slot] & 1) == 0 || bus->held[slot] != 0 || (bus->kept >> slot & 1))
    return FALSE;
  for (guint function = 0; function < 8; function++) {
    if ((bus->used[slot] >> function & 1) == 0)
      continue;
    guint place = number << 8 | slot << 3 | function;
    const BerthDevice *owner = g_hash_table_lookup(pci->owners, GUINT_TO_POINTER(place));
    if (owner == NULL)
      continue;
    if ((!all && !settled(owner)) || berth_families_pci_ich9_function(owner) >= 0)
      return FALSE;
    if (function == 0 && (owner->address.given >> BERTH_PCI_MULTIFUNCTION & 1) &&
        owner->address.value[BERTH_PCI_MULTIFUNCTION] == 0)
      return FALSE;
  }
  return TRUE;
}

static gboolean pick_slot(const BerthPci *pci, guint number, const Wish *wish, BerthAddress *address) {
  const BerthPciBus *bus = berth_families_pci_bus(pci, number);
  gint after = wish->quiet ? bus->last_bridge : -1;
  guint32 shared = (wish->flags & BERTH_PCI_AGGREGATE) ? bus->aggregate : 0;
  /* Most buses of a large guest are full, and told so at a glance. */
  guint32 slots = (G_MAXUINT32 >> (31 - bus->model->last)) & (G_MAXUINT32 << bus->model->first);
  if (wish->sharing == BERTH_PCI_SHARE_NONE && (slots & (~bus->busy | shared)) == 0)
    return FALSE;
  for (guint i = bus->model->first; i <= bus->model->last; i++) {
    guint slot = wish->late ? (guint)bus->model->first + bus->model->last - i : i;
    gboolean is_free = berth_families_pci_slot_free(bus, slot);
    if (!is_free && (shared >> slot & 1) == 0 && !berth_families_pci_shareable(pci, wish->device, number, slot, wish->sharing))
      continue;
    guint first = is_free && wish->function > 0 ? (guint)wish->function : 0;
    for (guint function = first; function < (is_free ? first + 1 : 8); function++) {
      if (((bus->used[slot] | bus->held[slot]) >> function & 1) || (gint)(slot * 8 + function) <= after)
        continue;
      *address = berth_model_address_pci(number, slot, function);
      return TRUE;
    }
  }
  return FALSE;
}

/* Whether all bridges between bus @number and a root have their places. */
static gboolean rooted(const BerthPci *pci, guint number) {
  for (guint depth = 0; depth < BERTH_PCI_MAX_BUSES; depth++) {
    const BerthPciBus *bus = berth_families_pci_bus(pci, number);
    if (bus == NULL || bus->model->root)
      return bus != NULL;
    if (bus->controller == NULL || !berth_families_pci_placed(&bus->controller->address))
      return FALSE;
    number = (guint)bus->controller->address.value[BERTH_PCI_BUS];
  }
  return FALSE;
}

static BerthPciCursor *cursor_of(const BerthPci *pci, const Wish *wish) {
  for (guint i = 0; i < pci->cursors->len; i++) {
    BerthPciCursor *cursor = &g_array_index(pci->cursors, BerthPciCursor, i);
    if (cursor->flags == wish->flags && cursor->sharing == wish->sharing)
      return cursor;
  }
  const BerthPciCursor fresh = {.flags = wish->flags, .sharing = wish->sharing};
  g_array_append_val(pci->cursors, fresh);
  return &g_array_index(pci->cursors, BerthPciCursor, pci->cursors->len - 1);
}

static gboolean pick(const BerthPci *pci, const Wish *wish, BerthAddress *address) {
  gboolean particular = wish->quiet || wish->sane || wish->rooted; /* not every bus is for every device of the sort */
  BerthPciCursor none = {0}, *cursor = particular ? &none : cursor_of(pci, wish);
  for (guint number = cursor->bus; number < pci->buses->len; number++) {
    const BerthPciBus *bus = berth_families_pci_bus(pci, number);
    if (!berth_families_pci_accepts(bus->accepts, number, wish->flags, FALSE))
      continue;
    if ((wish->quiet && !berth_families_pci_met_last(pci, wish->device, number)) ||
        (wish->sane && below(pci, wish->device, number, wish->safe)) ||
        (wish->rooted && ((gint64)number >= wish->device->index || !rooted(pci, number))))
      continue;
    if (pick_slot(pci, number, wish, address)) {
      cursor->bus = number;
      return TRUE;
    }
  }
  cursor->bus = pci->buses->len;
  return FALSE;
}

static gboolean pick_grown(BerthPci *pci, const Wish *wish, BerthAddress *address) {
  guint number = pci->buses->len;
  if (!berth_families_pci_grow(pci, wish->device, wish->flags, &number, NULL))
    return FALSE;
  guint function = wish->function > 0 ? (guint)wish->function : 0;
  *address = berth_model_address_pci(number, berth_families_pci_bus(pci, number)->model->first, function);
  return TRUE;
}

static void note_given(const BerthPci *pci, const BerthRecordEntry *entry, const Wish *wish) {
  if (pci->planning || pci->assignment->notes == NULL)
    return;
  g_autofree char *place = berth_model_address_to_string(&entry->address);
  g_autofree char *name = berth_model_device_name(wish->device);
  const char *key = entry->keys != NULL && entry->keys->len > 0 ? entry->keys->pdata[0] : entry->kind;
  g_ptr_array_add(pci->assignment->notes,
                  g_strdup_printf("no other place is left: %s, kept for %s %s (gone since %s), is given to %s", place,
                                  entry->element, key != NULL ? key : "", entry->gone, name));
}

/* The oldest kept place that would do. */
static gboolean pick_held(BerthPci *pci, const Wish *wish, BerthAddress *address) {
  const GPtrArray *entries = pci->assignment->record->entries;
  for (guint i = 0; i < entries->len; i++) {
    const BerthRecordEntry *entry = entries->pdata[i];
    BerthPciBus *bus = held_bus(pci, entry);
    guint number = (guint)entry->address.value[BERTH_PCI_BUS];
    if (bus == NULL || entry->held || !berth_families_pci_accepts(bus->accepts, number, wish->flags, FALSE) ||
        (wish->sane && below(pci, wish->device, number, FALSE)))
      continue;
    guint slot = (guint)entry->address.value[BERTH_PCI_SLOT];
    guint function = (guint)entry->address.value[BERTH_PCI_FUNCTION];
    if (slot < bus->model->first || slot > bus->model->last || (bus->held[slot] >> function & 1) == 0)
      continue;
    if (bus->used[slot] == 0) {
      bus->held[slot] = 0;
      function = wish->function > 0 ? (guint)wish->function : 0;
    } else if (!(wish->flags & BERTH_PCI_AGGREGATE) || (bus->aggregate >> slot & 1) == 0 || (bus->used[slot] >> function & 1)) {
      continue;
    }
    bus->held[slot] &= (guint8) ~(1u << function);
    g_array_set_size(pci->cursors, 0);
    *address = berth_model_address_pci(number, slot, function);
    note_given(pci, entry, wish);
    return TRUE;
  }
  return FALSE;
}

/* One of the free functions of a slot in use, as far as the rung of the ladder allows. */
static gboolean pick_shared(const BerthPci *pci, Wish *wish, BerthPciSharing sharing, BerthAddress *address) {
  if (pci->rung == NULL || sharing > pci->rung->sharing || wish->function >= 0)
    return FALSE;
  wish->sharing = may_share(wish->device, sharing) ? sharing : BERTH_PCI_SHARE_NONE;
  gboolean found = pick(pci, wish, address);
  wish->sharing = BERTH_PCI_SHARE_NONE;
  return found;
}

static gboolean find(BerthPci *pci, BerthDevice *device, guint flags, gint function, BerthAddress *address, GError **error) {
  const BerthRecord *record = pci->assignment->record;
  const BerthPciModel *model = device != NULL ? berth_families_pci_model_of(device) : NULL;
  /* Below PCI Express a new port at the end is better than a place that renumbers. */
  guint better_grown = BERTH_PCI_UPSTREAM | BERTH_PCI_PCIE_PCI_BRIDGE | (pci->express ? BERTH_PCI_PCI_BRIDGE : 0);
  Wish wish = {.device = device, .flags = flags, .function = function};
  gboolean bridge = record != NULL && model != NULL && model->bridge;
  /* libvirt puts bridges below themselves at times; while buses are only counted, that is how they are counted. */
  wish.sane = wish.safe = bridge && !pci->planning;
  wish.rooted = pci->rung != NULL && model != NULL && !pci->planning;
  /* On a rung of the ladder, all that can grow grows before devices share slots or take what is kept. */
  gboolean last = pci->rung == NULL || pci->planning || pci->full;
  if (bridge && g_hash_table_size(pci->known) > 0) {
    wish.quiet = TRUE;
    if (pick(pci, &wish, address) || pick_shared(pci, &wish, BERTH_PCI_SHARE_SETTLED, address))
      return TRUE;
    if (pci->planning && (flags & better_grown) && pick_grown(pci, &wish, address))
      return TRUE;
    wish.quiet = FALSE;
    wish.late = TRUE;
  }
  if (pick(pci, &wish, address))
    return TRUE;
  wish.safe = FALSE;
  if (wish.sane && pick(pci, &wish, address))
    return TRUE;
  if (pick_shared(pci, &wish, BERTH_PCI_SHARE_SETTLED, address))
    return TRUE;
  if (pci->planning && pick_grown(pci, &wish, address))
    return TRUE;
  if (last && pick_shared(pci, &wish, BERTH_PCI_SHARE_ANY, address))
    return TRUE;
  if (last && record != NULL && device != NULL && pick_held(pci, &wish, address))
    return TRUE;
  pci->stuck = device;
  pci->stuck_flags = flags;
  if (pci->planning)
    berth_families_pci_no_bus(pci, device, flags, error);
  else
    berth_families_pci_fail(pci, device, BERTH_ERROR_NO_ROOM, pci->assignment->running ? NO_SLOT MORE_SLOTS : NO_SLOT, error);
  return FALSE;
}

gboolean berth_families_pci_search(BerthPci *pci, BerthDevice *device, guint flags, gint function, BerthAddress *address,
                                   GError **error) {
  if (pci->buses->len == 0) {
    berth_families_pci_fail_without(pci, device, error);
    return FALSE;
  }
  BerthAddress found = {0};
  if (!find(pci, device, flags, function, &found, error) || !berth_families_pci_reserve(pci, device, flags, FALSE, &found, error))
    return FALSE;
  if (device == NULL)
    berth_families_pci_bus(pci, (guint)found.value[BERTH_PCI_BUS])->kept |= 1u << found.value[BERTH_PCI_SLOT];
  *address = found;
  return TRUE;
}

const BerthRecord *berth_families_pci_before(const BerthAssignment *assignment) {
  return assignment->before != NULL ? assignment->before : assignment->record;
}

gint64 berth_families_pci_recorded_index(const BerthRecordEntry *entry) {
  static const char prefix[] = "controller=pci:";
  for (guint i = 0; i < entry->keys->len; i++) {
    const char *key = entry->keys->pdata[i];
    if (g_str_has_prefix(key, prefix))
      return (gint64)g_ascii_strtoull(key + strlen(prefix), NULL, 10);
  }
  return -1;
}

static const BerthRecordEntry *recorded_bridge(const BerthRecord *record, const BerthDevice *device) {
  const char *model = berth_model_device_get(device, "@model");
  for (guint i = 0; i < record->entries->len; i++) {
    const BerthRecordEntry *entry = record->entries->pdata[i];
    if (berth_families_pci_recorded_index(entry) == device->index && entry->kind != NULL && g_str_has_prefix(entry->kind, "pci/") &&
        g_strcmp0(entry->kind + strlen("pci/"), model) == 0)
      return entry;
  }
  return NULL;
}

gboolean berth_families_pci_return(BerthPci *pci, BerthDevice *device, guint flags) {
  const BerthRecord *record = berth_families_pci_before(pci->assignment);
  if (record == NULL || device->origin != BERTH_ORIGIN_GROWN || berth_families_pci_model_of(device) == NULL)
    return FALSE;
  const BerthRecordEntry *entry = recorded_bridge(record, device);
  if (entry == NULL || !berth_families_pci_placed(&entry->address))
    return FALSE;
  BerthAddress address = entry->address;
  const BerthPciBus *bus = berth_families_pci_bus(pci, (guint)address.value[BERTH_PCI_BUS]);
  if (bus == NULL || below(pci, device, (guint)address.value[BERTH_PCI_BUS], FALSE))
    return FALSE;
  /* What was there until now counts in the numbers as they are; what has gone before would shift them. */
  gboolean quiet =
      berth_families_pci_met_last(pci, device, (guint)address.value[BERTH_PCI_BUS]) && position(&address) > bus->last_bridge;
  if ((entry->gone != NULL && !quiet) || !berth_families_pci_reserve(pci, device, flags, TRUE, &address, NULL))
    return FALSE;
  if (!pci->planning) {
    device->address = address;
    device->rule = BERTH_RULE_RETURNED;
  }
  return TRUE;
}
