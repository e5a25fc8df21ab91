/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kinds/build.h"

#include <string.h>

/* Which -device a disk is on its bus; a virtio disk is what its kind says. */
static const struct {
  const char *bus, *device, *driver;
} drivers[] = {
    {"ide", "disk", "ide-hd"},     {"ide", "cdrom", "ide-cd"},      {"sata", "disk", "ide-hd"},  {"sata", "cdrom", "ide-cd"},
    {"scsi", "disk", "scsi-hd"},   {"scsi", "cdrom", "scsi-cd"},    {"fdc", "floppy", "floppy"}, {"usb", "disk", "usb-storage"},
    {"scsi", "lun", "scsi-block"}, {"usb", "cdrom", "usb-storage"}, {"nvme", "disk", "nvme-ns"},
};

/* What only some buses can say; elsewhere it is refused, not ignored. */
static const struct {
  const char *path, *buses;
} limited[] = {
    {"wwn", "ide sata scsi"},
    {"vendor", "scsi"},
    {"product", "scsi"},
    {"serial", "virtio ide sata scsi usb nvme"},
    {"target/@rotation_rate", "ide sata scsi"},
    {"target/@removable", "usb scsi"},
    {"geometry/@cyls", "virtio ide sata scsi"},
    {"geometry/@trans", "ide sata"},
    {"driver/@iothread", "virtio"},
    {"driver/@queues", "virtio"},
    {"driver/@queue_size", "virtio"},
    {"driver/@ioeventfd", "virtio"},
    {"driver/@event_idx", "virtio"},
    {"driver/@iommu", "virtio"},
    {"driver/@ats", "virtio"},
    {"driver/@packed", "virtio"},
    {"driver/@page_per_vq", "virtio"},
};

static const BerthMap front[] = {
    {"vendor", "vendor", BERTH_MAP_TEXT},
    {"product", "product", BERTH_MAP_TEXT},
    {"target/@rotation_rate", "rotation_rate", BERTH_MAP_NUMBER},
    {"target/@removable", "removable", BERTH_MAP_SWITCH},
    {"blockio/@logical_block_size", "logical_block_size", BERTH_MAP_NUMBER},
    {"blockio/@physical_block_size", "physical_block_size", BERTH_MAP_NUMBER},
    {"geometry/@cyls", "cyls", BERTH_MAP_NUMBER},
    {"geometry/@heads", "heads", BERTH_MAP_NUMBER},
    {"geometry/@secs", "secs", BERTH_MAP_NUMBER},
    {"geometry/@trans", "bios-chs-trans", BERTH_MAP_WORD},
    {"driver/@queues", "num-queues", BERTH_MAP_NUMBER},
    {"driver/@queue_size", "queue-size", BERTH_MAP_NUMBER},
    {"driver/@ioeventfd", "ioeventfd", BERTH_MAP_SWITCH},
    {"driver/@event_idx", "event_idx", BERTH_MAP_SWITCH},
    {"driver/@iothread", "iothread", BERTH_MAP_THREAD},
    {NULL},
};

static const char *disk_device(const BerthDevice *device) {
  const char *what = berth_model_device_get(device, "@device");
  return what != NULL ? what : "disk";
}

static gboolean is_listed(const char *words, const char *word) {
  g_auto(GStrv) list = g_strsplit(words, " ", -1);
  return g_strv_contains((const char *const *)list, word);
}

static gboolean check_limits(const BerthBuild *build, const BerthDevice *device, const char *bus, GError **error) {
  for (guint i = 0; i < G_N_ELEMENTS(limited); i++) {
    if (berth_model_device_get(device, limited[i].path) != NULL && !is_listed(limited[i].buses, bus))
      return berth_kinds_refuse(build, device, error, "%s is not something a %s disk has", limited[i].path, bus);
  }
  return TRUE;
}

static void set_error_policy(const BerthDevice *device, json_object *props) {
  const char *writes = berth_model_device_get(device, "driver/@error_policy");
  const char *reads = berth_model_device_get(device, "driver/@rerror_policy");
  if (writes != NULL)
    berth_json_set_string(props, "werror", g_str_equal(writes, "enospace") ? "enospc" : writes);
  if (reads == NULL && g_strcmp0(writes, "enospace") != 0)
    reads = writes;
  if (reads != NULL)
    berth_json_set_string(props, "rerror", reads);
}

static gboolean set_wwn(const BerthBuild *build, const BerthDevice *device, json_object *props, GError **error) {
  const char *wwn = berth_model_device_get(device, "wwn");
  char *end = NULL;
  if (wwn == NULL)
    return TRUE;
  const char *digits = g_str_has_prefix(wwn, "0x") ? wwn + 2 : wwn;
  guint64 number = g_ascii_strtoull(digits, &end, 16);
  if (strlen(digits) != 16 || *end != '\0' || number > G_MAXINT64)
    return berth_kinds_refuse(build, device, error, "wwn '%s' is not 16 hexadecimal digits below 8000000000000000", wwn);
  berth_json_set_int(props, "wwn", (gint64)number);
  return TRUE;
}

/* What the guest can read about the drive besides its content. A SCSI disk shows an id of its own in page 0x83; it is the serial
 * or, as with libvirt, derived from the alias. */
static gboolean fill_front(BerthBuild *build, const BerthDevice *device, const char *bus, json_object *props, GError **error) {
  const char *write_cache = berth_kinds_write_cache(device);
  if (g_str_equal(bus, "scsi")) {
    const char *serial = berth_model_device_get(device, "serial");
    g_autofree char *drive = berth_kinds_id("drive-", device);
    berth_json_set_string(props, "device_id", serial != NULL ? serial : drive);
  }
  if (write_cache != NULL && g_str_equal(disk_device(device), "disk"))
    berth_json_set_string(props, "write-cache", write_cache);
  if (berth_xml_node_child(device->node, "shareable") != NULL)
    berth_json_set_boolean(props, "share-rw", TRUE);
  set_error_policy(device, props);
  if (berth_model_device_get(device, "serial") != NULL && !g_str_equal(bus, "nvme"))
    berth_json_set_string(props, "serial", berth_model_device_get(device, "serial"));
  return set_wwn(build, device, props, error) && berth_kinds_map(build, device, front, props, error) &&
         berth_kinds_virtio(build, device, props, error);
}

static const char *find_driver(const BerthDevice *device, const BerthKind *kind, const char *bus) {
  for (guint i = 0; i < G_N_ELEMENTS(drivers); i++) {
    if (g_str_equal(drivers[i].bus, bus) && g_str_equal(drivers[i].device, disk_device(device)))
      return drivers[i].driver;
  }
  return g_str_equal(bus, "virtio") && is_listed("disk lun", disk_device(device)) ? kind->driver : NULL;
}

/* Firmware boots floppies through their controller. */
static void set_boot(BerthBuild *build, const BerthDevice *device, const char *bus, json_object *props) {
  guint index = berth_kinds_boot_index(build->inventory, device);
  if (index == 0)
    return;
  if (!g_str_equal(bus, "fdc")) {
    berth_json_set_int(props, "bootindex", index);
    return;
  }
  g_autofree char *value = g_strdup_printf("%u", index);
  berth_kinds_global(build, device->address.value[BERTH_DRIVE_UNIT] == 0 ? "isa-fdc.bootindexA" : "isa-fdc.bootindexB", value);
}

#define VIRTIO "virtio-blk-pci"
#define VHOST_USER "vhost-user-blk-pci"

/* A socket takes the place of the block nodes. */
static gboolean build_vhost_user(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  static const BerthMap map[] = {
      {"driver/@queues", "num-queues", BERTH_MAP_NUMBER}, {"driver/@queue_size", "queue-size", BERTH_MAP_NUMBER}, {NULL}};
  const char *path = berth_model_device_get(device, "source/@path");
  gboolean again = berth_kinds_is_on(berth_model_device_get(device, "source/reconnect/@enabled"));
  g_autofree char *id = berth_kinds_id("char", device);
  if (path == NULL || !berth_model_device_is(device, "target/@bus", "virtio"))
    return berth_kinds_refuse(build, device, error, "a vhostuser disk is on bus virtio and has a <source path>");
  berth_kinds_need_shared_memory(build, device);
  berth_kinds_chardev_socket(build, id, path, FALSE, again ? berth_model_device_number(device, "source/reconnect/@timeout", 1) : 0);
  g_autofree char *driver = g_strconcat(VHOST_USER, kind->driver + strlen(VIRTIO), NULL); /* of the same flavour */
  json_object *props = berth_kinds_device(build, device, driver, error);
  if (props == NULL)
    return FALSE;
  berth_json_set_string(props, "chardev", id);
  set_boot(build, device, "virtio", props);
  return berth_kinds_map(build, device, map, props, error) && berth_kinds_virtio(build, device, props, error);
}

/* As with libvirt a cdrom without model is one: only so the guest sees a cdrom. */
static gboolean is_bot(const BerthDevice *device, const char *bus) {
  gboolean modelless = berth_model_device_get(device, "@model") == NULL;
  return berth_model_device_is(device, "@model", "usb-bot") ||
         (modelless && g_str_equal(bus, "usb") && g_str_equal(disk_device(device), "cdrom"));
}

/* A plain USB storage device has its SCSI disk inside; the bulk-only one shows a SCSI bus, where the disk sits. */
static json_object *add_bot(BerthBuild *build, const BerthDevice *device, GError **error) {
  g_autofree char *id = berth_kinds_id("", device);
  g_autofree char *bus = g_strconcat(id, ".0", NULL);
  g_autofree char *name = g_strconcat(id, "-device", NULL);
  if (berth_kinds_device(build, device, "usb-bot", error) == NULL)
    return NULL;
  json_object *props = berth_model_qemu_add(build->qemu, BERTH_QEMU_DEVICE);
  berth_json_set_string(props, "driver", g_str_equal(disk_device(device), "cdrom") ? "scsi-cd" : "scsi-hd");
  berth_json_set_string(props, "id", name);
  berth_json_set_string(props, "bus", bus);
  berth_json_set_int(props, "scsi-id", 0);
  berth_json_set_int(props, "lun", 0);
  return props;
}

/* What is the controller's, and has no effect on its disk. */
static void note_unused(BerthBuild *build, const BerthDevice *device, const char *bus) {
  if (g_str_equal(bus, "nvme") && berth_model_device_get(device, "serial") != NULL)
    berth_kinds_note(build, device, NULL, "a namespace has no serial of its own; its controller's <serial> is what the guest sees");
}

static gboolean check_disk(const BerthBuild *build, const BerthDevice *device, const char *bus, GError **error) {
  gboolean lun = g_str_equal(disk_device(device), "lun");
  if (!lun && (berth_model_device_is(device, "@rawio", "yes") || berth_model_device_get(device, "@sgio") != NULL))
    return berth_kinds_refuse(build, device, error, "rawio and sgio are something only device='lun' has");
  if (lun && !berth_model_device_is(device, "@type", "block") && !berth_model_device_is(device, "source/@protocol", "iscsi"))
    return berth_kinds_refuse(build, device, error, "device='lun' needs a source of type block, or iscsi");
  return check_limits(build, device, bus, error);
}

/* A passed-through unit answers for itself: nothing of what it shows is berth's. */
static gboolean fill_lun(const BerthBuild *build, const BerthDevice *device, json_object *props, GError **error) {
  static const char *const own[] = {"serial", "wwn", "vendor", "product", "geometry/@cyls", "target/@removable", NULL};
  if (!berth_kinds_only(build, device, own, FALSE, "an emulated disk", error))
    return FALSE;
  if (berth_xml_node_child(device->node, "shareable") != NULL)
    berth_json_set_boolean(props, "share-rw", TRUE);
  set_error_policy(device, props);
  if (!berth_model_device_is(device, "target/@bus", "virtio"))
    return TRUE;
  /* Only virtio 0.9 has it, and QEMU before 10. */
  berth_json_set_boolean(props, "scsi", TRUE);
  berth_json_set_boolean(props, "disable-modern", TRUE);
  return berth_kinds_virtio(build, device, props, error);
}

gboolean berth_kinds_build_disk(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  const char *written = berth_model_device_get(device, "target/@bus"), *bus = written != NULL ? written : "";
  const char *driver = find_driver(device, kind, bus);
  gboolean bot = is_bot(device, bus);
  g_autofree char *node = NULL;
  if (berth_model_device_is(device, "@type", "vhostuser"))
    return build_vhost_user(build, device, kind, error);
  if (driver == NULL)
    return berth_kinds_refuse(build, device, error, "a %s on bus %s is not supported by start yet", disk_device(device), bus);
  if (!check_disk(build, device, bus, error))
    return FALSE;
  note_unused(build, device, bus);
  if (berth_kinds_block_has_source(device->node)) {
    if (!berth_kinds_block_nodes(build, device, &node, error))
      return FALSE;
  } else if (!is_listed("cdrom floppy", disk_device(device)) || (g_str_equal(driver, "usb-storage") && !bot))
    return berth_kinds_refuse(build, device, error, "has no source; only a cdrom or floppy can be empty");
  json_object *props = bot ? add_bot(build, device, error) : berth_kinds_device(build, device, driver, error);
  if (props == NULL)
    return FALSE;
  if (node != NULL)
    berth_json_set_string(props, "drive", node);
  set_boot(build, device, bus, props);
  if (g_str_equal(disk_device(device), "lun"))
    return fill_lun(build, device, props, error);
  return fill_front(build, device, bus, props, error);
}
