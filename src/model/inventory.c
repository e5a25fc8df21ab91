/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/inventory.h"

#include <string.h>

BerthInventory *berth_model_inventory_new(const BerthXmlDocument *document, const BerthElement *domain) {
  BerthInventory *inventory = g_new0(BerthInventory, 1);

  inventory->document = document;
  inventory->domain = berth_model_device_new(domain, document != NULL ? document->root : NULL);
  inventory->devices = g_ptr_array_new_with_free_func((GDestroyNotify)berth_model_device_free);
  return inventory;
}

void berth_model_inventory_free(BerthInventory *inventory) {
  if (inventory == NULL)
    return;
  berth_model_device_free(inventory->domain);
  g_ptr_array_unref(inventory->devices);
  g_free(inventory->arch);
  g_free(inventory->machine);
  g_free(inventory);
}

void berth_model_inventory_new_first(const BerthInventory *inventory, const BerthDevice **device, const BerthDevice **other) {
  const BerthDevice *was = *device;

  if (!berth_xml_node_is_new(inventory->document, (*other)->node) || berth_xml_node_is_new(inventory->document, was->node))
    return;
  *device = *other;
  *other = was;
}

BerthDevice *berth_model_inventory_walk(const BerthInventory *inventory, BerthElementId element, guint *position) {
  while (*position < inventory->devices->len) {
    BerthDevice *device = g_ptr_array_index(inventory->devices, (*position)++);
    if (device->element->id == element)
      return device;
  }
  return NULL;
}

BerthDevice *berth_model_inventory_controller(const BerthInventory *inventory, const char *type, gint64 index) {
  BerthDevice *device = NULL;
  guint position = 0;

  while ((device = berth_model_inventory_walk(inventory, BERTH_CONTROLLER, &position)) != NULL)
    if (device->index == index && berth_model_device_is(device, "@type", type))
      return device;
  return NULL;
}
