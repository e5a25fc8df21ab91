/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "assign/flavour.h"

#include "facts/machine.h"

static const char *flavour_of(const BerthDevice *device) {
  const char *path = device->element->flavour_path;
  return path != NULL ? berth_model_device_get(device, path) : NULL;
}

static void set_flavour(const BerthAssignment *assignment, BerthDevice *device, const char *flavour) {
  berth_model_device_set(device, device->element->flavour_path, flavour);
  device->kind = assignment->classify(device);
}

void berth_assign_flavour_spelling(BerthAssignment *assignment) {
  const GPtrArray *devices = assignment->inventory->devices;
  for (guint i = 0; i < devices->len; i++) {
    BerthDevice *device = g_ptr_array_index(devices, i);
    if (g_strcmp0(flavour_of(device), BERTH_FLAVOUR_LEGACY) == 0)
      set_flavour(assignment, device, BERTH_FLAVOUR_TRANSITIONAL);
  }
}

/* On a conventional bus a device without flavour is transitional by itself; only an express port makes it speak 1.0 alone. */
static gboolean matters(const BerthAssignment *assignment) {
  const BerthMachineFamily *family = assignment->inventory->family;
  return family != NULL && g_strcmp0(family->pci_root, "pcie-root") == 0;
}

void berth_assign_flavour_note(const BerthAssignment *assignment, const BerthPlanOptions *options) {
  static const char *const notes[] = {
      [BERTH_VIRTIO_UNKNOWN] = "is not in libosinfo's database",
      [BERTH_VIRTIO_UNSAID] = "is in libosinfo's database, but not which virtio it speaks",
  };
  if ((guint)options->virtio >= G_N_ELEMENTS(notes) || notes[options->virtio] == NULL || !matters(assignment))
    return;
  /* It may come from a document, and a note is one line. */
  g_autofree char *os = g_strescape(options->os != NULL ? options->os : "", NULL);
  g_ptr_array_add(assignment->notes,
                  g_strdup_printf("os '%s' %s; virtio devices get no other flavour", os, notes[options->virtio]));
}

static void note_kept(const BerthRecall *recall, const BerthDevice *device) {
  g_autofree char *name = berth_model_device_name(device);
  g_autofree char *os = g_strescape(recall->options->os != NULL ? recall->options->os : "the guest", NULL);
  g_ptr_array_add(
      recall->assignment->notes,
      g_strdup_printf(
          "%s keeps its recorded place and flavour, although %s speaks virtio 0.9 only; say model " BERTH_FLAVOUR_TRANSITIONAL
          " to change it",
          name, os));
}

/* The flavour that @device should have; NULL: as it is. */
static const char *choose(const BerthRecall *recall, const BerthDevice *device) {
  gboolean legacy = recall->options->virtio == BERTH_VIRTIO_LEGACY;
  const BerthRecordEntry *entry = recall->same_machine ? berth_assign_recall_entry(recall, device) : NULL;
  if (entry != NULL && entry->flavour != NULL)
    return entry->flavour;
  g_autofree char *variant = entry != NULL ? device->element->variant(device) : NULL;
  if (entry == NULL || g_strcmp0(entry->kind, variant) != 0)
    return legacy ? BERTH_FLAVOUR_TRANSITIONAL : NULL;
  if (legacy && !g_hash_table_contains(recall->settled, device))
    note_kept(recall, device);
  return NULL;
}

void berth_assign_flavours(BerthRecall *recall) {
  const GPtrArray *devices = recall->assignment->inventory->devices;
  for (guint i = 0; matters(recall->assignment) && i < devices->len; i++) {
    BerthDevice *device = g_ptr_array_index(devices, i);
    if (device->element->flavour_path == NULL || device->kind == NULL || (device->kind->flags & BERTH_KIND_HAS_TRANSITIONAL) == 0)
      continue;
    const char *flavour = choose(recall, device);
    if (flavour != NULL)
      set_flavour(recall->assignment, device, flavour);
  }
}

/* With --previous nothing says who wrote the flavour, so it is taken for berth's, as the controllers are. */
const char *berth_assign_flavour_made(const BerthRecall *recall, const BerthDevice *device) {
  const char *path = device->element->flavour_path, *flavour = flavour_of(device);
  if (g_strcmp0(flavour, BERTH_FLAVOUR_TRANSITIONAL) != 0)
    return NULL;
  const BerthRecordEntry *old = berth_assign_recall_entry(recall, device);
  const char *written = device->node != NULL ? berth_xml_node_get(device->node, path) : NULL;
  gboolean by_document = g_strcmp0(written, flavour) == 0 || g_strcmp0(written, BERTH_FLAVOUR_LEGACY) == 0;
  return recall == NULL || !by_document || (old != NULL && old->flavour != NULL) ? flavour : NULL;
}
