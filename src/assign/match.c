/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "assign/recall.h"
#include "model/identity.h"

/* Behind the key classes: the same kind, for telling apart what has equal keys, and the same kind at the same place. */
enum { SAME_KIND = BERTH_N_MATCHED_KEYS, SAME_PLACE };

typedef struct {
  GPtrArray *devices, *entries;
} Group;

static void group_free(gpointer data) {
  Group *group = data;
  g_ptr_array_unref(group->devices);
  g_ptr_array_unref(group->entries);
  g_free(group);
}

/* A strong key that both have and that differs: another device, however alike. A MAC that berth had chosen itself says nothing. */
static gboolean contradict(const BerthDevice *device, const BerthRecordEntry *entry) {
  gboolean derived = berth_model_record_entry_has_key(entry, "derived=mac");
  for (guint c = 0; !berth_model_key_class_weak(c); c++) {
    const char *had = c == BERTH_KEY_MAC && derived ? NULL : berth_model_record_entry_key(entry, c);
    if (had == NULL || berth_model_device_key(device, c) == NULL)
      continue;
    gboolean shared = FALSE;
    for (guint i = 0; i < device->keys->len && !shared; i++) {
      const BerthKey *key = &g_array_index(device->keys, BerthKey, i);
      shared = key->strength == c && berth_model_record_entry_has_key(entry, key->text);
    }
    if (!shared)
      return TRUE;
  }
  return FALSE;
}

static gboolean unmatched_device(const BerthRecall *recall, const BerthDevice *device) {
  return !g_hash_table_contains(recall->entry_of, device);
}

static gboolean unmatched_entry(const BerthRecall *recall, const BerthRecordEntry *entry) {
  return !g_hash_table_contains(recall->device_of, entry);
}

static void pair(BerthRecall *recall, BerthDevice *device, BerthRecordEntry *entry, gboolean weak) {
  if (weak && contradict(device, entry))
    return;
  g_hash_table_insert(recall->entry_of, device, entry);
  g_hash_table_insert(recall->device_of, entry, device);
}

static guint place_hash(gconstpointer address) {
  return berth_model_address_hash(address);
}

static gboolean place_equal(gconstpointer a, gconstpointer b) {
  return berth_model_address_equal(a, b);
}

/* The first with the first: by ordinal. */
static void zip(BerthRecall *recall, const GPtrArray *devices, const GPtrArray *entries, gboolean weak) {
  guint e = 0;
  for (guint d = 0; d < devices->len; d++) {
    BerthDevice *device = g_ptr_array_index(devices, d);
    if (!unmatched_device(recall, device))
      continue;
    while (e < entries->len && !unmatched_entry(recall, g_ptr_array_index(entries, e)))
      e++;
    if (e == entries->len)
      return;
    pair(recall, device, g_ptr_array_index(entries, e++), weak);
  }
}

static void add_device(GHashTable *groups, GPtrArray *order, const char *text, BerthDevice *device) {
  char *key = g_strconcat(device->element->name, " ", text, NULL);
  Group *group = g_hash_table_lookup(groups, key);
  if (group == NULL) {
    group = g_new0(Group, 1);
    group->devices = g_ptr_array_new();
    group->entries = g_ptr_array_new();
    g_ptr_array_add(order, group);
    g_hash_table_insert(groups, key, group);
  } else {
    g_free(key);
  }
  g_ptr_array_add(group->devices, device);
}

static void add_entry(GHashTable *groups, const char *text, BerthRecordEntry *entry) {
  g_autofree char *key = g_strconcat(entry->element, " ", text, NULL);
  Group *group = g_hash_table_lookup(groups, key);
  if (group != NULL)
    g_ptr_array_add(group->entries, entry);
}

static void group_devices(BerthRecall *recall, GHashTable *groups, GPtrArray *order, const GPtrArray *devices, guint key_class) {
  for (guint d = 0; d < devices->len; d++) {
    BerthDevice *device = g_ptr_array_index(devices, d);
    if (!unmatched_device(recall, device))
      continue;
    if (key_class >= SAME_KIND) {
      g_autofree char *variant = device->element->variant(device);
      add_device(groups, order, variant, device);
      continue;
    }
    for (guint i = 0; device->keys != NULL && i < device->keys->len; i++) {
      const BerthKey *key = &g_array_index(device->keys, BerthKey, i);
      if (key->strength == key_class)
        add_device(groups, order, key->text, device);
    }
  }
}

static void group_entries(BerthRecall *recall, GHashTable *groups, const GPtrArray *entries, guint key_class) {
  for (guint e = 0; e < entries->len; e++) {
    BerthRecordEntry *entry = g_ptr_array_index(entries, e);
    if (!unmatched_entry(recall, entry))
      continue;
    if (key_class >= SAME_KIND)
      add_entry(groups, entry->kind, entry);
    for (guint i = 0; key_class < SAME_KIND && i < entry->keys->len; i++) {
      const char *text = g_ptr_array_index(entry->keys, i);
      if (berth_model_key_class_of(text) == key_class)
        add_entry(groups, text, entry);
    }
  }
}

/* Whether the PCI bus @bus is a port that was added for the bridge in it: a device that was written there is one bus further on. */
static gboolean port_added(const BerthRecord *record, guint64 bus) {
  for (guint i = 0; i < record->entries->len; i++) {
    const BerthRecordEntry *entry = g_ptr_array_index(record->entries, i);
    const BerthAddress *address = &entry->address;
    const char *index = entry->origin == BERTH_ORIGIN_GROWN ? berth_model_record_entry_get(entry, "@index") : NULL;
    if (index != NULL && address->type == BERTH_ADDRESS_PCI && address->value[BERTH_PCI_BUS] == bus &&
        address->value[BERTH_PCI_SLOT] == 0 && g_ascii_strtoull(index, NULL, 10) == bus + 1)
      return TRUE;
  }
  return FALSE;
}

/* The entry that is recorded where @device is written, or where it was put then (addressing §3.7). */
static BerthRecordEntry *entry_at(const BerthRecall *recall, GHashTable *places, const BerthDevice *device) {
  BerthAddress place = device->written;
  BerthRecordEntry *entry = place.given != 0 ? g_hash_table_lookup(places, &place) : NULL;
  if (entry != NULL || place.type != BERTH_ADDRESS_PCI || place.value[BERTH_PCI_SLOT] == 0)
    return entry;
  place.value[BERTH_PCI_BUS]++;
  entry = g_hash_table_lookup(places, &place);
  return entry != NULL && port_added(recall->record, device->written.value[BERTH_PCI_BUS]) ? entry : NULL;
}

/* Of several that share a key, a device that is written at the recorded place of an entry is that one. */
static void pair_placed(BerthRecall *recall, const GPtrArray *devices, const GPtrArray *entries, gboolean weak) {
  g_autoptr(GHashTable) places = g_hash_table_new(place_hash, place_equal);
  for (guint e = entries->len; e > 0; e--) {
    BerthRecordEntry *entry = g_ptr_array_index(entries, e - 1);
    if (entry->address.given != 0)
      g_hash_table_insert(places, &entry->address, entry);
  }
  for (guint d = 0; d < devices->len; d++) {
    BerthDevice *device = g_ptr_array_index(devices, d);
    BerthRecordEntry *entry = entry_at(recall, places, device);
    if (entry != NULL && unmatched_entry(recall, entry))
      pair(recall, device, entry, weak);
  }
}

static void match_class(BerthRecall *recall, const GPtrArray *devices, const GPtrArray *entries, guint key_class);

/* Devices and entries that share a key: told apart by written places, by the weaker keys, then by kind, at last by order. */
static void settle(BerthRecall *recall, const GPtrArray *devices, const GPtrArray *entries, guint key_class) {
  if (devices->len == 0 || entries->len == 0)
    return;
  if (devices->len > 1 || entries->len > 1 || key_class == SAME_PLACE)
    pair_placed(recall, devices, entries, berth_model_key_class_weak(key_class));
  if (key_class == SAME_PLACE)
    return;
  if (devices->len > 1 || entries->len > 1)
    for (guint c = key_class + 1; c <= SAME_KIND; c++)
      match_class(recall, devices, entries, c);
  zip(recall, devices, entries, berth_model_key_class_weak(key_class));
}

/* What is present goes first; of what is gone, the last to go. */
static void settle_group(BerthRecall *recall, const Group *group, guint key_class) {
  g_autoptr(GPtrArray) devices = g_ptr_array_new(), left = g_ptr_array_new();
  g_autoptr(GPtrArray) present = g_ptr_array_new(), gone = g_ptr_array_new();
  for (guint i = 0; i < group->devices->len; i++)
    if (unmatched_device(recall, g_ptr_array_index(group->devices, i)))
      g_ptr_array_add(devices, g_ptr_array_index(group->devices, i));
  for (guint i = 0; i < group->entries->len; i++) {
    BerthRecordEntry *entry = g_ptr_array_index(group->entries, i);
    if (unmatched_entry(recall, entry) && entry->gone == NULL)
      g_ptr_array_add(present, entry);
  }
  for (guint i = group->entries->len; i > 0; i--) {
    BerthRecordEntry *entry = g_ptr_array_index(group->entries, i - 1);
    if (unmatched_entry(recall, entry) && entry->gone != NULL)
      g_ptr_array_add(gone, entry);
  }
  settle(recall, devices, present, key_class);
  for (guint i = 0; i < devices->len; i++)
    if (unmatched_device(recall, g_ptr_array_index(devices, i)))
      g_ptr_array_add(left, g_ptr_array_index(devices, i));
  settle(recall, left, gone, key_class);
}

/* Linear in devices and entries. The groups are met in the devices' order, never in that of a hash table. */
static void match_class(BerthRecall *recall, const GPtrArray *devices, const GPtrArray *entries, guint key_class) {
  g_autoptr(GHashTable) groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr(GPtrArray) order = g_ptr_array_new_with_free_func(group_free);
  group_devices(recall, groups, order, devices, key_class);
  group_entries(recall, groups, entries, key_class);
  for (guint i = 0; i < order->len; i++)
    settle_group(recall, g_ptr_array_index(order, i), key_class);
}

/* Where nothing but their order tells devices of a kind apart, a written address says more. */
void berth_assign_match(BerthRecall *recall) {
  const GPtrArray *devices = recall->assignment->inventory->devices, *entries = recall->record->entries;
  for (guint c = 0; c < BERTH_N_MATCHED_KEYS; c++) {
    if (c == BERTH_KEY_NETWORK)
      match_class(recall, devices, entries, SAME_PLACE);
    match_class(recall, devices, entries, c);
  }
}
