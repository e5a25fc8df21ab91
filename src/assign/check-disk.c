/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "assign/check.h"

#include "facts/machine.h"

static gboolean check_bus(const BerthAssignment *assignment, const BerthDevice *disk, GError **error) {
  const char *bus = berth_model_device_get(disk, "target/@bus");
  const char *device = berth_model_device_get(disk, "@device");
  gboolean floppy = g_strcmp0(device, "floppy") == 0, removable = floppy || g_strcmp0(device, "cdrom") == 0;
  if (floppy != g_str_equal(bus, "fdc"))
    return berth_assign_refuse(assignment, disk, BERTH_ERROR_BAD_INPUT, error, "bus %s is not for a %s", bus,
                               floppy ? "floppy; fdc is" : "disk or CD; it is for floppies");
  if (removable && g_str_equal(bus, "virtio"))
    return berth_assign_refuse(assignment, disk, BERTH_ERROR_BAD_INPUT, error, "virtio has no %s; use sata, scsi, ide or usb",
                               device);
  return TRUE;
}

static gboolean check_ide(const BerthAssignment *assignment, GError **error) {
  const BerthDevice *controller;
  for (guint i = 0; (controller = berth_model_inventory_walk(assignment->inventory, BERTH_CONTROLLER, &i)) != NULL;) {
    const BerthDevice *named = controller;
    if (!berth_model_device_is(controller, "@type", "ide"))
      continue;
    const BerthDevice *disk;
    for (guint j = 0; named->node == NULL && (disk = berth_model_inventory_walk(assignment->inventory, BERTH_DISK, &j)) != NULL;) {
      if (berth_model_device_is(disk, "target/@bus", "ide"))
        named = disk;
    }
    if (!assignment->inventory->family->builtin_ide)
      return berth_assign_refuse(assignment, named, BERTH_ERROR_UNSUPPORTED, error,
                                 "machine '%s' has no IDE; use bus sata, scsi or virtio", assignment->inventory->machine);
    if (controller->index > 0)
      return berth_assign_refuse(assignment, named, BERTH_ERROR_UNSUPPORTED, error, "machine '%s' has only one IDE controller",
                                 assignment->inventory->machine);
  }
  return TRUE;
}

gboolean berth_assign_check_disks(const BerthAssignment *assignment, GError **error) {
  const BerthDevice *disk;
  for (guint i = 0; (disk = berth_model_inventory_walk(assignment->inventory, BERTH_DISK, &i)) != NULL;) {
    if (!check_bus(assignment, disk, error))
      return FALSE;
  }
  return check_ide(assignment, error);
}
