/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Toy guests for the tests of the PCI family. A guest is a line of devices, "NAME[#INDEX][@BUS:SLOT.FN[+|-]]", "3*vnet" three of
 * them; an answer is the same line with all addresses ("+": multifunction on, "-": off), devices that were added at the end. In a
 * record "!" is a device that is gone.
 */
#pragma once

#include "base/json.h"
#include <stdio.h>
#include <string.h>

#include "facts/facts.h"
#include "facts/machine.h"
#include "families/rows.h"

#define CONV (BERTH_PCI_CONVENTIONAL | BERTH_PCI_AUTO)
#define PCIE BERTH_PCI_BY_MACHINE
#define PCI BERTH_ADDRESS_PCI

typedef struct {
  const char *name, *type, *model;
  BerthKind kind;
} Toy;

static const Toy toys[] = {
    {"pciroot", "pci", "pci-root", {BERTH_CONTROLLER, "", NULL, BERTH_ADDRESS_NONE, 0, 0, 0, NULL}},
    {"pcieroot", "pci", "pcie-root", {BERTH_CONTROLLER, "", NULL, BERTH_ADDRESS_NONE, 0, 0, 0, NULL}},
    {"pb", "pci", "pci-bridge", {BERTH_CONTROLLER, "", "", PCI, BERTH_PCI_PCI_BRIDGE, 1, 0, NULL}},
    {"ppb", "pci", "pcie-to-pci-bridge", {BERTH_CONTROLLER, "", "", PCI, BERTH_PCI_PCIE_PCI_BRIDGE, 1, 0, NULL}},
    {"dmi", "pci", "dmi-to-pci-bridge", {BERTH_CONTROLLER, "", "", PCI, BERTH_PCI_DMI_BRIDGE, 1, 0, NULL}},
    {"rp", "pci", "pcie-root-port", {BERTH_CONTROLLER, "", "", PCI, BERTH_PCI_ROOT_PORT | BERTH_PCI_AGGREGATE, 1, 0, NULL}},
    {"up", "pci", "pcie-switch-upstream-port", {BERTH_CONTROLLER, "", "", PCI, BERTH_PCI_UPSTREAM, 1, 0, NULL}},
    {"dn", "pci", "pcie-switch-downstream-port", {BERTH_CONTROLLER, "", "", PCI, BERTH_PCI_DOWNSTREAM, 1, 0, NULL}},
    {"pxb", "pci", "pci-expander-bus", {BERTH_CONTROLLER, "", "", PCI, BERTH_PCI_PXB, 1, 0, NULL}},
    {"pxbe", "pci", "pcie-expander-bus", {BERTH_CONTROLLER, "", "", PCI, BERTH_PCI_PXB_PCIE, 1, 0, NULL}},
    {"fs", NULL, NULL, {BERTH_FILESYSTEM, "", "", PCI, PCIE, 2, 0, NULL}},
    {"vnet", NULL, "virtio", {BERTH_INTERFACE, "", "", PCI, PCIE, 3, 0, NULL}},
    {"tnet", NULL, "virtio-transitional", {BERTH_INTERFACE, "", "", PCI, CONV, 3, 0, NULL}},
    {"e1000", NULL, "e1000", {BERTH_INTERFACE, "", "", PCI, CONV, 3, 0, NULL}},
    {"strange", NULL, "ne2k_pci", {BERTH_INTERFACE, NULL, NULL, PCI, 0, 0, 0, NULL}},
    {"nothing", NULL, NULL, {BERTH_INTERFACE, "", "", PCI, 0, 3, 0, NULL}},
    {"hostnet", NULL, NULL, {BERTH_INTERFACE, "", "", PCI, BERTH_PCI_BY_HOST, 7, 0, NULL}},
    {"ich9snd", NULL, "ich9", {BERTH_SOUND, "", "", PCI, CONV, 4, 0, NULL}},
    {"ac97", NULL, "ac97", {BERTH_SOUND, "", "", PCI, CONV, 4, 0, NULL}},
    {"piix3", "usb", "piix3-uhci", {BERTH_CONTROLLER, "", "", PCI, CONV, 5, 0, NULL}},
    {"piix4", "usb", "piix4-uhci", {BERTH_CONTROLLER, "", "", PCI, CONV, 5, 0, NULL}},
    {"xhci", "usb", "qemu-xhci", {BERTH_CONTROLLER, "", "", PCI, PCIE, 5, 0, NULL}},
    {"ehci1", "usb", "ich9-ehci1", {BERTH_CONTROLLER, "", "", PCI, CONV, 5, 0, NULL}},
    {"uhci1", "usb", "ich9-uhci1", {BERTH_CONTROLLER, "", "", PCI, CONV, 5, 0, NULL}},
    {"uhci2", "usb", "ich9-uhci2", {BERTH_CONTROLLER, "", "", PCI, CONV, 5, 0, NULL}},
    {"uhci3", "usb", "ich9-uhci3", {BERTH_CONTROLLER, "", "", PCI, CONV, 5, 0, NULL}},
    {"sata", "sata", NULL, {BERTH_CONTROLLER, "", "", PCI, CONV, 5, 0, NULL}},
    {"ide", "ide", NULL, {BERTH_CONTROLLER, "", "", PCI, CONV, 5, 0, NULL}},
    {"lsi", "scsi", "lsilogic", {BERTH_CONTROLLER, "", "", PCI, CONV, 5, 0, NULL}},
    {"vscsi", "scsi", "virtio-scsi", {BERTH_CONTROLLER, "", "", PCI, PCIE, 5, 0, NULL}},
    {"vserial", "virtio-serial", NULL, {BERTH_CONTROLLER, "", "", PCI, PCIE, 5, 0, NULL}},
    {"vd", NULL, NULL, {BERTH_DISK, "", "", PCI, PCIE, 6, 0, NULL}},
    {"sd", NULL, NULL, {BERTH_DISK, "", "", BERTH_ADDRESS_DRIVE, 0, 0, 0, NULL}},
    {"hostdev", NULL, NULL, {BERTH_HOSTDEV, "", "", PCI, BERTH_PCI_BY_HOST, 7, 0, NULL}},
    {"balloon", NULL, "virtio", {BERTH_MEMBALLOON, "", "", PCI, PCIE, 8, 0, NULL}},
    {"tballoon", NULL, "virtio-transitional", {BERTH_MEMBALLOON, "", "", PCI, CONV, 8, 0, NULL}},
    {"rng", NULL, NULL, {BERTH_RNG, "", "", PCI, PCIE, 9, 0, NULL}},
    {"i6300esb", NULL, NULL, {BERTH_WATCHDOG, "", "", PCI, CONV, 10, 0, NULL}},
    {"qxl", NULL, NULL, {BERTH_VIDEO, "", "", PCI, CONV, 11, 0, NULL}},
    {"vvideo", NULL, NULL, {BERTH_VIDEO, "", "", PCI, PCIE, 11, 0, NULL}},
    {"ramfb", NULL, NULL, {BERTH_VIDEO, "", NULL, BERTH_ADDRESS_NONE, 0, 0, 0, NULL}},
    {"shmem", NULL, NULL, {BERTH_SHMEM, "", "", PCI, CONV, 12, 0, NULL}},
    {"tablet", NULL, NULL, {BERTH_INPUT, "", "", PCI, PCIE, 13, 0, NULL}},
    {"pciserial", NULL, NULL, {BERTH_SERIAL, "", "", PCI, CONV, 14, 0, NULL}},
    {"viommu", NULL, NULL, {BERTH_IOMMU, "", "", PCI, PCIE | BERTH_PCI_INTEGRATED, 15, 0, NULL}},
    {"vsock", NULL, NULL, {BERTH_VSOCK, "", "", PCI, PCIE, 16, 0, NULL}},
};

static const char *const element_names[BERTH_N_ELEMENTS] = {[BERTH_DISK] = "disk",
                                                            [BERTH_INTERFACE] = "interface",
                                                            [BERTH_CONTROLLER] = "controller",
                                                            [BERTH_VIDEO] = "video",
                                                            [BERTH_FILESYSTEM] = "filesystem",
                                                            [BERTH_SOUND] = "sound",
                                                            [BERTH_MEMBALLOON] = "memballoon"};

static BerthElement elements[BERTH_N_ELEMENTS];

G_GNUC_UNUSED static const Toy *toy_of(const BerthDevice *device) {
  for (guint i = 0; i < G_N_ELEMENTS(toys); i++)
    if (device->kind != NULL ? device->kind == &toys[i].kind : toys[i].kind.variant == NULL)
      return &toys[i];
  g_assert_not_reached();
}

G_GNUC_UNUSED static const BerthKind *classify(const BerthDevice *device) {
  for (guint i = 0; i < G_N_ELEMENTS(toys); i++)
    if (toys[i].type != NULL && berth_model_device_is(device, "@type", toys[i].type) &&
        berth_model_device_is(device, "@model", toys[i].model))
      return &toys[i].kind;
  return NULL;
}

typedef struct {
  BerthXmlDocument document;
  BerthXmlNode *nodes; /* one a device: only their lines count */
  BerthInventory *inventory;
  BerthRecord *record; /* borrowed */
  BerthFacts *facts;   /* borrowed */
  GPtrArray *notes;
  gint pcie_ports;
} Guest;

G_GNUC_UNUSED static void guest_free(Guest *guest) {
  berth_model_inventory_free(guest->inventory);
  g_ptr_array_unref(guest->notes);
  g_free(guest->nodes);
  g_free(guest);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Guest, guest_free)

typedef struct {
  const Toy *toy;
  gint64 index;
  guint count;
  gboolean gone;
  BerthAddress address;
} Word;

/* "3*vnet", "!rp#4@00:02.0+" */
G_GNUC_UNUSED static Word parse_word(const char *text) {
  Word word = {NULL, -1, 1, FALSE, {0}};
  if (*text == '!') {
    word.gone = TRUE;
    text++;
  }
  const char *star = strchr(text, '*');
  if (star != NULL) {
    word.count = (guint)g_ascii_strtoull(text, NULL, 10);
    text = star + 1;
  }
  g_autofree char *name = g_strndup(text, strcspn(text, "#@"));
  for (guint i = 0; i < G_N_ELEMENTS(toys); i++)
    if (g_str_equal(toys[i].name, name))
      word.toy = &toys[i];
  g_assert_nonnull(word.toy);
  const char *index = strchr(text, '#'), *at = strchr(text, '@');
  if (index != NULL)
    word.index = (gint64)g_ascii_strtoull(index + 1, NULL, 10);
  guint bus, slot, function;
  if (at != NULL && sscanf(at, "@%x:%x.%x", &bus, &slot, &function) == 3)
    word.address = berth_model_address_pci(bus, slot, function);
  if (at != NULL && strpbrk(at, "+-") != NULL)
    berth_model_address_set(&word.address, BERTH_PCI_MULTIFUNCTION, strchr(at, '+') != NULL);
  return word;
}

G_GNUC_UNUSED static BerthDevice *device_new(const Word *word, const BerthXmlNode *node) {
  BerthDevice *device = berth_model_device_new(&elements[word->toy->kind.element], node);
  device->kind = word->toy->kind.variant != NULL ? &word->toy->kind : NULL;
  device->address = device->written = word->address;
  device->rule = word->address.type == BERTH_ADDRESS_NONE ? BERTH_RULE_NONE : BERTH_RULE_DOCUMENT;
  if (word->toy->type != NULL) {
    device->index = MAX(word->index, 0);
    berth_model_device_set(device, "@type", word->toy->type);
  }
  if (word->toy->model != NULL)
    berth_model_device_set(device, word->toy->kind.element == BERTH_INTERFACE ? "model/@type" : "@model", word->toy->model);
  return device;
}

G_GNUC_UNUSED static Guest *guest_new(const char *machine, const char *line) {
  Guest *guest = g_new0(Guest, 1);
  guest->document.file = (char *)"toy.xml";
  guest->inventory = berth_model_inventory_new(&guest->document, &elements[BERTH_OTHER]);
  guest->inventory->family = berth_facts_machine_family("x86_64", machine);
  guest->notes = g_ptr_array_new_with_free_func(g_free);
  const char *root = guest->inventory->family->pci_root;
  g_autofree char *all =
      root == NULL ? g_strdup(line) : g_strconcat(g_str_equal(root, "pci-root") ? "pciroot" : "pcieroot", " ", line, NULL);
  g_auto(GStrv) words = g_strsplit(all, " ", -1);
  guest->nodes = g_new0(BerthXmlNode, 4096);
  guint n = 0, positions[BERTH_N_ELEMENTS] = {0};
  for (guint i = 0; words[i] != NULL; i++) {
    if (*words[i] == '\0')
      continue;
    Word word = parse_word(words[i]);
    for (guint k = 0; k < word.count; k++, n++) {
      g_assert_cmpuint(n, <, 4096);
      guest->nodes[n].file = guest->document.file;
      guest->nodes[n].line = n;
      BerthDevice *device = device_new(&word, &guest->nodes[n]);
      if (device->index < 0)
        device->index = positions[device->element->id]++;
      g_ptr_array_add(guest->inventory->devices, device);
    }
  }
  return guest;
}

G_GNUC_UNUSED static gboolean guest_assign(Guest *guest, GError **error) {
  BerthAssignment assignment = {guest->inventory, guest->facts, guest->record, elements,
                                classify,         guest->notes, NULL,          guest->pcie_ports};
  return berth_families_pci_assign(&assignment, error);
}

G_GNUC_UNUSED static char *guest_line(const Guest *guest) {
  g_autoptr(GString) line = g_string_new(NULL);
  guint n = guest->inventory->devices->len;
  for (guint i = 0; i < 2 * n; i++) {
    const BerthDevice *device = guest->inventory->devices->pdata[i % n];
    const BerthAddress *address = &device->address;
    const Toy *toy = toy_of(device);
    if ((device->origin == BERTH_ORIGIN_GROWN) != (i >= n))
      continue;
    if (device->element->id == BERTH_CONTROLLER && device->index == 0 && g_strcmp0(toy->type, "pci") == 0)
      continue;
    g_string_append_printf(line, "%s%s", line->len > 0 ? " " : "", toy->name);
    if (toy->type != NULL && device->index > 0)
      g_string_append_printf(line, "#%d", (int)device->index);
    if (address->type == BERTH_ADDRESS_PCI)
      g_string_append_printf(line, "@%02x:%02x.%x", (guint)address->value[BERTH_PCI_BUS], (guint)address->value[BERTH_PCI_SLOT],
                             (guint)address->value[BERTH_PCI_FUNCTION]);
    if (address->given >> BERTH_PCI_MULTIFUNCTION & 1)
      g_string_append_c(line, address->value[BERTH_PCI_MULTIFUNCTION] ? '+' : '-');
  }
  return g_string_free(g_steal_pointer(&line), FALSE);
}

G_GNUC_UNUSED static guint count_grown(const Guest *guest, const char *model) {
  guint n = 0;
  for (guint i = 0; i < guest->inventory->devices->len; i++) {
    const BerthDevice *device = guest->inventory->devices->pdata[i];
    n += device->origin == BERTH_ORIGIN_GROWN && berth_model_device_is(device, "@model", model);
  }
  return n;
}

G_GNUC_UNUSED static void check(const char *machine, const char *devices, const char *expected) {
  g_autoptr(Guest) guest = guest_new(machine, devices);
  g_autoptr(GError) error = NULL;
  guest_assign(guest, &error);
  g_assert_no_error(error);
  g_autofree char *line = guest_line(guest);
  g_assert_cmpstr(line, ==, expected);
}

/* What a record of @line would hold. */
G_GNUC_UNUSED static BerthRecord *record_new(const char *line) {
  BerthRecord *record = berth_model_record_new();
  g_auto(GStrv) words = g_strsplit(line, " ", -1);
  for (guint i = 0; words[i] != NULL; i++) {
    if (*words[i] == '\0')
      continue;
    Word word = parse_word(words[i]);
    gboolean bridge = g_strcmp0(word.toy->type, "pci") == 0;
    g_autofree char *kind = bridge ? g_strconcat("pci/", word.toy->model, NULL) : g_strdup(word.toy->name);
    const char *element = element_names[word.toy->kind.element];
    BerthRecordEntry *entry = berth_model_record_entry_new(element != NULL ? element : "other", kind);
    entry->address = word.address;
    if (word.toy->type != NULL)
      g_ptr_array_add(entry->keys, g_strdup_printf("controller=%s:%d", word.toy->type, (int)MAX(word.index, 0)));
    else
      g_ptr_array_add(entry->keys, g_strdup_printf("content=%u", i));
    entry->gone = word.gone ? g_strdup("2026-01-01T00:00:00Z") : NULL;
    g_ptr_array_add(record->entries, entry);
  }
  return record;
}

G_GNUC_UNUSED static void toys_init(void) {
  for (guint i = 0; i < BERTH_N_ELEMENTS; i++) {
    elements[i].id = (BerthElementId)i;
    elements[i].name = element_names[i] != NULL ? element_names[i] : "device";
  }
}
