/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/inventory.h"

/* A USB companion shares its master's index; the ICH9 ones are companions without saying so. */
static gboolean is_companion(const BerthDevice *controller) {
  const char *model = berth_model_device_get(controller, "@model");
  return berth_model_device_get(controller, "master/@startport") != NULL || (model != NULL && g_str_has_prefix(model, "ich9-uhci"));
}

static gboolean goes_before(const BerthDevice *controller, const BerthDevice *other) {
  if (controller->index < 0)
    return FALSE;
  if (other->index > controller->index)
    return TRUE;
  return berth_model_device_is(controller, "@type", "usb") && other->index == controller->index && is_companion(other) &&
         !is_companion(controller);
}

void berth_model_inventory_insert(BerthInventory *inventory, BerthDevice *controller) {
  const char *type = berth_model_device_get(controller, "@type");
  guint place = inventory->devices->len;
  for (guint i = 0; i < inventory->devices->len; i++) {
    const BerthDevice *other = inventory->devices->pdata[i];
    if (other->element->id != BERTH_CONTROLLER || !berth_model_device_is(other, "@type", type))
      continue;
    if (goes_before(controller, other)) {
      place = i;
      break;
    }
    place = i + 1;
  }
  g_ptr_array_insert(inventory->devices, (gint)place, controller);
}
