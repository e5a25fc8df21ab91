/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "assign/stages.h"

#include <string.h>

#include "facts/facts.h"
#include "facts/machine.h"
#include "facts/target.h"

static gboolean lacks(const BerthDevice *device, const char *path) {
  return berth_model_device_get(device, path) == NULL;
}

static void set_if_lacking(BerthDevice *device, const char *path, const char *value) {
  if (value != NULL && lacks(device, path))
    berth_model_device_set(device, path, value);
}

static void set_number(BerthDevice *device, const char *path, guint64 value) {
  g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, value);
  berth_model_device_set(device, path, text);
}

/* Sets @path to the first of @values that makes @device one that this QEMU has, or to the last. */
static void set_first(const BerthAssignment *assignment, BerthDevice *device, const char *path, const char *const *values) {
  for (; *values != NULL; values++) {
    berth_model_device_set(device, path, *values);
    const BerthKind *kind = assignment->classify(device);
    if (kind == NULL || kind->driver == NULL || berth_facts_has_device(assignment->facts, kind->driver))
      return;
  }
}

static gboolean fill_disk(BerthAssignment *assignment, BerthDevice *disk, GError **error) {
  const char *name = berth_model_device_get(disk, "target/@dev");
  BerthTarget target;
  if (name == NULL) {
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, assignment->inventory->document, disk->node,
                    "disk has no target; add <target dev='vda'/>");
    return FALSE;
  }
  gboolean known = berth_facts_target_parse(name, &target);
  gboolean cdrom = berth_model_device_is(disk, "@device", "cdrom");
  if (lacks(disk, "target/@bus"))
    berth_model_device_set(disk, "target/@bus",
                           berth_model_device_is(disk, "@device", "floppy") ? "fdc" : (known ? target.bus : "ide"));
  const BerthKind *kind = assignment->classify(disk);
  if (berth_model_device_is(disk, "target/@bus", "usb") && kind != NULL)
    set_if_lacking(disk, "@model", cdrom ? "usb-bot" : kind->driver);
  return TRUE;
}

/* libvirt compares the names of the models that it knows without regard to case and keeps its own spelling (addressing §3.2.1). */
static gboolean fill_interface(BerthAssignment *assignment, BerthDevice *interface, G_GNUC_UNUSED GError **error) {
  const char *model = berth_model_device_get(interface, "model/@type");
  if (berth_model_device_is(interface, "@type", "hostdev"))
    return TRUE;
  if (model == NULL &&
      (berth_model_device_is(interface, "@type", "vdpa") || berth_model_device_is(interface, "@type", "vhostuser"))) {
    berth_model_device_set(interface, "model/@type", "virtio");
  } else if (model == NULL) {
    set_first(assignment, interface, "model/@type", interface->element->defaults);
  } else {
    const BerthKind *kind = assignment->classify(interface);
    if (kind != NULL && g_ascii_strcasecmp(kind->variant, model) == 0 && !g_str_equal(kind->variant, model))
      berth_model_device_set(interface, "model/@type", kind->variant);
  }
  return TRUE;
}

/* An iSCSI name without a LUN means LUN 0. */
static gboolean fill_hostdev(G_GNUC_UNUSED BerthAssignment *assignment, BerthDevice *hostdev, G_GNUC_UNUSED GError **error) {
  const char *name = berth_model_device_get(hostdev, "source/@name");
  if (name == NULL || strchr(name, '/') != NULL || !berth_model_device_is(hostdev, "source/@protocol", "iscsi"))
    return TRUE;
  g_autofree char *full = g_strconcat(name, "/0", NULL);
  berth_model_device_set(hostdev, "source/@name", full);
  return TRUE;
}

static gboolean fill_video(BerthAssignment *assignment, BerthDevice *video, G_GNUC_UNUSED GError **error) {
  if (lacks(video, "model/@type") || berth_model_device_is(video, "model/@type", "default"))
    set_first(assignment, video, "model/@type", video->element->defaults);
  return TRUE;
}

/* The model of the first SCSI controller that has one (libvirt 12.8), else what QEMU has (addressing §4.7). */
static void fill_scsi_controller(BerthAssignment *assignment, BerthDevice *controller) {
  static const char *const models[] = {"lsilogic", "virtio-scsi", NULL};
  const BerthDevice *other;
  if (!lacks(controller, "@model") && !berth_model_device_is(controller, "@model", "auto"))
    return;
  for (guint i = 0; (other = berth_model_inventory_walk(assignment->inventory, BERTH_CONTROLLER, &i)) != NULL;) {
    const char *model = berth_model_device_get(other, "@model");
    if (model == NULL || g_str_equal(model, "auto") || !berth_model_device_is(other, "@type", "scsi"))
      continue;
    berth_model_device_set(controller, "@model", model);
    return;
  }
  set_first(assignment, controller, "@model", models);
}

static void fill_usb_controller(BerthAssignment *assignment, BerthDevice *controller) {
  static const struct { const char *model, *port; } companions[] = {{"ich9-uhci1", "0"}, {"ich9-uhci2", "2"}, {"ich9-uhci3", "4"}};
  set_if_lacking(controller, "@model", assignment->inventory->family->written_usb);
  /* That there is none has no place. */
  if (berth_model_device_is(controller, "@model", "none"))
    controller->address = (BerthAddress){.type = BERTH_ADDRESS_NONE};
  for (gsize i = 0; i < G_N_ELEMENTS(companions); i++) {
    if (berth_model_device_is(controller, "@model", companions[i].model))
      set_if_lacking(controller, "master/@startport", companions[i].port);
  }
}

static gboolean fill_controller(BerthAssignment *assignment, BerthDevice *controller, G_GNUC_UNUSED GError **error) {
  const char *type = berth_model_device_get(controller, "@type");
  if (lacks(controller, "@model") || berth_model_device_is(controller, "@model", "auto")) {
    /* The default may have changed since, with QEMU or with other controllers. */
    const char *recorded = berth_assign_controller_recorded(assignment, controller, "@model");
    if (recorded != NULL)
      berth_model_device_set(controller, "@model", recorded);
  }
  if (g_strcmp0(type, "usb") == 0)
    fill_usb_controller(assignment, controller);
  else if (g_strcmp0(type, "scsi") == 0)
    fill_scsi_controller(assignment, controller);
  return TRUE;
}

/* The number behind the highest that a device of the element has, or one in front of @end: of ports that are only a count. */
static guint64 next_port(const BerthInventory *inventory, BerthElementId element, const BerthDevice *end) {
  const BerthDevice *other;
  guint64 next = 0;
  for (guint i = 0; (other = berth_model_inventory_walk(inventory, element, &i)) != NULL && other != end;) {
    guint64 port = berth_model_device_number(other, "target/@port", G_MAXUINT64);
    if (port != G_MAXUINT64 && port >= next)
      next = port + 1;
  }
  return next;
}

/* How many serial ports the ISA bus has (COM1 to COM4). */
#define ISA_SERIALS 4

/* Serial ports that are written as what a serial port is without a word: the others are numbered in another way. */
static gboolean is_written_isa(const BerthDevice *serial) {
  const char *type = serial->node != NULL ? berth_xml_node_get(serial->node, "target/@type") : NULL;
  return g_strcmp0(type, serial->element->defaults[0]) == 0;
}

/* Ports of the ISA bus are real: one that is not written is the lowest that none is written with (libvirt 12.8). */
static gboolean fill_isa_ports(const BerthAssignment *assignment, GError **error) {
  BerthDevice *serial;
  const char *what = NULL;
  guint used = 0;
  for (guint i = 0; (serial = berth_model_inventory_walk(assignment->inventory, BERTH_SERIAL, &i)) != NULL;) {
    if (!is_written_isa(serial) || lacks(serial, "target/@port"))
      continue;
    guint64 port = berth_model_device_number(serial, "target/@port", 0);
    what = port >= ISA_SERIALS ? "has a port beyond the fourth" : (used >> port & 1) != 0 ? "has the port of another" : NULL;
    if (what != NULL)
      break;
    used |= 1u << port;
  }
  for (guint i = 0; what == NULL && (serial = berth_model_inventory_walk(assignment->inventory, BERTH_SERIAL, &i)) != NULL;) {
    guint64 port = 0;
    if (!is_written_isa(serial) || !lacks(serial, "target/@port"))
      continue;
    while ((used >> port & 1) != 0)
      port++;
    what = port >= ISA_SERIALS ? "is the fifth" : NULL;
    if (what != NULL)
      break;
    used |= 1u << port;
    set_number(serial, "target/@port", port);
  }
  if (what != NULL)
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, assignment->inventory->document, serial->node,
                    "serial port of the ISA bus %s; there are ports 0 to %d", what, ISA_SERIALS - 1);
  return what == NULL;
}

static gboolean fill_serial(BerthAssignment *assignment, BerthDevice *serial, G_GNUC_UNUSED GError **error) {
  if (lacks(serial, "target/@type"))
    set_first(assignment, serial, "target/@type", serial->element->defaults);
  if (lacks(serial, "target/@port"))
    set_number(serial, "target/@port", next_port(assignment->inventory, BERTH_SERIAL, NULL));
  const BerthKind *kind = assignment->classify(serial);
  set_if_lacking(serial, "target/model/@name", kind != NULL ? kind->driver : NULL);
  return TRUE;
}

static gboolean fill_parallel(BerthAssignment *assignment, BerthDevice *parallel, G_GNUC_UNUSED GError **error) {
  if (lacks(parallel, "target/@port"))
    set_number(parallel, "target/@port", next_port(assignment->inventory, BERTH_PARALLEL, parallel));
  return TRUE;
}

static gboolean fill_input(G_GNUC_UNUSED BerthAssignment *assignment, BerthDevice *input, G_GNUC_UNUSED GError **error) {
  static const struct {
    const char *type, *bus;
  } buses[] = {{"mouse", "ps2"}, {"keyboard", "ps2"}, {"tablet", "usb"}, {"passthrough", "virtio"}};
  for (gsize i = 0; i < G_N_ELEMENTS(buses); i++) {
    if (berth_model_device_is(input, "@type", buses[i].type))
      set_if_lacking(input, "@bus", buses[i].bus);
  }
  return TRUE;
}

/* What libvirt wants written. */
static const struct {
  BerthElementId element;
  const char *path;
} required[] = {
    {BERTH_SOUND, "@model"},  {BERTH_WATCHDOG, "@model"}, {BERTH_MEMBALLOON, "@model"}, {BERTH_RNG, "@model"},
    {BERTH_MEMORY, "@model"}, {BERTH_IOMMU, "@model"},    {BERTH_CRYPTO, "@model"},     {BERTH_CHANNEL, "target/@type"},
    {BERTH_HUB, "@type"},     {BERTH_INPUT, "@type"},     {BERTH_HOSTDEV, "@type"},     {BERTH_SMARTCARD, "@mode"},
};

static gboolean check_required(const BerthInventory *inventory, const BerthDevice *device, GError **error) {
  for (gsize i = 0; i < G_N_ELEMENTS(required); i++) {
    if (required[i].element != device->element->id || !lacks(device, required[i].path))
      continue;
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, inventory->document, device->node, "<%s> lacks %s", device->element->name,
                    required[i].path);
    return FALSE;
  }
  return TRUE;
}

static const struct {
  BerthElementId element;
  gboolean (*fill)(BerthAssignment *assignment, BerthDevice *device, GError **error);
} fillers[] = {
    {BERTH_DISK, fill_disk},         {BERTH_INTERFACE, fill_interface},   {BERTH_HOSTDEV, fill_hostdev},
    {BERTH_VIDEO, fill_video},       {BERTH_CONTROLLER, fill_controller}, {BERTH_SERIAL, fill_serial},
    {BERTH_PARALLEL, fill_parallel}, {BERTH_INPUT, fill_input},
};

/* Devices that are none: libvirt reads nothing more of them than that. */
static void clear_absent(BerthDevice *device) {
  static const struct {
    BerthElementId element;
    const char *path;
  } rows[] = {{BERTH_MEMBALLOON, "@model"}, {BERTH_VIDEO, "model/@type"}};
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    if (rows[i].element != device->element->id || !berth_model_device_is(device, rows[i].path, "none"))
      continue;
    device->address = (BerthAddress){.type = BERTH_ADDRESS_NONE};
    device->rule = BERTH_RULE_NONE;
  }
}

static gboolean fill_device(BerthAssignment *assignment, BerthDevice *device, GError **error) {
  if (!check_required(assignment->inventory, device, error))
    return FALSE;
  clear_absent(device);
  for (gsize i = 0; i < G_N_ELEMENTS(fillers); i++) {
    if (fillers[i].element == device->element->id && !fillers[i].fill(assignment, device, error))
      return FALSE;
  }
  /* Those with a filler of their own have it by now, or do without for a reason. */
  gboolean plain = device->element->default_path != NULL && device->element->id != BERTH_INTERFACE;
  if (plain && lacks(device, device->element->default_path))
    set_first(assignment, device, device->element->default_path, device->element->defaults);
  return TRUE;
}

gboolean berth_assign_defaults(BerthAssignment *assignment, GError **error) {
  if (!fill_isa_ports(assignment, error))
    return FALSE;
  /* By index: the list may not change meanwhile, but it is read by the fillers. */
  for (guint i = 0; i < assignment->inventory->devices->len; i++) {
    if (!fill_device(assignment, assignment->inventory->devices->pdata[i], error))
      return FALSE;
  }
  return TRUE;
}
