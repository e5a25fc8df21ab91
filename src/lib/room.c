/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How many devices can still be plugged in. Nobody counts slots for that: the engine is asked where so many of a kind would go, as
 * attach asks it for one; so what is told here is what attach does.
 */
#include "lib/room.h"

#include <string.h>

#include "families/families.h"
#include "kinds/kinds.h"
#include "xml/splice.h"

/* A device that needs one place of a sort, and nothing else. %u: its number. */
static const struct {
  const char *sort, *xml, *more;
} probes[] = {
    {"PCI Express ports", "<interface type='null'><mac address='52:54:00:be:%02x:%02x'/><model type='e1000e'/></interface>",
     "define --pcie-ports N, for the next start"},
    {"conventional PCI slots", "<interface type='null'><mac address='52:54:00:be:%02x:%02x'/><model type='rtl8139'/></interface>",
     "a pci-bridge or pcie-to-pci-bridge in the definition, for the next start"},
    {"SCSI units", "<disk type='file' device='cdrom'><target dev='sd%c%c' bus='scsi'/></disk>",
     "attach a <controller type='scsi' model='virtio-scsi'/>"},
    {"USB ports", "<hostdev mode='subsystem' type='usb'><source><vendor id='0xbe%02x'/><product id='0xbe%02x'/></source></hostdev>",
     "attach a <controller type='usb' model='qemu-xhci' ports='15'/>"},
    {"virtio-serial ports", "<channel type='null'><target type='virtio' name='org.example.room.%u.%u'/></channel>",
     "attach a <controller type='virtio-serial'/>"},
    {"memory slots", "<memory model='dimm' access='private'><target><size unit='MiB'>%u</size><node>%u</node></target></memory>",
     "<maxMemory slots='N'> in the definition, for the next start"},
};

#define EXPRESS 0
#define CONVENTIONAL 1
#define SCSI 2
#define MEMORY 5
#define MIB 128u

static char *probe_text(guint sort, guint number) {
  guint high = number / 256, low = number % 256;
  if (sort == SCSI) {
    high = 'i' + number / 26;
    low = 'a' + number % 26;
  } else if (sort == MEMORY) {
    high = MIB;
    low = 0;
  }
/* The formats are the table's own. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  return g_strdup_printf(probes[sort].xml, high, low);
#pragma GCC diagnostic pop
}

/* @document with @n probes. */
static BerthXmlDocument *with_probes(GBytes *document, const char *what, guint sort, guint n) {
  g_autoptr(BerthXmlDocument) parsed = berth_xml_document_parse(document, what, NULL);
  const BerthXmlNode *devices = parsed != NULL ? berth_xml_node_child(parsed->root, "devices") : NULL;
  g_autoptr(GString) text = g_string_new("<probes>");
  for (guint i = 0; i < n; i++) {
    g_autofree char *probe = probe_text(sort, i);
    g_string_append(text, probe);
  }
  g_string_append(text, "</probes>");
  g_autoptr(GBytes) bytes = g_bytes_new(text->str, text->len);
  g_autoptr(BerthXmlDocument) list = berth_xml_document_parse(bytes, what, NULL);
  if (devices == NULL || list == NULL)
    return NULL;
  g_autoptr(BerthXmlEdits) edits = berth_xml_edits_new(parsed);
  for (const BerthXmlNode *node = berth_xml_node_child(list->root, NULL); node != NULL; node = berth_xml_node_next(node, NULL))
    berth_xml_edits_add(edits, devices, NULL, berth_xml_draft_of(edits, node, NULL));
  return berth_xml_edits_document(edits, NULL);
}

static gboolean is_pluggable(const BerthPlan *plan, const BerthDevice *device) {
  const BerthFamily *family = berth_families_find(berth_families, device->address.type);
  if (family == NULL || berth_kinds_immovable(device) != NULL)
    return FALSE;
  g_autofree char *why = family->immovable != NULL ? family->immovable(plan->inventory, device) : NULL;
  return why == NULL;
}

/* Whether @n more find places that they can be plugged into, with the controllers that are there. */
static gboolean fits(const BerthLibRoom *room, guint sort, guint n) {
  g_autoptr(BerthRecord) record = berth_record_parse(room->record, -1, room->what, NULL);
  BerthXmlDocument *document = record != NULL ? with_probes(room->document, room->what, sort, n) : NULL;
  g_autoptr(BerthPlan) plan = berth_lib_live_plan(document, record, room->facts, NULL, NULL);
  guint before = room->plan->inventory->devices->len;
  if (plan == NULL || plan->inventory->devices->len != before + n)
    return FALSE;
  for (guint i = 0; i < plan->inventory->devices->len; i++) {
    const BerthDevice *device = g_ptr_array_index(plan->inventory->devices, i);
    if (berth_lib_live_device(room->plan, device->id) == NULL && !is_pluggable(plan, device))
      return FALSE;
  }
  return TRUE;
}

/* The kind that shows what is left of a sort of slot may be at home in another on this machine (addressing §3.2). */
static gboolean has_sort(const BerthLibRoom *room, guint sort) {
  gboolean express = FALSE;
  const BerthDevice *controller;
  for (guint i = 0; (controller = berth_model_inventory_walk(room->plan->inventory, BERTH_CONTROLLER, &i)) != NULL;)
    express |= berth_model_device_is(controller, "@model", "pcie-root");
  return sort != EXPRESS || express;
}

static guint count(const BerthLibRoom *room, guint sort) {
  guint least = 0, most = 1;
  while (most <= BERTH_LIB_ROOM_MOST && fits(room, sort, most)) {
    least = most;
    most *= 2;
  }
  most = MIN(most, BERTH_LIB_ROOM_MOST + 1);
  while (most - least > 1) {
    guint middle = least + (most - least) / 2;
    if (fits(room, sort, middle))
      least = middle;
    else
      most = middle;
  }
  return least;
}

void berth_lib_room(const BerthLibRoom *room, BerthLibRoomFunc tell, gpointer data) {
  for (guint i = 0; i < G_N_ELEMENTS(probes); i++)
    if (has_sort(room, i))
      tell(probes[i].sort, count(room, i), probes[i].more, data);
}
