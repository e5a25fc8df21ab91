/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A running guest compared with its record: beyond where devices are, what they are, and what is in them. */
#include "lib/live.h"

#include "families/families.h"
#include "guest/cpus.h"
#include "guest/inspect.h"
#include "kinds/kinds.h"

#define MIB (G_GUINT64_CONSTANT(1) << 20)

typedef struct {
  const BerthLibLive *live;
  GPtrArray *rows;
  BerthQemu *objects; /* what QEMU was given */
  GHashTable *models, *media, *views, *memory;
} Check;

static void check_clear(Check *check) {
  g_clear_pointer(&check->objects, berth_model_qemu_free);
  g_clear_pointer(&check->models, g_hash_table_unref);
  g_clear_pointer(&check->media, g_hash_table_unref);
  g_clear_pointer(&check->views, g_hash_table_unref);
  g_clear_pointer(&check->memory, g_hash_table_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Check, check_clear)

static BerthRow *row_of(const Check *check, const char *id) {
  for (guint i = 0; i < check->rows->len; i++) {
    BerthRow *row = g_ptr_array_index(check->rows, i);
    if (g_strcmp0(row->id, id) == 0)
      return row;
  }
  return NULL;
}

/* The first thing that is wrong is told. */
static void judge(BerthRow *row, const char *state, const char *actual) {
  if (row == NULL || (*row->state != '\0' && !g_str_equal(row->state, "ok")))
    return;
  g_free(row->state);
  row->state = g_strdup(state);
  g_free(row->actual);
  row->actual = g_strdup(actual);
}

static const char *text_of(const BerthQemuObject *object, const char *name) {
  return berth_json_member_string(object->props, name);
}

static void check_model(const Check *check, const BerthQemuObject *object) {
  const char *id = text_of(object, "id"), *driver = text_of(object, "driver");
  const char *model = id != NULL ? g_hash_table_lookup(check->models, id) : NULL;
  if (model != NULL && g_strcmp0(model, driver) != 0)
    judge(row_of(check, id), "wrong model", model);
}

static void check_medium(const Check *check, const BerthQemuObject *object) {
  const char *id = text_of(object, "id"), *drive = text_of(object, "drive");
  const char *medium = id != NULL ? g_hash_table_lookup(check->media, id) : NULL;
  if (medium != NULL && !g_str_equal(medium, drive != NULL ? drive : ""))
    judge(row_of(check, id), "wrong medium", *medium != '\0' ? medium : "empty");
}

/* QOM tells where QEMU was told to put a device, query-pci where the guest finds it. */
static void check_view(const Check *check, const BerthDevice *device) {
  const BerthPciView *view = device->id != NULL ? g_hash_table_lookup(check->views, device->id) : NULL;
  if (view == NULL || device->address.type != BERTH_ADDRESS_PCI)
    return;
  guint64 bus = device->address.value[BERTH_PCI_BUS];
  const BerthDevice *controller = berth_model_inventory_controller(check->live->plan->inventory, "pci", (gint64)bus);
  const char *bridge = bus == 0 || controller == NULL ? "" : controller->id;
  if (view->slot == device->address.value[BERTH_PCI_SLOT] && view->function == device->address.value[BERTH_PCI_FUNCTION] &&
      g_strcmp0(view->bridge, bridge) == 0)
    return;
  g_autofree char *place =
      g_strdup_printf("%s %02x.%x", *view->bridge != '\0' ? view->bridge : "root bus", view->slot, view->function);
  judge(row_of(check, device->id), "moved", place);
}

static json_object *props_of(const Check *check, const char *id) {
  for (guint i = 0; i < check->objects->objects->len; i++) {
    const BerthQemuObject *object = g_ptr_array_index(check->objects->objects, i);
    if (object->props != NULL && g_strcmp0(text_of(object, "id"), id) == 0)
      return object->props;
  }
  return NULL;
}

static void judge_size(const Check *check, const char *id, guint64 bytes) {
  g_autofree char *size = bytes % MIB == 0 ? g_strdup_printf("%" G_GUINT64_FORMAT " MiB", bytes / MIB)
                                           : g_strdup_printf("%" G_GUINT64_FORMAT " bytes", bytes);
  judge(row_of(check, id), "wrong size", size);
}

/* QOM tells that it is plugged; what the guest can use of it is told here. */
static void check_memory(const Check *check, const BerthDevice *device) {
  json_object *props = props_of(check, device->id);
  const char *back_end = berth_json_member_string(props, "memdev");
  json_object *memory = back_end != NULL ? props_of(check, back_end) : NULL;
  if (memory == NULL)
    return;
  const BerthMemoryView *view = g_hash_table_lookup(check->memory, device->id);
  if (view == NULL) {
    judge(row_of(check, device->id), "missing", "");
    return;
  }
  guint64 size = (guint64)(berth_json_member_int(memory, "size", 0) - berth_json_member_int(props, "label-size", 0));
  guint64 requested = (guint64)berth_json_member_int(props, "requested-size", (gint64)view->requested);
  gint64 slot = berth_json_member_int(props, "slot", view->slot);
  guint64 address = (guint64)berth_json_member_int(props, "memaddr", (gint64)view->address);
  if (view->slot != slot || view->address != address) {
    g_autofree char *place = view->slot != slot ? g_strdup_printf("slot %" G_GINT64_FORMAT, view->slot)
                                                : g_strdup_printf("0x%" G_GINT64_MODIFIER "x", view->address);
    judge(row_of(check, device->id), "moved", place);
  }
  if (view->size != size)
    judge_size(check, device->id, view->size);
  else if (view->requested != requested)
    judge_size(check, device->id, view->requested);
}

static gboolean check_vcpus(const Check *check, GError **error) {
  guint recorded = 0, most = 0;
  g_autoptr(GPtrArray) cpus = berth_guest_cpus(check->live->control, error);
  if (cpus == NULL || !berth_vcpus(check->live->berth, check->live->guest->uuid, BERTH_CHANGE_LIVE, &recorded, &most, error))
    return FALSE;
  guint there = berth_guest_cpus_there(cpus);
  if (there == recorded)
    return TRUE;
  BerthRow *row = berth_lib_row_empty();
  g_free(row->device);
  row->device = g_strdup("vcpus");
  g_free(row->address);
  row->address = g_strdup_printf("%u vcpus", recorded);
  g_autofree char *actual = g_strdup_printf("%u vcpus", there);
  judge(row, there > recorded ? "extra" : "missing", actual);
  g_ptr_array_add(check->rows, row);
  return TRUE;
}

static gboolean has_drift(const GPtrArray *rows) {
  for (guint i = 0; i < rows->len; i++) {
    const BerthRow *row = g_ptr_array_index(rows, i);
    if (*row->state != '\0' && !g_str_equal(row->state, "ok"))
      return TRUE;
  }
  return FALSE;
}

gboolean berth_lib_verify(const BerthLibLive *live, GPtrArray *rows, gboolean *drift, GError **error) {
  g_auto(Check) check = {.live = live, .rows = rows};
  const BerthInventory *inventory = live->plan->inventory;
  g_autoptr(BerthHostFacts) host = berth_lib_host_facts(live->berth->env, live->guest->run.run_dir, inventory->document);
  check.objects = berth_kinds_build(inventory, live->facts, berth_families, host, error);
  if (check.objects == NULL || (check.models = berth_guest_models(live->control, error)) == NULL ||
      (check.media = berth_guest_media(live->control, error)) == NULL ||
      (check.views = berth_guest_pci_view(live->control, error)) == NULL ||
      (check.memory = berth_guest_memory(live->control, error)) == NULL)
    return FALSE;
  for (guint i = 0; i < check.objects->objects->len; i++) {
    const BerthQemuObject *object = g_ptr_array_index(check.objects->objects, i);
    if (object->form != BERTH_QEMU_DEVICE)
      continue;
    check_model(&check, object);
    check_medium(&check, object);
  }
  for (guint i = 0; i < inventory->devices->len; i++)
    check_view(&check, g_ptr_array_index(inventory->devices, i));
  const BerthDevice *device;
  for (guint i = 0; (device = berth_model_inventory_walk(inventory, BERTH_MEMORY, &i)) != NULL;)
    check_memory(&check, device);
  if (!check_vcpus(&check, error))
    return FALSE;
  *drift = has_drift(rows);
  return TRUE;
}
