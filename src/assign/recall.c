/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "assign/recall.h"

#include "assign/flavour.h"
#include "facts/machine.h"
#include "model/identity.h"

#include <string.h>

BerthRecall *berth_assign_recall_new(BerthAssignment *assignment, const BerthTables *tables, const BerthPlanOptions *options) {
  BerthRecall *recall = g_new0(BerthRecall, 1);
  recall->assignment = assignment;
  recall->tables = tables;
  recall->options = options;
  const BerthRecord *record = assignment->record != NULL ? assignment->record : options->record;
  recall->record = record != NULL ? berth_model_record_ref(record) : NULL;
  recall->now = g_strdup(options->now);
  recall->entry_of = g_hash_table_new(NULL, NULL);
  recall->device_of = g_hash_table_new(NULL, NULL);
  recall->settled = g_hash_table_new(NULL, NULL);
  recall->pending = g_hash_table_new(NULL, NULL);
  recall->to_settle = g_ptr_array_new();
  recall->used = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  recall->controllers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  return recall;
}

void berth_assign_recall_end(BerthRecall *recall) {
  recall->assignment = NULL;
  recall->tables = NULL;
  recall->options = NULL;
}

void berth_assign_recall_free(BerthRecall *recall) {
  if (recall == NULL)
    return;
  berth_record_free(recall->record);
  berth_record_free(recall->effective);
  berth_record_free(recall->made);
  g_hash_table_unref(recall->entry_of);
  g_hash_table_unref(recall->device_of);
  g_hash_table_unref(recall->settled);
  g_hash_table_unref(recall->pending);
  g_ptr_array_unref(recall->to_settle);
  g_hash_table_unref(recall->used);
  g_hash_table_unref(recall->controllers);
  g_free(recall->now);
  g_free(recall);
}

const BerthRecordEntry *berth_assign_recall_entry(const BerthRecall *recall, const BerthDevice *device) {
  return recall != NULL ? g_hash_table_lookup(recall->entry_of, device) : NULL;
}

static void G_GNUC_PRINTF(2, 3) note(const BerthRecall *recall, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  g_ptr_array_add(recall->assignment->notes, g_strdup_vprintf(format, arguments));
  va_end(arguments);
}

/* ---- what a recorded kind and place mean now ---- */

typedef enum { KIND_SAME, KIND_CHANGED, KIND_UNKNOWN } KindChange;

/* "usb" says less than "usb/piix3-uhci", and "" less than anything. */
static gboolean says_less(const char *kind, const char *other) {
  gsize length = strlen(kind);
  return g_str_has_prefix(other, kind) && (length == 0 || other[length] == '/');
}

/* Before defaults have run, a model may still be missing; a record made from a document that left it out never knew it. */
static KindChange kind_change(const BerthDevice *device, const BerthRecordEntry *entry) {
  g_autofree char *variant = device->element->variant(device);
  if (strcmp(variant, entry->kind) == 0 || says_less(entry->kind, variant))
    return KIND_SAME;
  return says_less(variant, entry->kind) ? KIND_UNKNOWN : KIND_CHANGED;
}

static char *place_of(const BerthDevice *device) {
  g_autofree char *variant = device->element->variant(device);
  return berth_model_record_place(&device->address, variant);
}

/* A record can have been edited, or come from a document with an address that its device could not use. */
static gboolean is_of_family(const BerthRecall *recall, const BerthDevice *device, const BerthAddress *address) {
  const BerthKind *kind = recall->tables->classify(device);
  return kind == NULL || kind->address == address->type;
}

static gboolean fits(const BerthRecall *recall, const BerthDevice *device, const BerthAddress *address) {
  if (!is_of_family(recall, device, address))
    return FALSE;
  for (const BerthFamily *family = recall->tables->families; family->type != BERTH_ADDRESS_NONE; family++)
    if (family->type == address->type)
      return family->fits == NULL || family->fits(recall->assignment->inventory, device, address);
  return FALSE;
}

/* Nothing written, or written with nothing but a part of it ("choose a port of this bus"). */
static gboolean is_open(const BerthDevice *device) {
  const BerthAddressForm *form = berth_model_address_form(device->address.type);
  if (form == NULL || device->rule == BERTH_RULE_TARGET)
    return TRUE;
  if (form->fields[0].name == NULL)
    return FALSE;
  for (guint i = 0; form->fields[i].name != NULL; i++)
    if (form->fields[i].choose && device->address.value[i] == 0)
      return TRUE;
  return device->address.given == 0;
}

/* Whether @address keeps to the part that is written. */
static gboolean keeps_to_written(const BerthDevice *device, const BerthAddress *address) {
  if (device->address.type == BERTH_ADDRESS_NONE || device->rule == BERTH_RULE_TARGET)
    return TRUE;
  if (device->address.type != address->type)
    return FALSE;
  const BerthAddressForm *form = berth_model_address_form(address->type);
  for (guint i = 0; form->fields[i].name != NULL; i++)
    if ((device->address.given & (1u << i)) != 0 && device->address.value[i] != 0 &&
        device->address.value[i] != address->value[i] && !form->fields[i].sole)
      return FALSE;
  return TRUE;
}

/* The key of the controller that an address is on, as far as the address tells: its field "controller", else "bus", counts the
 * controllers of a type that is called like the family or, for drives, like the device's kind. */
static char *host_key(const BerthRecordEntry *entry, gboolean by_kind) {
  const BerthAddressForm *form = berth_model_address_form(entry->address.type);
  const char *const names[] = {"controller", "bus"};
  for (guint n = 0; form != NULL && n < G_N_ELEMENTS(names); n++)
    for (guint i = 0; form->fields[i].name != NULL; i++)
      if (strcmp(form->fields[i].name, names[n]) == 0)
        return g_strdup_printf("controller=%s:%" G_GUINT64_FORMAT, by_kind ? entry->kind : form->name, entry->address.value[i]);
  return NULL;
}

static gboolean host_changed(const BerthRecall *recall, const BerthRecordEntry *entry) {
  for (guint by_kind = 0; by_kind < 2; by_kind++) {
    g_autofree char *key = host_key(entry, by_kind != 0);
    const BerthDevice *host = key != NULL ? g_hash_table_lookup(recall->controllers, key) : NULL;
    if (host == NULL)
      continue;
    const BerthRecordEntry *old = berth_assign_recall_entry(recall, host);
    return old == NULL || kind_change(host, old) == KIND_CHANGED;
  }
  return FALSE;
}

/* ---- what comes back by itself: controllers and hubs ---- */

static const BerthElement *element_of(const BerthRecall *recall, const BerthRecordEntry *entry) {
  static const BerthElementId providers[] = {BERTH_CONTROLLER, BERTH_HUB};
  for (guint i = 0; i < G_N_ELEMENTS(providers); i++)
    if (g_strcmp0(entry->element, recall->tables->elements[providers[i]].name) == 0)
      return &recall->tables->elements[providers[i]];
  return NULL;
}

static void bring_back(BerthRecall *recall, BerthRecordEntry *entry) {
  BerthInventory *inventory = recall->assignment->inventory;
  const BerthElement *element = element_of(recall, entry);
  const char *key = berth_model_record_entry_key(entry, BERTH_KEY_CONTROLLER);
  BerthDevice *device = berth_model_device_new(element, NULL);
  for (guint i = 0; i < entry->sets->len; i++) {
    const BerthSet *set = &g_array_index(entry->sets, BerthSet, i);
    berth_model_device_set(device, set->path, set->value);
  }
  device->origin = BERTH_ORIGIN_RECORD;
  device->kind = recall->tables->classify(device);
  if (element->id == BERTH_CONTROLLER) {
    device->index = (gint64)berth_model_device_number(device, "@index", 0);
    berth_model_inventory_insert(inventory, device);
  } else {
    device->index = 0;
    for (guint position = 0; berth_model_inventory_walk(inventory, element->id, &position) != NULL;)
      device->index++;
    g_ptr_array_add(inventory->devices, device);
  }
  g_ptr_array_add(recall->to_settle, device);
  g_hash_table_insert(recall->entry_of, device, entry);
  g_hash_table_insert(recall->device_of, entry, device);
  if (key != NULL)
    g_hash_table_insert(recall->controllers, g_strdup(key), device);
}

/* Those that berth had added, all that share a key together (USB companions); the document's word for a key is law. A running guest
 * has what it has: those that it lacks have been unplugged. */
static void bring_back_added(BerthRecall *recall) {
  if (recall->assignment->running)
    return;
  g_autoptr(GHashTable) written = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  GHashTableIter iter;
  gpointer key;
  g_hash_table_iter_init(&iter, recall->controllers);
  while (g_hash_table_iter_next(&iter, &key, NULL))
    g_hash_table_add(written, g_strdup(key));
  for (guint i = 0; i < recall->record->entries->len; i++) {
    BerthRecordEntry *entry = g_ptr_array_index(recall->record->entries, i);
    const char *text = berth_model_record_entry_key(entry, BERTH_KEY_CONTROLLER);
    if (element_of(recall, entry) != NULL && entry->gone == NULL && entry->origin != BERTH_ORIGIN_DOCUMENT &&
        !g_hash_table_contains(recall->device_of, entry) && (text == NULL || !g_hash_table_contains(written, text)))
      bring_back(recall, entry);
  }
}

/* The place that a port hangs from ("1.2" from "1"); NULL: it is not such a one. */
static char *parent_place(const BerthRecordEntry *entry) {
  const BerthAddressForm *form = berth_model_address_form(entry->address.type);
  for (guint i = 0; form != NULL && form->fields[i].name != NULL; i++) {
    if (form->fields[i].form != BERTH_FIELD_PORT)
      continue;
    BerthAddress parent = entry->address;
    guint shift = 0; /* the first level is the highest byte */
    while (shift < 24 && (parent.value[i] >> shift & 0xff) == 0)
      shift += 8;
    parent.value[i] &= ~((guint64)0xff << shift);
    return parent.value[i] != 0 ? berth_model_record_place(&parent, entry->kind) : NULL;
  }
  return NULL;
}

/* What the entry's place is on and the document leaves out, as entries; NULL: nothing. */
static const GPtrArray *missing_hosts(const BerthRecall *recall, const BerthRecordEntry *entry, GHashTable *hosts) {
  g_autofree char *parent = parent_place(entry);
  if (parent != NULL && !g_hash_table_contains(recall->used, parent) && g_hash_table_contains(hosts, parent))
    return g_hash_table_lookup(hosts, parent);
  for (guint by_kind = 0; by_kind < 2; by_kind++) {
    g_autofree char *key = host_key(entry, by_kind != 0);
    if (key == NULL || g_hash_table_contains(recall->controllers, key))
      return NULL;
    if (g_hash_table_contains(hosts, key))
      return g_hash_table_lookup(hosts, key);
  }
  return NULL;
}

/* A controller or hub that the document once had and now leaves out comes back as well while a device keeps its place on it. */
static void bring_back_hosts(BerthRecall *recall, const BerthDevice *device, const BerthRecordEntry *entry, GHashTable *hosts) {
  const GPtrArray *missing = missing_hosts(recall, entry, hosts);
  gboolean gone = missing != NULL && ((const BerthRecordEntry *)g_ptr_array_index(missing, 0))->gone != NULL;
  for (guint i = 0; missing != NULL && i < missing->len; i++) {
    BerthRecordEntry *host = g_ptr_array_index(missing, i);
    if ((host->gone != NULL) != gone || g_hash_table_contains(recall->device_of, host))
      continue;
    bring_back(recall, host);
    g_autofree char *name = berth_model_device_name(device);
    g_autofree char *host_name = berth_model_device_name(g_hash_table_lookup(recall->device_of, host));
    note(recall, "%s stays: %s is on it", host_name, name);
  }
}

static void add_host(GHashTable *hosts, char *name, BerthRecordEntry *entry) {
  GPtrArray *entries = g_hash_table_lookup(hosts, name);
  if (entries == NULL) {
    entries = g_ptr_array_new();
    g_hash_table_insert(hosts, g_strdup(name), entries);
  }
  g_ptr_array_add(entries, entry);
  g_free(name);
}

/* The record's controllers by key, its hubs by place; the present, which come first in the record, hide the gone. */
static GHashTable *recorded_hosts(const BerthRecall *recall) {
  GHashTable *hosts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
  for (guint i = 0; i < recall->record->entries->len; i++) {
    BerthRecordEntry *entry = g_ptr_array_index(recall->record->entries, i);
    const BerthElement *element = element_of(recall, entry);
    const char *key = berth_model_record_entry_key(entry, BERTH_KEY_CONTROLLER);
    char *place =
        element != NULL && element->id != BERTH_CONTROLLER ? berth_model_record_place(&entry->address, entry->kind) : NULL;
    if (element != NULL && key != NULL)
      add_host(hosts, g_strdup(key), entry);
    if (place != NULL)
      add_host(hosts, place, entry);
  }
  return hosts;
}

/* ---- giving places ---- */

static gboolean conflict(BerthRecall *recall, const BerthDevice *device, const BerthDevice *other, const char *place,
                         GError **error) {
  g_autofree char *name = berth_model_device_name(device), *other_name = berth_model_device_name(other);
  if (other->rule != BERTH_RULE_DOCUMENT || recall->options->allow_move) {
    note(recall, "%s moves: its recorded place %s is taken by %s", name, place, other_name);
    return TRUE;
  }
  g_autofree char *where =
      device->node != NULL ? berth_xml_node_where(device->node, other->node) : g_strdup("kept from the record");
  berth_xml_error(
      error, BERTH_ERROR_CONFLICT, recall->assignment->inventory->document, other->node,
      "%s takes %s, the recorded place of %s (%s), which has no address here; give that one an address, or allow it to move",
      other_name, place, name, where);
  return FALSE;
}

static gboolean give_place(BerthRecall *recall, BerthDevice *device, const BerthRecordEntry *entry, GError **error) {
  g_autofree char *text = berth_model_address_to_string(&entry->address);
  KindChange change = kind_change(device, entry);
  if (!keeps_to_written(device, &entry->address))
    return TRUE;
  gboolean changed = change == KIND_CHANGED || host_changed(recall, entry);
  if (changed ? !fits(recall, device, &entry->address) : !is_of_family(recall, device, &entry->address)) {
    g_autofree char *name = berth_model_device_name(device);
    note(recall, "%s moves: it does not fit its recorded place %s any more", name, text);
    return TRUE;
  }
  char *place = berth_model_record_place(&entry->address, entry->kind);
  const BerthDevice *other = place != NULL ? g_hash_table_lookup(recall->used, place) : NULL;
  if (other != NULL && other != device) {
    g_free(place);
    return conflict(recall, device, other, text, error);
  }
  device->address = entry->address;
  device->rule = entry->gone != NULL ? BERTH_RULE_RETURNED : BERTH_RULE_RECALLED;
  if (place != NULL)
    g_hash_table_replace(recall->used, place, device);
  if (change == KIND_UNKNOWN)
    g_hash_table_add(recall->pending, device);
  return TRUE;
}

/* Where a conventional hierarchy had to be started for @device, it is one bus further on than written (addressing §3.7): the
 * written bus is the port that was added for the bridge. Written so again, it is there again. */
static gboolean was_raised(const BerthRecall *recall, const BerthDevice *device, const BerthRecordEntry *entry) {
  BerthAddress raised = device->written;
  if (raised.type != BERTH_ADDRESS_PCI || entry->gone != NULL)
    return FALSE;
  g_autofree char *key = g_strdup_printf("controller=pci:%" G_GUINT64_FORMAT, raised.value[BERTH_PCI_BUS]);
  raised.value[BERTH_PCI_BUS]++;
  const BerthDevice *port = g_hash_table_lookup(recall->controllers, key);
  return berth_model_address_equal(&raised, &entry->address) && port != NULL && port->node == NULL &&
         !fits(recall, device, &device->written);
}

static void fill_sticky(BerthDevice *device, const BerthRecordEntry *entry) {
  for (guint i = 0; i < G_N_ELEMENTS(device->element->sticky) && device->element->sticky[i] != NULL; i++) {
    const char *path = device->element->sticky[i];
    const char *value = berth_model_record_entry_get(entry, path);
    if (value != NULL && berth_model_device_get(device, path) == NULL)
      berth_model_device_set(device, path, value);
  }
}

static gboolean apply(BerthRecall *recall, BerthDevice *device, GHashTable *hosts, GError **error) {
  const BerthRecordEntry *entry = berth_assign_recall_entry(recall, device);
  if (entry == NULL || g_hash_table_contains(recall->settled, device))
    return TRUE;
  g_hash_table_add(recall->settled, device);
  fill_sticky(device, entry);
  if (!recall->same_machine || entry->address.type == BERTH_ADDRESS_NONE)
    return TRUE;
  if (device->rule == BERTH_RULE_DOCUMENT && was_raised(recall, device, entry)) {
    g_autofree char *written = place_of(device);
    if (written != NULL && g_hash_table_lookup(recall->used, written) == device)
      g_hash_table_remove(recall->used, written);
    device->address = (BerthAddress){.type = BERTH_ADDRESS_NONE};
    device->rule = BERTH_RULE_NONE;
  }
  gboolean open = is_open(device);
  if (open ? kind_change(device, entry) != KIND_CHANGED : berth_model_address_equal(&device->address, &entry->address))
    bring_back_hosts(recall, device, entry, hosts);
  if (!open)
    return TRUE;
  return give_place(recall, device, entry, error);
}

/* Controllers first: whether a device fits depends on what it is on. What apply() brings back is met in turn. */
static gboolean apply_all(BerthRecall *recall, GError **error) {
  g_autoptr(GHashTable) hosts = recorded_hosts(recall);
  const GPtrArray *devices = recall->assignment->inventory->devices;
  for (guint other = 0; other < 2; other++)
    for (guint i = 0; i < devices->len; i++)
      if ((((BerthDevice *)g_ptr_array_index(devices, i))->element->id != BERTH_CONTROLLER) == (other != 0))
        g_ptr_array_add(recall->to_settle, g_ptr_array_index(devices, i));
  for (guint i = 0; i < recall->to_settle->len; i++)
    if (!apply(recall, g_ptr_array_index(recall->to_settle, i), hosts, error))
      return FALSE;
  return TRUE;
}

/* Places given before the kind was known are looked at again when it is. */
static void review_pending(BerthRecall *recall) {
  const GPtrArray *devices = recall->assignment->inventory->devices;
  for (guint i = 0; i < devices->len; i++) {
    BerthDevice *device = g_ptr_array_index(devices, i);
    if (!g_hash_table_contains(recall->pending, device))
      continue;
    KindChange change = kind_change(device, berth_assign_recall_entry(recall, device));
    if (change == KIND_UNKNOWN)
      continue;
    g_hash_table_remove(recall->pending, device);
    if (change == KIND_SAME || fits(recall, device, &device->address))
      continue;
    g_autofree char *name = berth_model_device_name(device), *text = berth_model_address_to_string(&device->address);
    note(recall, "%s moves: it does not fit its recorded place %s any more", name, text);
    device->address = device->written;
    device->rule = BERTH_RULE_NONE;
  }
}

/* ---- the whole ---- */

static void index_inventory(BerthRecall *recall) {
  const GPtrArray *devices = recall->assignment->inventory->devices;
  g_ptr_array_set_size(recall->to_settle, 0);
  g_hash_table_remove_all(recall->used);
  g_hash_table_remove_all(recall->controllers);
  for (guint i = 0; i < devices->len; i++) {
    BerthDevice *device = g_ptr_array_index(devices, i);
    char *place = is_open(device) ? NULL : place_of(device);
    if (place != NULL)
      g_hash_table_replace(recall->used, place, device);
    const char *key = berth_model_device_key(device, BERTH_KEY_CONTROLLER);
    if (key != NULL && !g_hash_table_contains(recall->controllers, key))
      g_hash_table_insert(recall->controllers, g_strdup(key), device);
  }
}

static void add_effective(BerthRecall *recall, const BerthRecordEntry *entry, gboolean gone) {
  BerthRecordEntry *copy = berth_model_record_entry_copy(entry);
  g_clear_pointer(&copy->gone, g_free);
  if (gone)
    copy->gone = g_strdup(entry->gone != NULL ? entry->gone : recall->now != NULL ? recall->now : "now");
  g_ptr_array_add(recall->effective->entries, copy);
}

/* The record as the families shall see it: what this document leaves out is a reservation from now on, so that a new device does
 * not take the place of one that has just gone. */
static void update_effective(BerthRecall *recall) {
  const GPtrArray *entries = recall->record->entries;
  berth_record_free(recall->effective);
  recall->effective = berth_model_record_new();
  recall->effective->name = g_strdup(recall->record->name);
  recall->effective->uuid = g_strdup(recall->record->uuid);
  recall->effective->arch = g_strdup(recall->record->arch);
  recall->effective->machine = g_strdup(recall->record->machine);
  recall->assignment->record = recall->effective;
  recall->assignment->before = recall->same_machine ? recall->record : NULL;
  if (!recall->same_machine)
    return;
  for (guint pass = 0; pass < 3; pass++) { /* present, gone before, gone now */
    for (guint i = 0; i < entries->len; i++) {
      const BerthRecordEntry *entry = g_ptr_array_index(entries, i);
      gboolean matched = g_hash_table_contains(recall->device_of, entry);
      if ((matched ? 0u : entry->gone != NULL ? 1u : 2u) == pass)
        add_effective(recall, entry, !matched);
    }
  }
}

static void recall_uuid(BerthRecall *recall) {
  BerthDevice *domain = recall->assignment->inventory->domain;
  const char *uuid = recall->record != NULL && recall->record->uuid != NULL ? recall->record->uuid : recall->options->uuid;
  if (uuid != NULL && berth_model_device_get(domain, "uuid") == NULL)
    berth_model_device_set(domain, "uuid", uuid);
}

static gboolean is_same_machine(const BerthRecall *recall) {
  const BerthInventory *inventory = recall->assignment->inventory;
  const BerthRecord *record = recall->record;
  if (record->machine == NULL || inventory->family == NULL)
    return TRUE;
  return berth_facts_machine_family(record->arch != NULL ? record->arch : inventory->arch, record->machine) == inventory->family;
}

gboolean berth_assign_recall(BerthRecall *recall, GError **error) {
  recall_uuid(recall);
  if (recall->record == NULL) {
    berth_assign_flavours(recall);
    return TRUE;
  }
  gboolean first = recall->effective == NULL;
  recall->same_machine = is_same_machine(recall);
  if (first && !recall->same_machine)
    note(recall, "machine changed from %s to %s: places are chosen anew", recall->record->machine,
         recall->assignment->inventory->machine);
  berth_assign_match(recall);
  berth_assign_flavours(recall); /* in front of places: the flavour decides which fit */
  index_inventory(recall);
  if (first && recall->same_machine)
    bring_back_added(recall);
  if (!apply_all(recall, error))
    return FALSE;
  review_pending(recall);
  update_effective(recall);
  return TRUE;
}
