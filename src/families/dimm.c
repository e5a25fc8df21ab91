/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "families/rows.h"

#include "families/bus.h"
#include "families/places.h"

const char *const berth_families_dimm_read_back[] = {"slot", "addr", NULL};

typedef struct {
  BerthAssignment *assignment;
  guint64 slots, next;
  GHashTable *bases; /* of guint64 within the devices -> BerthDevice */
} Slots;

static BerthAddress slot_at(guint64 slot) {
  return (BerthAddress){.type = BERTH_ADDRESS_DIMM, .given = 1u << BERTH_DIMM_SLOT, .value = {slot}};
}

static gboolean is_mine(const BerthDevice *device) {
  return device->kind != NULL && device->kind->address == BERTH_ADDRESS_DIMM;
}

static gboolean check_base(const Slots *slots, BerthDevice *device, GError **error) {
  guint64 *base = &device->address.value[BERTH_DIMM_BASE];
  if (*base == 0)
    return TRUE;
  const BerthDevice *other = g_hash_table_lookup(slots->bases, base);
  if (other == NULL) {
    g_hash_table_insert(slots->bases, base, device);
    return TRUE;
  }
  const BerthDevice *first = device;
  berth_model_inventory_new_first(slots->assignment->inventory, &first, &other);
  g_autofree char *name = berth_model_device_cite(other, first->node);
  berth_families_error(error, BERTH_ERROR_BAD_INPUT, slots->assignment->inventory, first,
                       "base 0x%" G_GINT64_MODIFIER "x is already taken by %s", *base, name);
  return FALSE;
}

static gboolean keep(Slots *slots, BerthPlaces *places, BerthDevice *device, GError **error) {
  guint64 slot = device->address.value[BERTH_DIMM_SLOT];
  if (slot < slots->slots)
    return check_base(slots, device, error) && berth_families_places_claim(places, device, error);
  g_autofree char *why =
      g_strdup_printf("there is no slot %" G_GUINT64_FORMAT "; <maxMemory> has %" G_GUINT64_FORMAT, slot, slots->slots);
  if (berth_families_let_go(slots->assignment, device, why))
    return TRUE;
  berth_families_error(error, BERTH_ERROR_BAD_INPUT, slots->assignment->inventory, device, "%s", why);
  return FALSE;
}

static gboolean exists(const BerthAddress *address, gpointer data) {
  return address->value[BERTH_DIMM_SLOT] < ((const Slots *)data)->slots;
}

static gboolean place(Slots *slots, BerthPlaces *places, BerthDevice *device, GError **error) {
  BerthAddress address = {.type = BERTH_ADDRESS_NONE};
  for (; slots->next < slots->slots; slots->next++) {
    address = slot_at(slots->next);
    if (berth_families_places_vacant(places, &address))
      return berth_families_places_put(places, device, &address, BERTH_RULE_FIRST, error);
  }
  if (berth_families_places_kept(places, exists, slots, &address))
    return berth_families_places_put(places, device, &address, BERTH_RULE_FIRST, error);
  berth_families_error(
      error, BERTH_ERROR_NO_ROOM, slots->assignment->inventory, device, "all %" G_GUINT64_FORMAT " memory slots are taken%s",
      slots->slots, slots->assignment->running ? "; <maxMemory slots='N'> in the definition makes more, for the next start" : "");
  return FALSE;
}

gboolean berth_families_dimm_assign(BerthAssignment *assignment, GError **error) {
  Slots slots = {assignment, berth_model_device_number(assignment->inventory->domain, "maxMemory/@slots", 0), 0, NULL};
  if (slots.slots == 0)
    return TRUE;
  g_autoptr(BerthPlaces) places = berth_families_places_new(assignment, BERTH_ADDRESS_DIMM, 1u << BERTH_DIMM_SLOT, NULL, NULL);
  g_autoptr(GHashTable) bases = g_hash_table_new(g_int64_hash, g_int64_equal);
  slots.bases = bases;
  BerthDevice *device;
  for (guint i = 0; (device = berth_model_inventory_walk(assignment->inventory, BERTH_MEMORY, &i)) != NULL;)
    if (is_mine(device) && device->address.type == BERTH_ADDRESS_DIMM && !keep(&slots, places, device, error))
      return FALSE;
  for (guint i = 0; (device = berth_model_inventory_walk(assignment->inventory, BERTH_MEMORY, &i)) != NULL;)
    if (is_mine(device) && device->address.type != BERTH_ADDRESS_DIMM && !place(&slots, places, device, error))
      return FALSE;
  return TRUE;
}

void berth_families_dimm_properties(const BerthInventory *inventory, const BerthDevice *device, json_object *props) {
  (void)inventory;
  if (device->address.type != BERTH_ADDRESS_DIMM)
    return;
  berth_json_set_int(props, "slot", (gint64)device->address.value[BERTH_DIMM_SLOT]);
  if (device->address.value[BERTH_DIMM_BASE] > 0)
    berth_json_set_int(props, "addr", (gint64)device->address.value[BERTH_DIMM_BASE]);
}

/* QEMU 7.2: "slot" and "addr" are filled in also where QEMU chose them; parent_bus is the empty link. The base is part of the
 * address only where it was written. */
gboolean berth_families_dimm_locate(const BerthInventory *inventory, const BerthDevice *device, const BerthReadBack *answer,
                                    BerthAddress *address) {
  (void)inventory;
  guint64 slot, base;
  if (!berth_families_answer_number(answer, "slot", &slot))
    return FALSE;
  BerthAddress found = slot_at(slot);
  if (device->address.type == BERTH_ADDRESS_DIMM && device->address.value[BERTH_DIMM_BASE] > 0) {
    if (!berth_families_answer_number(answer, "addr", &base))
      return FALSE;
    berth_model_address_set(&found, BERTH_DIMM_BASE, base);
  }
  *address = found;
  return TRUE;
}
