/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How many devices can still be plugged in. Nobody counts slots for that: the engine is asked where so many of a kind would go, as
 * attach asks it for one; so what is told here is what attach does.
 */
#include "lib/room.h"

#include <string.h>

#include "families/families.h"
#include "kinds/kinds.h"
#include "model/identity.h"
#include "xml/splice.h"

/* A device that needs one place of a sort, and nothing else. %u: its number; %s: its target name. */
static const struct {
  const char *sort, *xml, *more;
} probes[] = {
    {"PCI Express ports", "<interface type='null'><mac address='52:54:00:be:%02x:%02x'/><model type='e1000e'/></interface>",
     "define --pcie-ports N, for the next start"},
    {"conventional PCI slots", "<interface type='null'><mac address='52:54:00:be:%02x:%02x'/><model type='rtl8139'/></interface>",
     "a pci-bridge or pcie-to-pci-bridge in the definition, for the next start"},
    {"SCSI units", "<disk type='file' device='cdrom'><target dev='%s' bus='scsi'/></disk>",
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

/* The SCSI units of a controller that target names lead to (addressing §4.3). */
#define SCSI_UNITS 7u

/* "xvda", "xvdb" …: as good as "sda" for the place. The first such name that is not in @used. */
static char *target_name(guint number, GHashTable *used) {
  static const char *const prefixes[] = {"xvd", "vd", "hd", "sd"};
  g_autofree char *letters = g_strdup("");
  for (guint rest = number + 1; rest > 0; rest = (rest - 1) / 26) {
    char *more = g_strdup_printf("%c%s", 'a' + (rest - 1) % 26, letters);
    g_free(letters);
    letters = more;
  }
  char *name = NULL;
  for (guint i = 0; i < G_N_ELEMENTS(prefixes) && (name == NULL || g_hash_table_contains(used, name)); i++) {
    g_free(name);
    name = g_strconcat(prefixes[i], letters, NULL);
  }
  return name;
}

static char *probe_text(guint sort, guint number, GHashTable *used) {
  guint high = sort == MEMORY ? MIB : number / 256, low = sort == MEMORY ? 0 : number % 256;
  g_autofree char *target = target_name(number, used);
/* The formats are the table's own. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  return sort == SCSI ? g_strdup_printf(probes[sort].xml, target) : g_strdup_printf(probes[sort].xml, high, low);
#pragma GCC diagnostic pop
}

/* Target names that would be recalled, or clash: of the disks that are there, and of those that @record keeps a place for. */
static GHashTable *target_names(const BerthPlan *plan, const BerthRecord *record) {
  GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  const BerthDevice *disk;
  for (guint i = 0; (disk = berth_model_inventory_walk(plan->inventory, BERTH_DISK, &i)) != NULL;)
    g_hash_table_add(names, g_strdup(berth_model_device_get(disk, "target/@dev")));
  for (guint i = 0; i < record->entries->len; i++) {
    const char *key = berth_model_record_entry_key(g_ptr_array_index(record->entries, i), BERTH_KEY_TARGET);
    const char *colon = key != NULL ? strrchr(key, ':') : NULL;
    if (colon != NULL)
      g_hash_table_add(names, g_strdup(colon + 1));
  }
  return names;
}

static GHashTable *ids_of(const BerthPlan *plan) {
  GHashTable *ids = g_hash_table_new(g_str_hash, g_str_equal);
  for (guint i = 0; i < plan->inventory->devices->len; i++) {
    const BerthDevice *device = g_ptr_array_index(plan->inventory->devices, i);
    if (device->id != NULL)
      g_hash_table_add(ids, device->id);
  }
  return ids;
}

/* What all questions share. */
typedef struct {
  const BerthLibRoom *room;
  GHashTable *used; /* target_names() */
  GHashTable *ids;  /* of the devices that are there */
} Search;

/* What the room has with the probes of these numbers. */
static BerthXmlDocument *with_probes(const Search *search, guint sort, const guint *numbers, guint n) {
  const BerthXmlDocument *document = search->room->plan->inventory->document;
  const BerthXmlNode *devices = berth_xml_node_child(document->root, "devices");
  g_autoptr(GString) text = g_string_new("<probes>");
  for (guint i = 0; i < n; i++) {
    g_autofree char *probe = probe_text(sort, numbers[i], search->used);
    g_string_append(text, probe);
  }
  g_string_append(text, "</probes>");
  g_autoptr(GBytes) bytes = g_bytes_new(text->str, text->len);
  g_autoptr(BerthXmlDocument) list = berth_xml_document_parse(bytes, document->file, NULL);
  if (devices == NULL || list == NULL)
    return NULL;
  g_autoptr(BerthXmlEdits) edits = berth_xml_edits_new(document);
  for (const BerthXmlNode *node = berth_xml_node_child(list->root, NULL); node != NULL; node = berth_xml_node_next(node, NULL))
    berth_xml_edits_add(edits, devices, NULL, berth_xml_draft_of(edits, node, NULL));
  return berth_xml_edits_document(edits, NULL);
}

static gboolean is_pluggable(const BerthPlan *plan, const BerthDevice *device) {
  const BerthFamily *family = berth_families_find(berth_families, device->address.type);
  if (family == NULL || berth_kinds_immovable(device) != NULL)
    return FALSE;
  if (family->fits != NULL && !family->fits(plan->inventory, device, &device->address))
    return FALSE;
  g_autofree char *why = family->immovable != NULL ? family->immovable(plan->inventory, device) : NULL;
  return why == NULL;
}

/* Whether the probes of these numbers all find places that they can be plugged into, with the controllers that are there. */
static gboolean fits(const Search *search, guint sort, const guint *numbers, guint n) {
  const BerthLibRoom *room = search->room;
  BerthXmlDocument *document = with_probes(search, sort, numbers, n);
  g_autoptr(BerthPlan) plan = berth_lib_live_plan(document, room->record, room->facts, NULL, NULL);
  guint before = room->plan->inventory->devices->len;
  if (plan == NULL || plan->inventory->devices->len != before + n)
    return FALSE;
  for (guint i = 0; i < plan->inventory->devices->len; i++) {
    const BerthDevice *device = g_ptr_array_index(plan->inventory->devices, i);
    /* Each probe has an id; what has none (<emulator>) is nothing that is plugged in. */
    if (device->id == NULL || g_hash_table_contains(search->ids, device->id))
      continue;
    /* A SCSI disk that steps aside has found another's unit, which is counted by its own name. */
    if (!is_pluggable(plan, device) || (sort == SCSI && device->rule != BERTH_RULE_TARGET))
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

/* How many of these SCSI units are free: each that is asked for along with others must be got, or fewer are asked for at once. */
static guint count_units(const Search *search, const guint *numbers, guint n) {
  if (n == 0 || fits(search, SCSI, numbers, n))
    return n;
  return n > 1 ? count_units(search, numbers, n / 2) + count_units(search, numbers + n / 2, n - n / 2) : 0;
}

/* The numbers of the SCSI units that have a device. */
static GHashTable *taken_units(const BerthPlan *plan) {
  GHashTable *taken = g_hash_table_new(NULL, NULL);
  for (guint i = 0; i < plan->inventory->devices->len; i++) {
    const BerthDevice *device = g_ptr_array_index(plan->inventory->devices, i);
    const guint64 *value = device->address.value;
    if (device->address.type == BERTH_ADDRESS_DRIVE && berth_model_device_is(device, "target/@bus", "scsi") &&
        value[BERTH_DRIVE_BUS] == 0 && value[BERTH_DRIVE_TARGET] == 0 && value[BERTH_DRIVE_UNIT] < SCSI_UNITS)
      g_hash_table_add(taken, GUINT_TO_POINTER((guint)(value[BERTH_DRIVE_CONTROLLER] * SCSI_UNITS + value[BERTH_DRIVE_UNIT])));
  }
  return taken;
}

/* The target name of a SCSI disk says on which controller it is to be, so that each unit is asked for by its name. */
static guint count_scsi(const Search *search) {
  const BerthLibRoom *room = search->room;
  g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(guint));
  g_autoptr(GHashTable) taken = taken_units(room->plan);
  const BerthDevice *controller;
  for (guint i = 0; (controller = berth_model_inventory_walk(room->plan->inventory, BERTH_CONTROLLER, &i)) != NULL;) {
    if (controller->index < 0 || !berth_model_device_is(controller, "@type", "scsi"))
      continue;
    for (guint unit = 0; unit < SCSI_UNITS && numbers->len < BERTH_LIB_ROOM_MOST; unit++) {
      guint number = (guint)controller->index * SCSI_UNITS + unit;
      if (!g_hash_table_contains(taken, GUINT_TO_POINTER(number)))
        g_array_append_val(numbers, number);
    }
  }
  return count_units(search, (const guint *)(gpointer)numbers->data, numbers->len);
}

static guint count(const Search *search, guint sort) {
  if (sort == SCSI)
    return count_scsi(search);
  guint numbers[BERTH_LIB_ROOM_MOST + 1], least = 0, most = 1;
  for (guint i = 0; i < G_N_ELEMENTS(numbers); i++)
    numbers[i] = i;
  while (most <= BERTH_LIB_ROOM_MOST && fits(search, sort, numbers, most)) {
    least = most;
    most *= 2;
  }
  most = MIN(most, BERTH_LIB_ROOM_MOST + 1);
  while (most - least > 1) {
    guint middle = least + (most - least) / 2;
    if (fits(search, sort, numbers, middle))
      least = middle;
    else
      most = middle;
  }
  return least;
}

void berth_lib_room(const BerthLibRoom *room, BerthLibRoomFunc tell, gpointer data) {
  g_autoptr(GHashTable) used = target_names(room->plan, room->record), ids = ids_of(room->plan);
  const Search search = {.room = room, .used = used, .ids = ids};
  for (guint i = 0; i < G_N_ELEMENTS(probes); i++)
    if (has_sort(room, i))
      tell(probes[i].sort, count(&search, i), probes[i].more, data);
}
