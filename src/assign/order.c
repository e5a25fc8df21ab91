/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "assign/stages.h"

#include "facts/target.h"

typedef struct {
  BerthDevice *disk;
  gsize bus;     /* position of the first disk that is written with the same bus, or without one as well */
  gint64 number; /* of its target; -1: not one that is counted */
} DiskPlace;

static gint compare_disks(gconstpointer a, gconstpointer b, G_GNUC_UNUSED gpointer data) {
  const DiskPlace *x = a, *y = b;
  if (x->bus != y->bus)
    return x->bus < y->bus ? -1 : 1;
  return (x->number > y->number) - (x->number < y->number);
}

/* The disks of one bus stand together, by target; the buses in the order in which they are first met. Disks that say no bus count
 * as one bus at this moment, whatever bus they get later (addressing §1.2). @n disks. */
static void order_disks(gpointer *disks, gsize n) {
  g_autofree DiskPlace *places = g_new(DiskPlace, n);
  g_autoptr(GHashTable) buses = g_hash_table_new(g_str_hash, g_str_equal); /* name → position of the first, from 1 */
  for (gsize i = 0; i < n; i++) {
    BerthDevice *disk = disks[i];
    const char *bus = berth_model_device_get(disk, "target/@bus"), *name = bus != NULL ? bus : "";
    BerthTarget target;
    if (!g_hash_table_contains(buses, name))
      g_hash_table_insert(buses, (gpointer)name, GSIZE_TO_POINTER(i + 1));
    gsize first = GPOINTER_TO_SIZE(g_hash_table_lookup(buses, name));
    gboolean counted = berth_facts_target_parse(berth_model_device_get(disk, "target/@dev"), &target);
    places[i] = (DiskPlace){disk, first, counted ? (gint64)target.number : -1};
  }
  g_qsort_with_data(places, (gint)n, sizeof *places, compare_disks, NULL); /* stable */
  for (gsize i = 0; i < n; i++)
    disks[i] = places[i].disk;
}

/* The primary video goes to the head of the videos. */
static void insert_video(GPtrArray *list, BerthDevice *video) {
  guint place = list->len;
  for (guint i = 0; i < list->len && berth_model_device_is(video, "model/@primary", "yes"); i++) {
    if (((BerthDevice *)list->pdata[i])->element->id == BERTH_VIDEO) {
      place = i;
      break;
    }
  }
  g_ptr_array_insert(list, (gint)place, video);
}

/* The ICH9 USB2 controllers share one index; 0 means that @model is none of them. */
static guint ich9_member(const char *model) {
  static const char *const members[] = {"ich9-ehci1", "ich9-uhci1", "ich9-uhci2", "ich9-uhci3"};
  for (guint i = 0; i < G_N_ELEMENTS(members); i++) {
    if (g_strcmp0(model, members[i]) == 0)
      return i + 1;
  }
  return 0;
}

static gboolean is_index_used(const BerthInventory *inventory, const char *type, const char *model, gint64 index) {
  BerthDevice *other;
  for (guint i = 0; (other = berth_model_inventory_walk(inventory, BERTH_CONTROLLER, &i)) != NULL;) {
    if (other->index == index && berth_model_device_is(other, "@type", type) &&
        (model == NULL || berth_model_device_is(other, "@model", model)))
      return TRUE;
  }
  return FALSE;
}

static gint64 lowest_index(const BerthInventory *inventory, const char *type) {
  gint64 index = 0;
  while (is_index_used(inventory, type, NULL, index))
    index++;
  return index;
}

/* The nearest USB controller in front of @controller, which is one of the ICH9 family; else NULL. */
static const BerthDevice *usb_before(const BerthInventory *inventory, const BerthDevice *controller) {
  const BerthDevice *before = NULL, *other;
  if (ich9_member(berth_model_device_get(controller, "@model")) == 0)
    return NULL;
  for (guint i = 0; (other = berth_model_inventory_walk(inventory, BERTH_CONTROLLER, &i)) != NULL && other != controller;) {
    if (berth_model_device_is(other, "@type", "usb"))
      before = other;
  }
  return before;
}

/* The index of @before if the ICH9 group has room for @controller there, else -1. */
static gint64 group_index(const BerthInventory *inventory, const BerthDevice *controller, const BerthDevice *before) {
  if (before == NULL || ich9_member(berth_model_device_get(before, "@model")) == 0 || before->index < 0)
    return -1;
  return is_index_used(inventory, "usb", berth_model_device_get(controller, "@model"), before->index) ? -1 : before->index;
}

/* libvirt puts the controllers in order once more if it had to find an index for one of the ICH9 family that has a USB controller
 * in front of it, so that masters come before their companions, whatever was written first; those of other types are put in order
 * with them (asked of libvirt 12.8: not if the one is the first). */
static void insert_again(BerthInventory *inventory) {
  g_autoptr(GPtrArray) controllers = g_ptr_array_new();
  BerthDevice *controller;
  guint at;
  for (guint i = 0; (controller = berth_model_inventory_walk(inventory, BERTH_CONTROLLER, &i)) != NULL;)
    g_ptr_array_add(controllers, controller);
  for (guint i = 0; i < controllers->len; i++) {
    if (g_ptr_array_find(inventory->devices, controllers->pdata[i], &at))
      g_ptr_array_steal_index(inventory->devices, at);
  }
  for (guint i = 0; i < controllers->len; i++)
    berth_model_inventory_insert(inventory, controllers->pdata[i]);
}

/* The index that the record has for the controller of this alias; -1 if there is none, or it is another's by now. */
static gint64 recorded_index(const BerthAssignment *assignment, const BerthDevice *controller) {
  const char *alias = berth_model_device_get(controller, "alias/@name"), *type = berth_model_device_get(controller, "@type");
  g_autofree char *key = g_strconcat("alias=", alias, NULL);
  for (guint i = 0; assignment->record != NULL && alias != NULL && i < assignment->record->entries->len; i++) {
    const BerthRecordEntry *entry = assignment->record->entries->pdata[i];
    const char *index = berth_model_record_entry_get(entry, "@index");
    if (entry->gone != NULL || index == NULL || g_strcmp0(berth_model_record_entry_get(entry, "@type"), type) != 0 ||
        !berth_model_record_entry_has_key(entry, key))
      continue;
    gint64 number = (gint64)g_ascii_strtoull(index, NULL, 10);
    return is_index_used(assignment->inventory, type, NULL, number) ? -1 : number;
  }
  return -1;
}

static void set_index(BerthDevice *controller, gint64 index) {
  g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, index);
  controller->index = index;
  berth_model_device_set(controller, "@index", text);
}

/* Before anything else takes the indexes that the record has. */
static void recall_indexes(const BerthAssignment *assignment) {
  BerthDevice *controller;
  for (guint i = 0; (controller = berth_model_inventory_walk(assignment->inventory, BERTH_CONTROLLER, &i)) != NULL;) {
    gint64 index = controller->index < 0 ? recorded_index(assignment, controller) : -1;
    if (index >= 0)
      set_index(controller, index);
  }
}

/* Missing indexes, in list order (addressing §1.3). */
static void fill_indexes(BerthInventory *inventory) {
  gboolean again = FALSE;
  BerthDevice *controller;
  for (guint i = 0; (controller = berth_model_inventory_walk(inventory, BERTH_CONTROLLER, &i)) != NULL;) {
    if (controller->index >= 0)
      continue;
    const BerthDevice *before = usb_before(inventory, controller);
    gint64 index = group_index(inventory, controller, before);
    set_index(controller, index >= 0 ? index : lowest_index(inventory, berth_model_device_get(controller, "@type")));
    again = again || before != NULL;
  }
  if (again)
    insert_again(inventory);
}

/* The model of the controller that a SCSI host device sits on; NULL: it is not there (yet), or has none. */
static const char *model_of_controller(const BerthInventory *inventory, const BerthDevice *hostdev) {
  guint64 index = hostdev->written.type == BERTH_ADDRESS_DRIVE ? hostdev->written.value[BERTH_DRIVE_CONTROLLER] : 0;
  const BerthDevice *controller = berth_model_inventory_controller(inventory, "scsi", (gint64)index);
  const char *model = controller != NULL ? berth_model_device_get(controller, "@model") : NULL;
  return g_strcmp0(model, "auto") != 0 ? model : NULL;
}

/* libvirt adds the controllers of SCSI host devices before it fills in indexes, so that they have the lowest (addressing §4.6). */
static gboolean add_hostdev_controllers(BerthAssignment *assignment, GError **error) {
  const BerthInventory *inventory = assignment->inventory;
  const BerthDevice *hostdev;
  const char *model = NULL; /* of the last controller that a host device has met: new ones are like that (libvirt 12.8) */
  for (guint i = 0; (hostdev = berth_model_inventory_walk(assignment->inventory, BERTH_HOSTDEV, &i)) != NULL;) {
    if (!berth_model_device_is(hostdev, "@type", "scsi"))
      continue;
    const char *own = model_of_controller(inventory, hostdev);
    model = own != NULL ? own : model;
    if (!berth_assign_controllers_up_to(assignment, "scsi", model, hostdev, error))
      return FALSE;
    if (hostdev->written.type == BERTH_ADDRESS_NONE && berth_model_inventory_controller(inventory, "scsi", 0) == NULL)
      berth_assign_controller_add(assignment, "scsi", model, 0);
  }
  return TRUE;
}

static gint compare_elements(gconstpointer a, gconstpointer b, G_GNUC_UNUSED gpointer data) {
  const BerthDevice *const *x = a, *const *y = b;
  return (gint)(*x)->element->id - (gint)(*y)->element->id;
}

static void insert_any(BerthInventory *inventory, BerthDevice *device) {
  if (device->element->id == BERTH_VIDEO)
    insert_video(inventory->devices, device);
  else if (device->element->id == BERTH_CONTROLLER)
    berth_model_inventory_insert(inventory, device);
  else
    g_ptr_array_add(inventory->devices, device);
}

gboolean berth_assign_order(BerthAssignment *assignment, GError **error) {
  BerthInventory *inventory = assignment->inventory;
  gsize n;
  g_autofree gpointer *written = g_ptr_array_steal(inventory->devices, &n);
  g_qsort_with_data(written, (gint)n, sizeof *written, compare_elements, NULL);
  gsize disks = 0; /* the first element of all */
  while (disks < n && ((const BerthDevice *)written[disks])->element->id == BERTH_DISK)
    disks++;
  order_disks(written, disks);
  for (gsize i = 0; i < n; i++)
    insert_any(inventory, written[i]);
  recall_indexes(assignment);
  if (!add_hostdev_controllers(assignment, error))
    return FALSE;
  fill_indexes(assignment->inventory);
  return TRUE;
}
