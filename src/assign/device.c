/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "assign/stages.h"

#include <stdarg.h>

BerthDevice *berth_assign_device_new(BerthAssignment *assignment, BerthElementId element, ...) {
  BerthDevice *device = berth_model_device_new(&assignment->elements[element], NULL);
  device->origin = BERTH_ORIGIN_IMPLICIT;
  va_list values;
  va_start(values, element);
  const char *path;
  while ((path = va_arg(values, const char *)) != NULL) {
    const char *value = va_arg(values, const char *);
    if (value != NULL)
      berth_model_device_set(device, path, value);
  }
  va_end(values);
  return device;
}

BerthDevice *berth_assign_controller_add(BerthAssignment *assignment, const char *type, const char *model, gint64 index) {
  g_autofree char *number = g_strdup_printf("%" G_GINT64_FORMAT, index);
  BerthDevice *controller = berth_assign_device_new(assignment, BERTH_CONTROLLER, "@type", type, "@index", number, NULL);
  if (model != NULL)
    berth_model_device_set(controller, "@model", model);
  controller->index = index;
  berth_model_inventory_insert(assignment->inventory, controller);
  return controller;
}

const char *berth_assign_controller_recorded(const BerthAssignment *assignment, const BerthDevice *controller, const char *path) {
  g_autofree char *key =
      g_strdup_printf("controller=%s:%" G_GINT64_FORMAT, berth_model_device_get(controller, "@type"), controller->index);
  for (guint i = 0; assignment->record != NULL && i < assignment->record->entries->len; i++) {
    const BerthRecordEntry *entry = assignment->record->entries->pdata[i];
    if (entry->gone == NULL && berth_model_record_entry_has_key(entry, key))
      return berth_model_record_entry_get(entry, path);
  }
  return NULL;
}
