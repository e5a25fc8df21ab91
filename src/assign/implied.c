/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "assign/stages.h"

#include "facts/machine.h"

/* No guest can use more, and a typing error must not make millions. */
#define MAX_CONTROLLER 4095

static BerthDevice *first(const BerthInventory *inventory, BerthElementId element) {
  guint position = 0;
  return berth_model_inventory_walk(inventory, element, &position);
}

/* ---- consoles (addressing §6.4) ---- */

static gboolean is_serial_console(const BerthDevice *console) {
  const char *type = berth_model_device_get(console, "target/@type");
  return type == NULL || g_str_equal(type, "serial");
}

/* Puts @device in front of the first one of its element. */
static void insert_first(BerthInventory *inventory, BerthDevice *device) {
  guint place = 0;
  while (place < inventory->devices->len && ((BerthDevice *)inventory->devices->pdata[place])->element->id != device->element->id)
    place++;
  g_ptr_array_insert(inventory->devices, (gint)place, device);
}

/* The same back end again: the attributes of the element and of those children that describe the character device. */
static void copy_back_end(BerthDevice *to, const BerthDevice *from) {
  static const char *const children[] = {"source", "protocol", "log"};
  const char *type = berth_model_device_get(from, "@type");
  if (type != NULL)
    berth_model_device_set(to, "@type", type);
  for (gsize i = 0; i < G_N_ELEMENTS(children); i++) {
    const BerthXmlNode *child = berth_xml_node_child(from->node, children[i]);
    for (guint j = 0; child != NULL && j < child->n_attributes; j++) {
      g_autofree char *path = g_strconcat(children[i], "/@", child->attributes[j].name, NULL);
      berth_model_device_set(to, path, child->attributes[j].value);
    }
  }
}

/* A first console of serial type without a serial port *becomes* the serial port and stays as its alias. */
static void add_serial_of_console(BerthAssignment *assignment, const BerthDevice *console) {
  BerthDevice *serial = berth_assign_device_new(assignment, BERTH_SERIAL, "target/@type", "isa-serial", "target/@port", "0", NULL);
  copy_back_end(serial, console);
  serial->address = console->address;
  serial->written = console->written;
  serial->rule = console->rule;
  g_ptr_array_add(assignment->inventory->devices, serial);
}

static void add_console_of_serial(BerthAssignment *assignment, const BerthDevice *serial) {
  BerthDevice *console = berth_assign_device_new(assignment, BERTH_CONSOLE, "target/@type", "serial", NULL);
  copy_back_end(console, serial);
  insert_first(assignment->inventory, console);
}

/* A console's port is its position, that of the alias the port of the serial it stands for. */
static gboolean number_consoles(BerthAssignment *assignment, GError **error) {
  const BerthInventory *inventory = assignment->inventory;
  const BerthDevice *serial = first(inventory, BERTH_SERIAL);
  BerthDevice *console;
  guint64 port = 0;
  for (guint i = 0; (console = berth_model_inventory_walk(inventory, BERTH_CONSOLE, &i)) != NULL; port++) {
    gboolean alias = is_serial_console(console);
    if (alias && port > 0) {
      berth_xml_error(error, BERTH_ERROR_BAD_INPUT, inventory->document, console->node,
                      "only the first console can be a serial port; give this one <target type='virtio'/>");
      return FALSE;
    }
    if (alias)
      berth_model_device_set(console, "target/@type", "serial");
    guint64 number = alias && serial != NULL ? berth_model_device_number(serial, "target/@port", 0) : port;
    if (berth_model_device_number(console, "target/@port", G_MAXUINT64) != number) {
      g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, number);
      berth_model_device_set(console, "target/@port", text);
    }
  }
  return TRUE;
}

/* A console that stands for a serial port is where that is (document/write.c prints it so): its own address takes no place. */
static void clear_alias_address(BerthInventory *inventory) {
  BerthDevice *console = first(inventory, BERTH_CONSOLE);
  if (console == NULL || !is_serial_console(console))
    return;
  console->address = (BerthAddress){.type = BERTH_ADDRESS_NONE};
  console->rule = BERTH_RULE_NONE;
}

static gboolean add_consoles(BerthAssignment *assignment, GError **error) {
  const BerthDevice *console = first(assignment->inventory, BERTH_CONSOLE);
  const BerthDevice *serial = first(assignment->inventory, BERTH_SERIAL);
  if (serial == NULL && console != NULL && is_serial_console(console))
    add_serial_of_console(assignment, console);
  else if (serial != NULL && berth_model_device_is(serial, "target/@type", "isa-serial") &&
           (console == NULL || !is_serial_console(console)))
    add_console_of_serial(assignment, serial);
  clear_alias_address(assignment->inventory);
  return number_consoles(assignment, error);
}

/* ---- controllers (addressing §4.6, §5.1, §5.2) ---- */

static gboolean is_too_high(const BerthAssignment *assignment, const BerthDevice *device, guint64 index, GError **error) {
  if (index <= MAX_CONTROLLER)
    return FALSE;
  berth_xml_error(error, BERTH_ERROR_BAD_INPUT, assignment->inventory->document, device->node,
                  "%s needs controller %" G_GUINT64_FORMAT "; no guest has more than %d of a type", device->element->name, index,
                  MAX_CONTROLLER + 1);
  return TRUE;
}

/* Below a controller that a running guest has, others may have been unplugged. */
static gboolean has_its_own(const BerthAssignment *assignment, const char *type, const BerthDevice *device) {
  gint64 index = (gint64)device->address.value[BERTH_DRIVE_CONTROLLER];
  return assignment->running && berth_model_inventory_controller(assignment->inventory, type, index) != NULL;
}

gboolean berth_assign_controllers_up_to(BerthAssignment *assignment, const char *type, const char *model, const BerthDevice *device,
                                        GError **error) {
  if (device->address.type != BERTH_ADDRESS_DRIVE || has_its_own(assignment, type, device))
    return TRUE;
  guint64 highest = device->address.value[BERTH_DRIVE_CONTROLLER];
  if (is_too_high(assignment, device, highest, error))
    return FALSE;
  for (guint64 index = 0; index <= highest; index++) {
    if (berth_model_inventory_controller(assignment->inventory, type, (gint64)index) == NULL)
      berth_assign_controller_add(assignment, type, model, (gint64)index);
  }
  return TRUE;
}

/* An NVMe controller has a serial number, its disks (name spaces) have none: libvirt takes that of the first disk. One that is not
 * written follows its disks also when it comes back from the record; without a disk it keeps what it had. */
static void set_nvme_serial(const BerthAssignment *assignment, BerthDevice *controller) {
  const BerthDevice *disk;
  for (guint i = 0; (disk = berth_model_inventory_walk(assignment->inventory, BERTH_DISK, &i)) != NULL;) {
    const char *serial = berth_model_device_get(disk, "serial");
    if (serial == NULL || !berth_model_device_is(disk, "target/@bus", "nvme") || disk->address.type != BERTH_ADDRESS_DRIVE ||
        disk->address.value[BERTH_DRIVE_CONTROLLER] != (guint64)controller->index)
      continue;
    berth_model_device_set(controller, "serial", serial);
    return;
  }
  const char *recorded = berth_assign_controller_recorded(assignment, controller, "serial");
  if (recorded != NULL)
    berth_model_device_set(controller, "serial", recorded);
}

static void set_nvme_serials(const BerthAssignment *assignment) {
  BerthDevice *controller;
  for (guint i = 0; (controller = berth_model_inventory_walk(assignment->inventory, BERTH_CONTROLLER, &i)) != NULL;) {
    if (berth_model_device_is(controller, "@type", "nvme") &&
        (controller->node == NULL || berth_model_device_get(controller, "serial") == NULL))
      set_nvme_serial(assignment, controller);
  }
}

/* In libvirt's order; the bus of a disk is the type of its controller. */
static gboolean add_disk_controllers(BerthAssignment *assignment, GError **error) {
  static const char *const types[] = {"scsi", "fdc", "ide", "sata", "nvme"};
  for (gsize i = 0; i < G_N_ELEMENTS(types); i++) {
    const BerthDevice *highest = NULL, *disk;
    for (guint j = 0; (disk = berth_model_inventory_walk(assignment->inventory, BERTH_DISK, &j)) != NULL;) {
      if (!berth_model_device_is(disk, "target/@bus", types[i]) || disk->address.type != BERTH_ADDRESS_DRIVE ||
          has_its_own(assignment, types[i], disk))
        continue;
      if (highest == NULL || disk->address.value[BERTH_DRIVE_CONTROLLER] > highest->address.value[BERTH_DRIVE_CONTROLLER])
        highest = disk;
    }
    if (highest != NULL && !berth_assign_controllers_up_to(assignment, types[i], NULL, highest, error))
      return FALSE;
  }
  set_nvme_serials(assignment);
  return TRUE;
}

/* The one controller that a device names in field 0 of its address of family @type, or controller 0. */
static gboolean add_named_controller(BerthAssignment *assignment, const BerthDevice *device, const char *type,
                                     BerthAddressType address, GError **error) {
  guint64 index = device->address.type == address ? device->address.value[0] : 0;
  if (is_too_high(assignment, device, index, error))
    return FALSE;
  if (berth_model_inventory_controller(assignment->inventory, type, (gint64)index) == NULL)
    berth_assign_controller_add(assignment, type, NULL, (gint64)index);
  return TRUE;
}

static gboolean add_character_controllers(BerthAssignment *assignment, GError **error) {
  static const struct {
    BerthElementId element;
    const char *only; /* target/@type; NULL: any */
    const char *type;
    BerthAddressType address;
  } rows[] = {
      {BERTH_CHANNEL, "virtio", "virtio-serial", BERTH_ADDRESS_VIRTIO_SERIAL},
      {BERTH_CONSOLE, "virtio", "virtio-serial", BERTH_ADDRESS_VIRTIO_SERIAL},
      {BERTH_SMARTCARD, NULL, "ccid", BERTH_ADDRESS_CCID},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    const BerthDevice *device;
    for (guint j = 0; (device = berth_model_inventory_walk(assignment->inventory, rows[i].element, &j)) != NULL;) {
      if (rows[i].only != NULL && !berth_model_device_is(device, "target/@type", rows[i].only))
        continue;
      if (!add_named_controller(assignment, device, rows[i].type, rows[i].address, error))
        return FALSE;
    }
  }
  return TRUE;
}

/* ---- video (addressing §6.3) ---- */

static void add_video(BerthAssignment *assignment) {
  BerthDevice *video = first(assignment->inventory, BERTH_VIDEO);
  if (video == NULL && first(assignment->inventory, BERTH_GRAPHICS) != NULL) {
    video = berth_assign_device_new(assignment, BERTH_VIDEO, NULL);
    g_ptr_array_add(assignment->inventory->devices, video);
  }
  if (video != NULL && !berth_model_device_is(video, "model/@type", "none") &&
      !berth_model_device_is(video, "model/@primary", "yes"))
    berth_model_device_set(video, "model/@primary", "yes");
}

gboolean berth_assign_implied(BerthAssignment *assignment, GError **error) {
  if (!add_consoles(assignment, error) || !add_disk_controllers(assignment, error) || !add_character_controllers(assignment, error))
    return FALSE;
  add_video(assignment);
  return TRUE;
}
