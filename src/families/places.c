/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "families/places.h"

struct BerthPlaces {
  const BerthAssignment *assignment;
  BerthAddressType type;
  guint fields;
  GHashTable *claimed; /* owned BerthAddress -> BerthDevice */
  GHashTable *kept;    /* set of BerthAddress, owned */
  GArray *order;       /* BerthAddress, oldest first; those that can be given away */
};

static guint address_hash(gconstpointer a) {
  return berth_model_address_hash(a);
}

static gboolean address_equal(gconstpointer a, gconstpointer b) {
  return berth_model_address_equal(a, b);
}

/* Only what makes the place, so that equal places are equal keys. */
static BerthAddress place_of(const BerthPlaces *places, const BerthAddress *address) {
  BerthAddress place = {.type = places->type};
  for (guint field = 0; field < BERTH_ADDRESS_MAX_FIELDS; field++)
    if (places->fields & (1u << field))
      berth_model_address_set(&place, field, address->value[field]);
  return place;
}

static void keep_entries(BerthPlaces *places, gboolean (*mine)(const BerthRecordEntry *entry, gconstpointer data),
                         gconstpointer data) {
  const GPtrArray *entries = places->assignment->record->entries;
  for (guint i = 0; i < entries->len; i++) {
    const BerthRecordEntry *entry = entries->pdata[i];
    if (entry->gone == NULL || entry->address.type != places->type || (mine != NULL && !mine(entry, data)))
      continue;
    BerthAddress place = place_of(places, &entry->address);
    g_hash_table_add(places->kept, g_memdup2(&place, sizeof place));
    if (!entry->held)
      g_array_append_val(places->order, place);
  }
}

BerthPlaces *berth_families_places_new(const BerthAssignment *assignment, BerthAddressType type, guint fields,
                                       gboolean (*mine)(const BerthRecordEntry *entry, gconstpointer data), gconstpointer data) {
  BerthPlaces *places = g_new0(BerthPlaces, 1);
  places->assignment = assignment;
  places->type = type;
  places->fields = fields;
  places->claimed = g_hash_table_new_full(address_hash, address_equal, g_free, NULL);
  places->kept = g_hash_table_new_full(address_hash, address_equal, g_free, NULL);
  places->order = g_array_new(FALSE, FALSE, sizeof(BerthAddress));
  if (assignment->record != NULL)
    keep_entries(places, mine, data);
  return places;
}

void berth_families_places_free(BerthPlaces *places) {
  if (places == NULL)
    return;
  g_hash_table_unref(places->claimed);
  g_hash_table_unref(places->kept);
  g_array_unref(places->order);
  g_free(places);
}

static gboolean from_record(const BerthDevice *device) {
  return device->rule == BERTH_RULE_RECALLED || device->rule == BERTH_RULE_RETURNED;
}

static void clash(const BerthPlaces *places, const BerthDevice *device, const BerthDevice *other, GError **error) {
  const BerthDevice *later = device, *earlier = other;
  if (device->node == NULL || (other->node != NULL && other->node->line > device->node->line)) {
    later = other;
    earlier = device;
  }
  berth_model_inventory_new_first(places->assignment->inventory, &later, &earlier);
  g_autofree char *place = berth_model_address_to_string(&device->address);
  g_autofree char *name = berth_model_device_cite(earlier, later->node);
  BerthError code = from_record(device) || from_record(other) ? BERTH_ERROR_CONFLICT : BERTH_ERROR_BAD_INPUT;
  berth_families_error(error, code, places->assignment->inventory, later, "%s is already taken by %s", place, name);
}

gboolean berth_families_places_claim(BerthPlaces *places, BerthDevice *device, GError **error) {
  BerthAddress place = place_of(places, &device->address);
  const BerthDevice *other = g_hash_table_lookup(places->claimed, &place);
  if (other != NULL && other != device) {
    clash(places, device, other, error);
    return FALSE;
  }
  if (device->rule == BERTH_RULE_NONE)
    device->rule = BERTH_RULE_DOCUMENT;
  g_hash_table_insert(places->claimed, g_memdup2(&place, sizeof place), device);
  return TRUE;
}

gboolean berth_families_places_put(BerthPlaces *places, BerthDevice *device, const BerthAddress *address, BerthRule rule,
                                   GError **error) {
  device->address = *address;
  device->rule = rule;
  return berth_families_places_claim(places, device, error);
}

BerthDevice *berth_families_places_holder(const BerthPlaces *places, const BerthAddress *address) {
  BerthAddress place = place_of(places, address);
  return g_hash_table_lookup(places->claimed, &place);
}

gboolean berth_families_places_vacant(const BerthPlaces *places, const BerthAddress *address) {
  BerthAddress place = place_of(places, address);
  return !g_hash_table_contains(places->claimed, &place) && !g_hash_table_contains(places->kept, &place);
}

gboolean berth_families_places_kept(const BerthPlaces *places, gboolean (*usable)(const BerthAddress *address, gpointer data),
                                    gpointer data, BerthAddress *address) {
  for (guint i = 0; i < places->order->len; i++) {
    const BerthAddress *place = &g_array_index(places->order, BerthAddress, i);
    if (g_hash_table_contains(places->claimed, place) || !usable(place, data))
      continue;
    if (address != NULL)
      *address = *place;
    return TRUE;
  }
  return FALSE;
}

gboolean berth_families_let_go(BerthAssignment *assignment, BerthDevice *device, const char *why) {
  if (!from_record(device))
    return FALSE;
  g_autofree char *name = berth_model_device_name(device);
  g_autofree char *place = berth_model_address_to_string(&device->address);
  g_ptr_array_add(assignment->notes, g_strdup_printf("%s cannot keep its recorded place %s: %s", name, place, why));
  device->address = (BerthAddress){.type = BERTH_ADDRESS_NONE};
  device->rule = BERTH_RULE_NONE;
  return TRUE;
}

void berth_families_error(GError **error, BerthError code, const BerthInventory *inventory, const BerthDevice *device,
                          const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  g_autofree char *what = g_strdup_vprintf(format, arguments);
  va_end(arguments);
  g_autofree char *name = berth_model_device_name(device);
  if (inventory->document != NULL)
    berth_xml_error(error, (int)code, inventory->document, device->node, "%s: %s", name, what);
  else
    g_set_error(error, BERTH_ERROR, (int)code, "%s: %s", name, what);
}
