/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "assign/remember.h"

#include "assign/flavour.h"
#include "assign/identity.h"
#include "assign/recall.h"

#include <string.h>

static void remember_value(BerthRecordEntry *entry, const char *path, const char *value) {
  if (value == NULL || berth_model_record_entry_get(entry, path) != NULL || !berth_model_record_path(path))
    return;
  g_autofree char *text = g_strstrip(g_strdup(value));
  if (*text != '\0')
    berth_model_record_entry_set(entry, path, text);
}

/* Everything that an element says, as paths; of equal ones the first, as paths are read. What a path cannot name (of another
 * namespace, not ASCII) is nothing that libvirt's format has. Depth is bounded by the parser. */
static void remember_node(BerthRecordEntry *entry, const BerthDevice *device, const BerthXmlNode *node, const char *prefix) {
  for (guint i = 0; i < node->n_attributes; i++) {
    g_autofree char *path = g_strconcat(prefix, "@", node->attributes[i].name, NULL);
    remember_value(entry, path, berth_model_device_get(device, path));
  }
  for (const BerthXmlNode *child = node->first; child != NULL; child = child->next) {
    /* Its own place and name are remembered otherwise. */
    if (*prefix == '\0' && (strcmp(child->name, "address") == 0 || strcmp(child->name, "alias") == 0))
      continue;
    g_autofree char *path = g_strconcat(prefix, child->name, NULL);
    g_autofree char *below = g_strconcat(path, "/", NULL);
    remember_value(entry, path, berth_model_device_get(device, path));
    remember_node(entry, device, child, below);
  }
}

/* A controller or hub is remembered whole, since it may have to come back by itself. */
static void remember_whole(BerthRecordEntry *entry, const BerthDevice *device) {
  g_autofree char *index = g_strdup_printf("%" G_GINT64_FORMAT, device->index);
  remember_value(entry, "@type", berth_model_device_get(device, "@type"));
  if (device->element->id == BERTH_CONTROLLER)
    remember_value(entry, "@index", index);
  if (device->node != NULL)
    remember_node(entry, device, device->node, "");
  for (guint i = 0; device->sets != NULL && i < device->sets->len; i++) {
    const BerthSet *set = &g_array_index(device->sets, BerthSet, i);
    remember_value(entry, set->path, set->value);
  }
}

static void remember_sticky(BerthRecordEntry *entry, const BerthDevice *device) {
  for (guint i = 0; i < G_N_ELEMENTS(device->element->sticky) && device->element->sticky[i] != NULL; i++)
    remember_value(entry, device->element->sticky[i], berth_model_device_get(device, device->element->sticky[i]));
}

/* An address of which only the type is written is none, unless its type has nothing that must be said. */
static gboolean is_place(const BerthAddress *address) {
  const BerthAddressForm *form = berth_model_address_form(address->type);
  return form != NULL && (address->given != 0 || form->fields[0].name == NULL || form->fields[0].optional);
}

/* In one order, wherever the values come from: what makes a controller in front, as libvirt writes it. */
static int by_path(gconstpointer a, gconstpointer b) {
  static const char *const first[] = {"@type", "@index", "@model"};
  const BerthSet *one = a, *other = b;
  for (guint i = 0; i < G_N_ELEMENTS(first); i++) {
    gboolean is_one = strcmp(one->path, first[i]) == 0, is_other = strcmp(other->path, first[i]) == 0;
    if (is_one || is_other)
      return (int)is_other - (int)is_one;
  }
  return strcmp(one->path, other->path);
}

/* The MAC that berth chose is berth's choice, also when a document that came out of berth names it. */
static void remember_derived(BerthRecordEntry *entry, const BerthRecordEntry *old) {
  static const char path[] = "mac/@address", key[] = "derived=mac";
  if (old == NULL || !berth_model_record_entry_has_key(old, key) || berth_model_record_entry_has_key(entry, key) ||
      g_strcmp0(berth_model_record_entry_get(entry, path), berth_model_record_entry_get(old, path)) != 0)
    return;
  g_ptr_array_add(entry->keys, g_strdup(key));
}

/* The rule that first chose the place. A document that came out of berth has all places written down: that tells nothing. */
static BerthRule first_rule(const BerthDevice *device, const BerthRecordEntry *old) {
  gboolean stayed = old != NULL && berth_model_address_equal(&old->address, &device->address);
  gboolean recalled = device->rule == BERTH_RULE_RECALLED || device->rule == BERTH_RULE_RETURNED;
  if (stayed || recalled)
    return old != NULL ? old->rule : BERTH_RULE_NONE;
  return device->rule;
}

/* NULL: nothing to remember about it. */
static BerthRecordEntry *remember_device(const BerthRecall *recall, const BerthDevice *device, const char *now) {
  const BerthRecordEntry *old = berth_assign_recall_entry(recall, device);
  g_autofree char *variant = device->element->variant(device);
  BerthRecordEntry *entry = berth_model_record_entry_new(device->element->name, variant);
  if (is_place(&device->address))
    entry->address = device->address;
  if (device->element->id == BERTH_CONTROLLER || device->element->id == BERTH_HUB)
    remember_whole(entry, device);
  else
    remember_sticky(entry, device);
  g_array_sort(entry->sets, by_path);
  if (entry->address.type == BERTH_ADDRESS_NONE && entry->sets->len == 0) {
    berth_model_record_entry_free(entry);
    return NULL;
  }
  for (guint i = 0; i < device->keys->len; i++)
    g_ptr_array_add(entry->keys, g_strdup(g_array_index(device->keys, BerthKey, i).text));
  remember_derived(entry, old);
  /* What berth once added it added, also when a document that came out of berth names it. */
  entry->origin = old != NULL && old->origin != BERTH_ORIGIN_DOCUMENT ? old->origin : device->origin;
  entry->rule = entry->address.type != BERTH_ADDRESS_NONE ? first_rule(device, old) : BERTH_RULE_NONE;
  entry->flavour = g_strdup(berth_assign_flavour_made(recall, device));
  entry->since = g_strdup(old != NULL ? old->since : now);
  return entry;
}

static void claim(GHashTable *claims, const BerthRecordEntry *entry) {
  char *place = berth_model_record_place(&entry->address, entry->kind);
  if (place != NULL)
    g_hash_table_add(claims, place);
  for (guint i = 0; entry->gone == NULL && i < entry->keys->len; i++)
    if (berth_model_key_class_of(g_ptr_array_index(entry->keys, i)) == BERTH_KEY_CONTROLLER)
      g_hash_table_add(claims, g_strdup(g_ptr_array_index(entry->keys, i)));
}

static void remember_present(BerthRecord *record, const BerthRecall *recall, const BerthDevice *device, GHashTable *claims,
                             const char *now) {
  BerthRecordEntry *entry = remember_device(recall, device, now);
  if (entry == NULL)
    return;
  claim(claims, entry);
  g_ptr_array_add(record->entries, entry);
}

/* A reservation ends when its place, or its controller's number, is another's. */
static gboolean is_claimed(GHashTable *claims, const BerthRecordEntry *entry) {
  g_autofree char *place = berth_model_record_place(&entry->address, entry->kind);
  if (place != NULL && g_hash_table_contains(claims, place))
    return TRUE;
  for (guint i = 0; i < entry->keys->len; i++) {
    const char *key = g_ptr_array_index(entry->keys, i);
    if (berth_model_key_class_of(key) == BERTH_KEY_CONTROLLER && g_hash_table_contains(claims, key))
      return TRUE;
  }
  return FALSE;
}

/* Those that were gone already are the older ones and stand first. */
static void remember_gone(BerthRecord *record, const BerthRecall *recall, GHashTable *claims, gboolean before, const char *now) {
  for (guint i = 0; i < recall->record->entries->len; i++) {
    const BerthRecordEntry *old = g_ptr_array_index(recall->record->entries, i);
    if ((old->gone != NULL) != before || g_hash_table_contains(recall->device_of, old) || is_claimed(claims, old))
      continue;
    BerthRecordEntry *entry = berth_model_record_entry_copy(old);
    if (!before)
      entry->gone = g_strdup(now != NULL ? now : "unknown");
    claim(claims, entry);
    g_ptr_array_add(record->entries, entry);
  }
}

BerthRecord *berth_assign_remember(const BerthInventory *inventory, const BerthRecall *recall, const char *now) {
  BerthRecord *record = berth_model_record_new();
  g_autoptr(GHashTable) claims = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  const char *name = berth_model_device_get(inventory->domain, "name");
  const char *uuid = berth_model_device_get(inventory->domain, "uuid");
  record->name = name != NULL ? g_strstrip(g_strdup(name)) : NULL;
  record->uuid = uuid != NULL ? g_strstrip(g_strdup(uuid)) : NULL;
  record->arch = g_strdup(inventory->arch);
  record->machine = g_strdup(inventory->machine);

  berth_assign_identity_refresh(inventory); /* MACs have been derived, controllers have been added */
  /* Those that are known keep their order: a document that came out of berth may list its controllers in another one. */
  const GPtrArray *known = recall != NULL && recall->record != NULL ? recall->record->entries : NULL;
  for (guint i = 0; known != NULL && i < known->len; i++) {
    const BerthDevice *device = g_hash_table_lookup(recall->device_of, g_ptr_array_index(known, i));
    if (device != NULL)
      remember_present(record, recall, device, claims, now);
  }
  for (guint i = 0; i < inventory->devices->len; i++) {
    const BerthDevice *device = g_ptr_array_index(inventory->devices, i);
    if (berth_assign_recall_entry(recall, device) == NULL)
      remember_present(record, recall, device, claims, now);
  }
  if (recall != NULL && recall->record != NULL && recall->same_machine) {
    remember_gone(record, recall, claims, TRUE, now);
    remember_gone(record, recall, claims, FALSE, now);
  }
  return record;
}

BerthRecord *berth_assign_record(const BerthPlan *plan) {
  BerthRecall *recall = plan->recall;
  if (g_once_init_enter(&recall->made))
    g_once_init_leave(&recall->made, berth_assign_remember(plan->inventory, recall, recall->now));
  return recall->made;
}

BerthRecord *berth_assign_record_of(BerthInventory *read, const BerthTables *tables, GError **error) {
  const BerthPlanOptions options = {0};
  g_autoptr(BerthInventory) inventory = read;
  g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
  BerthAssignment assignment = {.inventory = inventory, .elements = tables->elements, .classify = tables->classify, .notes = notes};
  berth_assign_flavour_spelling(&assignment);
  if (!berth_assign_order(&assignment, error) || !berth_assign_machine(&assignment, &options, error))
    return NULL;
  for (guint i = 0; i < inventory->devices->len; i++) {
    BerthDevice *device = g_ptr_array_index(inventory->devices, i);
    device->kind = tables->classify(device);
    if (device->element->id == BERTH_CONTROLLER || device->element->id == BERTH_HUB)
      device->origin = BERTH_ORIGIN_RECORD;
    if (device->address.type != BERTH_ADDRESS_NONE)
      device->rule = BERTH_RULE_DOCUMENT;
  }
  if (!berth_assign_identify(&assignment, error))
    return NULL;
  return berth_assign_remember(inventory, NULL, NULL);
}
