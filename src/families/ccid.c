/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "families/rows.h"

#include "families/bus.h"
#include "families/places.h"

const char *const berth_families_ccid_read_back[] = {"slot", NULL};

static BerthAddress slot_at(guint64 controller, guint64 slot) {
  return (BerthAddress){.type = BERTH_ADDRESS_CCID, .given = 3, .value = {controller, slot}};
}

static gboolean is_first(const BerthAddress *address) {
  return address->type == BERTH_ADDRESS_CCID && address->value[BERTH_CCID_CONTROLLER] == 0 && address->value[BERTH_CCID_SLOT] == 0;
}

/* QEMU has one card (addressing §5.2), so that the second is an error wherever it is. There is only this place: a card that is gone
 * cannot keep it. */
gboolean berth_families_ccid_assign(BerthAssignment *assignment, GError **error) {
  const BerthInventory *inventory = assignment->inventory;
  BerthDevice *card, *other = NULL;
  for (guint i = 0; (card = berth_model_inventory_walk(inventory, BERTH_SMARTCARD, &i)) != NULL; other = card) {
    if (other != NULL) {
      const BerthDevice *first = card, *second = other;
      berth_model_inventory_new_first(inventory, &first, &second);
      g_autofree char *name = berth_model_device_cite(second, first->node);
      berth_families_error(error, BERTH_ERROR_BAD_INPUT, inventory, first, "QEMU has one smart card, and there is %s", name);
      return FALSE;
    }
    if (card->address.type == BERTH_ADDRESS_NONE) {
      card->address = slot_at(0, 0);
      card->rule = BERTH_RULE_FIRST;
    } else if (!is_first(&card->address)) {
      berth_families_error(error, BERTH_ERROR_BAD_INPUT, inventory, card,
                           "the only place of a smart card is type 'ccid', controller 0, slot 0");
      return FALSE;
    }
    if (card->rule == BERTH_RULE_NONE)
      card->rule = BERTH_RULE_DOCUMENT;
  }
  return TRUE;
}

gboolean berth_families_ccid_fits(const BerthInventory *inventory, const BerthDevice *device, const BerthAddress *address) {
  (void)inventory;
  (void)device;
  return is_first(address);
}

void berth_families_ccid_properties(const BerthInventory *inventory, const BerthDevice *device, json_object *props) {
  if (device->address.type != BERTH_ADDRESS_CCID)
    return;
  g_autofree char *bus = berth_families_bus_name(inventory, "ccid", device->address.value[BERTH_CCID_CONTROLLER], 0);
  berth_json_set_string(props, "bus", bus);
}

gboolean berth_families_ccid_locate(const BerthInventory *inventory, const BerthDevice *device, const BerthReadBack *answer,
                                    BerthAddress *address) {
  guint64 guess = device->address.type == BERTH_ADDRESS_CCID ? device->address.value[BERTH_CCID_CONTROLLER] : 0;
  guint64 controller, number, slot;
  if (!berth_families_bus_parse(inventory, "ccid", answer->parent_bus, guess, &controller, &number) || number != 0 ||
      !berth_families_answer_number(answer, "slot", &slot))
    return FALSE;
  *address = slot_at(controller, slot);
  return TRUE;
}
