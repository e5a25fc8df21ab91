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
  if (removable && (g_str_equal(bus, "virtio") || g_str_equal(bus, "sd")))
    return berth_assign_refuse(assignment, disk, BERTH_ERROR_BAD_INPUT, error, "%s has no %s; use sata, scsi, ide or usb", bus,
                               device);
  return TRUE;
}

/* A LUN hands the host's SCSI device to the guest, which says itself what it is (QEMU up to 10 can do so by virtio-blk, too); a
 * disk's vendor and product are SCSI's. */
static gboolean check_scsi(const BerthAssignment *assignment, const BerthDevice *disk, GError **error) {
  static const char *const identity[] = {"vendor", "product"};
  static const char *const sources[] = {"block", "network", "volume"};
  gboolean scsi = berth_model_device_is(disk, "target/@bus", "scsi"), lun = berth_model_device_is(disk, "@device", "lun");
  gboolean real = FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS(sources); i++)
    real = real || berth_model_device_is(disk, "@type", sources[i]);
  if (lun && !scsi && !berth_model_device_is(disk, "target/@bus", "virtio"))
    return berth_assign_refuse(assignment, disk, BERTH_ERROR_BAD_INPUT, error, "a lun is for bus scsi");
  if (lun && !real)
    return berth_assign_refuse(assignment, disk, BERTH_ERROR_BAD_INPUT, error, "a lun is a block device of the host");
  if (lun && berth_model_device_get(disk, "serial") != NULL)
    return berth_assign_refuse(assignment, disk, BERTH_ERROR_BAD_INPUT, error, "a lun has the <serial> of the host's device");
  for (gsize i = 0; i < G_N_ELEMENTS(identity); i++) {
    if (berth_model_device_get(disk, identity[i]) != NULL && !scsi)
      return berth_assign_refuse(assignment, disk, BERTH_ERROR_BAD_INPUT, error, "<%s> is for disks of bus scsi", identity[i]);
  }
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

/* The serial number is the NVMe controller's, which has a name space for each disk; without one of its own it has a disk's. */
static gboolean check_nvme(const BerthAssignment *assignment, const BerthDevice *disk, GError **error) {
  const char *serial = berth_model_device_get(disk, "serial");
  if (serial == NULL || !berth_model_device_is(disk, "target/@bus", "nvme"))
    return TRUE;
  const BerthDevice *controller =
      berth_model_inventory_controller(assignment->inventory, "nvme", (gint64)disk->address.value[BERTH_DRIVE_CONTROLLER]);
  if (controller == NULL || berth_model_device_is(controller, "serial", serial))
    return TRUE;
  return berth_assign_refuse_pair(assignment, disk, controller, "must have the same <serial>", error);
}

gboolean berth_assign_check_disks(const BerthAssignment *assignment, GError **error) {
  const BerthDevice *disk;
  for (guint i = 0; (disk = berth_model_inventory_walk(assignment->inventory, BERTH_DISK, &i)) != NULL;) {
    if (!check_bus(assignment, disk, error) || !check_scsi(assignment, disk, error) || !check_nvme(assignment, disk, error))
      return FALSE;
  }
  return check_ide(assignment, error);
}
