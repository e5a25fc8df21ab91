/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "families/bus.h"

#include "facts/machine.h"
#include "families/usb.h"

#include <string.h>

BerthDevice *berth_families_bus_controller(const BerthInventory *inventory, const char *type, guint64 index) {
  BerthDevice *device;
  for (guint i = 0; (device = berth_model_inventory_walk(inventory, BERTH_CONTROLLER, &i)) != NULL;)
    if (device->index == (gint64)index && berth_model_device_is(device, "@type", type) && !berth_families_usb_is_companion(device))
      return device;
  return NULL;
}

/* The chipset names its own bus; no alias of the document can change that. */
static gboolean is_chipset(const BerthInventory *inventory, const char *type, guint64 index) {
  if (index != 0)
    return FALSE;
  return strcmp(type, "ide") == 0 || (strcmp(type, "sata") == 0 && inventory->family != NULL && inventory->family->implicit_sata);
}

static char *owner_of(const BerthInventory *inventory, const BerthDevice *controller, const char *type, guint64 index) {
  if (is_chipset(inventory, type, index))
    return g_strdup("ide");
  if (controller != NULL && controller->id != NULL)
    return g_strdup(controller->id);
  if (index == 0 && strcmp(type, "usb") == 0)
    return g_strdup("usb");
  return g_strdup_printf("%s%" G_GUINT64_FORMAT, type, index);
}

char *berth_families_bus_owner(const BerthInventory *inventory, const char *type, guint64 index) {
  return owner_of(inventory, berth_families_bus_controller(inventory, type, index), type, index);
}

char *berth_families_bus_name(const BerthInventory *inventory, const char *type, guint64 index, guint64 number) {
  g_autofree char *owner = berth_families_bus_owner(inventory, type, index);
  return g_strdup_printf("%s.%" G_GUINT64_FORMAT, owner, number);
}

gboolean berth_families_bus_parse(const BerthInventory *inventory, const char *type, const char *name, guint64 guess,
                                  guint64 *index, guint64 *number) {
  const char *dot = name != NULL ? strrchr(name, '.') : NULL;
  guint64 n;
  if (dot == NULL || !g_ascii_string_to_unsigned(dot + 1, 10, 0, G_MAXUINT32, &n, NULL))
    return FALSE;
  g_autofree char *wanted = g_strndup(name, (gsize)(dot - name));
  g_autofree char *first = berth_families_bus_owner(inventory, type, guess);
  if (strcmp(wanted, first) == 0) {
    *index = guess;
    *number = n;
    return TRUE;
  }
  BerthDevice *device;
  for (guint i = 0; (device = berth_model_inventory_walk(inventory, BERTH_CONTROLLER, &i)) != NULL;) {
    if (device->index < 0 || !berth_model_device_is(device, "@type", type) || berth_families_usb_is_companion(device))
      continue;
    g_autofree char *owner = owner_of(inventory, device, type, (guint64)device->index);
    if (strcmp(wanted, owner) != 0)
      continue;
    *index = (guint64)device->index;
    *number = n;
    return TRUE;
  }
  return FALSE;
}

gboolean berth_families_answer_number(const BerthReadBack *answer, const char *property, guint64 *value) {
  gint64 number = berth_json_member_int(answer->values, property, -1);
  if (number < 0 || number == G_MAXUINT32)
    return FALSE;
  *value = (guint64)number;
  return TRUE;
}
