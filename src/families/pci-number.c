/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "families/pci-number.h"

#include <string.h>

#include "facts/machine.h"
#include "families/pci-search.h"
#include "families/rows.h"

#define NO_NUMBER (-1)
#define LAST_NUMBER 255

/* A controller as firmware's walk meets it. */
typedef struct {
  const BerthPciModel *model;
  guint index;    /* of the controller: the bus behind it */
  guint bus;      /* that it sits on */
  guint position; /* slot * 8 + function */
  guint bus_nr;   /* expander: the number of its bus */
  guint reserve;  /* numbers that firmware keeps free behind it; 0: none */
} Bridge;

typedef struct {
  GArray *bridges;                      /* Bridge, by bus and position once sorted */
  guint first[BERTH_PCI_MAX_BUSES + 1]; /* index of a bus's first bridge in bridges */
  const Bridge *by_index[BERTH_PCI_MAX_BUSES];
  guint32 function0[BERTH_PCI_MAX_BUSES]; /* bit per slot that has a function 0 */
  gint number[BERTH_PCI_MAX_BUSES];       /* the guest's number of the bus */
  gint last[BERTH_PCI_MAX_BUSES];         /* the highest number behind it, what is reserved included */
  gint below[BERTH_PCI_MAX_BUSES];        /* how many numbers are in use behind it, its own aside */
  char *path[BERTH_PCI_MAX_BUSES];
  gboolean overflow; /* there are more buses than numbers */
} Tree;

static void tree_clear(Tree *tree) {
  g_clear_pointer(&tree->bridges, g_array_unref);
  for (guint i = 0; i < BERTH_PCI_MAX_BUSES; i++)
    g_clear_pointer(&tree->path[i], g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Tree, tree_clear)

static gboolean usable(const BerthAddress *address) {
  return berth_families_pci_placed(address) && address->value[BERTH_PCI_DOMAIN] == 0 &&
         address->value[BERTH_PCI_BUS] < BERTH_PCI_MAX_BUSES && address->value[BERTH_PCI_SLOT] < BERTH_PCI_SLOTS &&
         address->value[BERTH_PCI_FUNCTION] <= 7;
}

static void tree_init(Tree *tree, const BerthMachineFamily *family) {
  tree->bridges = g_array_new(FALSE, FALSE, sizeof(Bridge));
  for (guint i = 0; i < BERTH_PCI_MAX_BUSES; i++)
    tree->number[i] = NO_NUMBER;
  /* The machine's own chips have a function 0 there. */
  tree->function0[0] = 1u << 0;
  if (family != NULL && g_str_equal(family->name, "i440fx"))
    tree->function0[0] |= 1u << 1;
  if (family != NULL && g_str_equal(family->name, "q35"))
    tree->function0[0] |= 1u << 31;
}

/* The values of a controller's options that count in numbering. */
typedef struct {
  guint bus_nr, reserve;
} Options;

static void tree_add(Tree *tree, const BerthAddress *address, const BerthPciModel *model, gint64 index, Options options) {
  if (!usable(address))
    return;
  guint bus = (guint)address->value[BERTH_PCI_BUS], slot = (guint)address->value[BERTH_PCI_SLOT];
  guint function = (guint)address->value[BERTH_PCI_FUNCTION];
  if (function == 0)
    tree->function0[bus] |= 1u << slot;
  if (model == NULL || index <= 0 || index >= BERTH_PCI_MAX_BUSES)
    return;
  Bridge bridge = {model, (guint)index, bus, slot * 8 + function, options.bus_nr, options.reserve};
  g_array_append_val(tree->bridges, bridge);
}

static gint by_place(gconstpointer a, gconstpointer b) {
  const Bridge *x = a, *y = b;
  return x->bus != y->bus ? (gint)x->bus - (gint)y->bus : (gint)x->position - (gint)y->position;
}

/* A function other than 0 of a slot without function 0 does not exist for the guest (guest-bus-numbers §1). */
static gboolean visible(const Tree *tree, guint bus, guint position) {
  return position % 8 == 0 || (tree->function0[bus] >> position / 8 & 1);
}

static void walk(Tree *tree, guint bus, gint *last) {
  for (guint i = tree->first[bus]; i < tree->first[bus + 1]; i++) {
    const Bridge *bridge = &g_array_index(tree->bridges, Bridge, i);
    if (!bridge->model->bridge || !visible(tree, bus, bridge->position) || tree->number[bridge->index] != NO_NUMBER)
      continue;
    tree->overflow = tree->overflow || *last >= LAST_NUMBER;
    if (*last >= LAST_NUMBER)
      continue;
    gint own = tree->number[bridge->index] = ++*last;
    walk(tree, bridge->index, last);
    tree->below[bridge->index] = *last - own;
    /* guest-bus-numbers §4: as UEFI firmware does it, and SeaBIOS where the reserve is greater than what is in use. */
    *last = MIN(MAX(*last, own + (gint)bridge->reserve), LAST_NUMBER);
    tree->last[bridge->index] = *last;
  }
}

/* Expander buses are roots of their own: their number is given, not counted. */
static const Bridge *expander_at(const Tree *tree, gint number) {
  for (guint i = 0; i < tree->bridges->len; i++) {
    const Bridge *bridge = &g_array_index(tree->bridges, Bridge, i);
    if (!bridge->model->bridge && (gint)bridge->bus_nr == number && visible(tree, bridge->bus, bridge->position))
      return bridge;
  }
  return NULL;
}

static void tree_number(Tree *tree) {
  g_array_sort(tree->bridges, by_place);
  guint next = 0;
  gboolean expanders = FALSE;
  for (guint bus = 0; bus < BERTH_PCI_MAX_BUSES; bus++) {
    tree->first[bus] = next;
    for (; next < tree->bridges->len && g_array_index(tree->bridges, Bridge, next).bus == bus; next++) {
      const Bridge *bridge = &g_array_index(tree->bridges, Bridge, next);
      tree->by_index[bridge->index] = bridge;
      expanders = expanders || !bridge->model->bridge;
    }
  }
  tree->first[BERTH_PCI_MAX_BUSES] = next;
  gint last = 0;
  tree->number[0] = 0;
  walk(tree, 0, &last);
  tree->last[0] = last;
  while (expanders && last < LAST_NUMBER) {
    const Bridge *expander = expander_at(tree, ++last);
    if (expander == NULL || tree->number[expander->index] != NO_NUMBER)
      continue;
    /* QEMU puts a hidden bridge on a conventional expander bus; devices are behind it (guest-bus-numbers §2). */
    if (expander->model->accepts & BERTH_PCI_CONVENTIONAL)
      last++;
    tree->overflow = tree->overflow || last > LAST_NUMBER;
    if (last > LAST_NUMBER)
      return;
    tree->number[expander->index] = last;
    walk(tree, expander->index, &last);
    tree->last[expander->index] = last;
  }
}

static char *join(const char *path, guint slot, guint function) {
  static const char hex[] = "0123456789abcdef";
  const char place[] = {hex[slot >> 4 & 0xf], hex[slot & 0xf], '.', hex[function & 0xf], '\0'};

  return g_strconcat(path, *path != '\0' ? "/" : "", place, NULL);
}

/* The path of the controller behind which @bus is; NULL if the buses go round in a circle or a controller is missing. */
static const char *path_of(Tree *tree, guint bus, guint depth) {
  if (bus == 0)
    return "";
  const Bridge *bridge = tree->by_index[bus];
  if (tree->path[bus] != NULL || bridge == NULL || depth > BERTH_PCI_MAX_BUSES)
    return tree->path[bus];
  const char *parent = path_of(tree, bridge->bus, depth + 1);
  if (parent != NULL)
    tree->path[bus] = join(parent, bridge->position / 8, bridge->position % 8);
  return tree->path[bus];
}

static Options options_of(const BerthPciModel *model, const char *bus_nr, const char *reserve) {
  if (model == NULL)
    return (Options){0};
  return (Options){model->bridge ? 0 : (guint)berth_model_number(bus_nr, 0),
                   model->bridge ? (guint)MIN(berth_model_number(reserve, 0), LAST_NUMBER) : 0};
}

static void tree_of_inventory(Tree *tree, const BerthInventory *inventory) {
  tree_init(tree, inventory->family);
  for (guint i = 0; i < inventory->devices->len; i++) {
    const BerthDevice *device = inventory->devices->pdata[i];
    const BerthPciModel *model = berth_families_pci_model_of(device);
    tree_add(
        tree, &device->address, model, device->index,
        options_of(model, berth_model_device_get(device, "target/@busNr"), berth_model_device_get(device, "target/@busReserve")));
  }
  tree_number(tree);
}

void berth_families_pci_number(BerthInventory *inventory) {
  g_auto(Tree) tree = {0};
  tree_of_inventory(&tree, inventory);
  for (guint i = 0; i < inventory->devices->len; i++) {
    BerthDevice *device = inventory->devices->pdata[i];
    g_clear_pointer(&device->path, g_free);
    device->guest_bus = NO_NUMBER;
    if (!usable(&device->address))
      continue;
    guint bus = (guint)device->address.value[BERTH_PCI_BUS], slot = (guint)device->address.value[BERTH_PCI_SLOT];
    guint function = (guint)device->address.value[BERTH_PCI_FUNCTION];
    const char *path = path_of(&tree, bus, 0);
    if (path != NULL)
      device->path = join(path, slot, function);
    if (visible(&tree, bus, slot * 8 + function))
      device->guest_bus = tree.number[bus];
  }
}

static void tree_of_record(Tree *tree, const BerthRecord *record, const BerthMachineFamily *family) {
  tree_init(tree, family);
  for (guint i = 0; i < record->entries->len; i++) {
    const BerthRecordEntry *entry = record->entries->pdata[i];
    if (entry->gone != NULL)
      continue;
    gint64 index = berth_families_pci_recorded_index(entry);
    const BerthPciModel *model = NULL;
    if (index > 0 && entry->kind != NULL && g_str_has_prefix(entry->kind, "pci/"))
      model = berth_families_pci_model(entry->kind + strlen("pci/"));
    tree_add(tree, &entry->address, model, index,
             options_of(model, berth_model_record_entry_get(entry, "target/@busNr"),
                        berth_model_record_entry_get(entry, "target/@busReserve")));
  }
  tree_number(tree);
}

static void G_GNUC_PRINTF(2, 3) note(const BerthAssignment *assignment, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  g_ptr_array_add(assignment->notes, g_strdup_vprintf(format, arguments));
  va_end(arguments);
}

/* The I/O space of a pc ends there: each bridge gets 4 KiB of it for what is behind (measured: SeaBIOS stops at the 12th). */
#define MANY_BRIDGES 11

/* Measured with 1,000 virtio NICs on q35 and QEMU 7.2: it has 4,096 sections of memory, and aborts as firmware switches on the
 * 479th NIC. */
#define MANY_DEVICES 450

static void note_many(const BerthAssignment *assignment, const Tree *after) {
  guint bridges = 0, devices = 0;
  for (guint i = 0; i < after->bridges->len; i++) {
    const BerthPciModel *model = g_array_index(after->bridges, Bridge, i).model;
    bridges += model->bridge && (model->accepts & BERTH_PCI_CONVENTIONAL);
  }
  for (guint i = 0; i < assignment->inventory->devices->len; i++) {
    const BerthDevice *device = assignment->inventory->devices->pdata[i];
    devices += usable(&device->address) && berth_families_pci_model_of(device) == NULL;
  }
  if (bridges > MANY_BRIDGES)
    note(assignment,
         "firmware will not enumerate all of this guest's devices: it has %u PCI bridges, and I/O space is for about %u", bridges,
         MANY_BRIDGES);
  if (devices > MANY_DEVICES)
    note(assignment,
         "firmware will not enumerate all of this guest's devices: it has %u on PCI, and QEMU has memory sections for about %u",
         devices, MANY_DEVICES);
}

static void note_unseen_devices(const BerthAssignment *assignment, const Tree *after) {
  for (guint i = 0; i < assignment->inventory->devices->len; i++) {
    const BerthDevice *device = assignment->inventory->devices->pdata[i];
    const BerthAddress *address = &device->address;
    if (!usable(address) || berth_families_pci_model_of(device) != NULL ||
        visible(after, (guint)address->value[BERTH_PCI_BUS],
                (guint)(address->value[BERTH_PCI_SLOT] * 8 + address->value[BERTH_PCI_FUNCTION])))
      continue;
    g_autofree char *name = berth_model_device_name(device), *place = berth_model_address_to_string(address);
    note(assignment, "the guest will not see %s: nothing is at function 0 of its slot (%s)", name, place);
  }
}

/* The root, of those that have a number, whose buses have @number: bus 0 or an expander bus. */
static guint root_of(const Tree *tree, gint number) {
  guint root = 0;
  for (guint i = 1; i < BERTH_PCI_MAX_BUSES; i++)
    if (tree->by_index[i] != NULL && !tree->by_index[i]->model->bridge && tree->number[i] != NO_NUMBER &&
        tree->number[i] <= number && number <= tree->last[i])
      root = i;
  return root;
}

static void note_unseen_bus(const BerthAssignment *assignment, const Tree *after, const Bridge *bridge) {
  guint root = root_of(after, (gint)bridge->bus_nr);
  if (!visible(after, bridge->bus, bridge->position))
    note(assignment, "the guest will not see controller pci %u and what is behind it: nothing is at function 0 of its slot",
         bridge->index);
  else if (!bridge->model->bridge && !after->overflow)
    note(assignment,
         "the guest loses devices: busNr %u of controller pci %u is among the bus numbers %d to %d behind controller pci %u; give "
         "it one "
         "above those",
         bridge->bus_nr, bridge->index, after->number[root], after->last[root], root);
  else
    note(assignment, "the guest will not see what is behind controller pci %u: firmware has no bus number for it", bridge->index);
}

static void note_unseen(const BerthAssignment *assignment, const Tree *after) {
  if (after->overflow)
    note(assignment,
         "the guest has more buses than the %d numbers that there are for them: SeaBIOS does not get past that, and UEFI "
         "firmware leaves devices out",
         LAST_NUMBER);
  for (guint i = 1; i < BERTH_PCI_MAX_BUSES; i++)
    if (after->by_index[i] != NULL && after->number[i] == NO_NUMBER)
      note_unseen_bus(assignment, after, after->by_index[i]);
}

/* guest-bus-numbers §4. */
static void note_reserves(const BerthAssignment *assignment, const Tree *after) {
  for (guint i = 1; i < BERTH_PCI_MAX_BUSES; i++) {
    const Bridge *bridge = after->by_index[i];
    if (bridge != NULL && bridge->reserve > 0 && (gint)bridge->reserve <= after->below[i])
      note(assignment,
           "SeaBIOS loses devices: it takes busReserve %u of controller pci %u for a bus number, since %d buses are behind that; "
           "make it "
           "%d or more, or leave it out",
           bridge->reserve, i, after->below[i], after->below[i] + 1);
  }
}

static void note_shifts(const BerthAssignment *assignment, const BerthRecord *record, const Tree *after) {
  g_auto(Tree) before = {0};
  tree_of_record(&before, record, assignment->inventory->family);
  g_autoptr(GString) shifts = g_string_new(NULL);
  for (guint i = 1; i < BERTH_PCI_MAX_BUSES; i++)
    if (before.number[i] != NO_NUMBER && after->number[i] != NO_NUMBER && before.number[i] != after->number[i])
      g_string_append_printf(shifts, "%s controller pci %u: %d → %d", shifts->len > 0 ? "," : "guest bus numbers shift:", i,
                             before.number[i], after->number[i]);
  if (shifts->len > 0)
    note(assignment, "%s", shifts->str);
}

void berth_families_pci_note_numbers(const BerthAssignment *assignment) {
  const BerthRecord *record = berth_families_pci_before(assignment);
  if (assignment->notes == NULL)
    return;
  g_auto(Tree) after = {0};
  tree_of_inventory(&after, assignment->inventory);
  if (record != NULL)
    note_shifts(assignment, record, &after);
  note_unseen(assignment, &after);
  note_reserves(assignment, &after);
  note_unseen_devices(assignment, &after);
  note_many(assignment, &after);
}
