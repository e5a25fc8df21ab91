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

/* The first of @drivers that this QEMU has, as the model's name; the last one if it has none. Pairs of driver and model. */
static const char *first_model(const BerthFacts *facts, const char *const (*drivers)[2]) {
  const char *model = NULL;
  for (; (*drivers)[0] != NULL; drivers++) {
    model = (*drivers)[1];
    if (berth_facts_has_device(facts, (*drivers)[0]))
      break;
  }
  return model;
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
  if (berth_model_device_is(disk, "target/@bus", "usb"))
    set_if_lacking(disk, "@model", cdrom ? "usb-bot" : "usb-storage");
  return TRUE;
}

/* libvirt compares the names of the models that it knows without regard to case and keeps its own spelling (addressing §3.2.1). */
static const char *known_interface_model(const char *model) {
  static const char *const known[] = {"netfront",
                                      "rtl8139",
                                      "virtio",
                                      "virtio-transitional",
                                      "virtio-non-transitional",
                                      "e1000",
                                      "e1000e",
                                      "igb",
                                      "usb-net",
                                      "spapr-vlan",
                                      "lan9118",
                                      "scm91c111",
                                      "vlance",
                                      "vmxnet",
                                      "vmxnet2",
                                      "vmxnet3",
                                      "Am79C970A",
                                      "Am79C973",
                                      "82540EM",
                                      "82545EM",
                                      "82543GC"};
  for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
    if (g_ascii_strcasecmp(model, known[i]) == 0)
      return known[i];
  }
  return model;
}

static gboolean fill_interface(BerthAssignment *assignment, BerthDevice *interface, G_GNUC_UNUSED GError **error) {
  static const char *const models[][2] = {{"rtl8139", "rtl8139"}, {"e1000", "e1000"}, {"virtio-net-pci", "virtio"}, {NULL, NULL}};
  const char *model = berth_model_device_get(interface, "model/@type");
  if (model != NULL) {
    const char *known = known_interface_model(model);
    if (!g_str_equal(known, model))
      berth_model_device_set(interface, "model/@type", known);
  } else if (berth_model_device_is(interface, "@type", "vdpa")) {
    berth_model_device_set(interface, "model/@type", "virtio");
  } else if (!berth_model_device_is(interface, "@type", "hostdev")) {
    berth_model_device_set(interface, "model/@type", first_model(assignment->facts, models));
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
  static const char *const models[][2] = {{"cirrus-vga", "cirrus"}, {"VGA", "vga"}, {NULL, NULL}};
  if (lacks(video, "model/@type") || berth_model_device_is(video, "model/@type", "default"))
    berth_model_device_set(video, "model/@type", first_model(assignment->facts, models));
  return TRUE;
}

/* The model of the first SCSI controller that has one (libvirt 12.8), else the machine's default (addressing §4.7). */
static const char *scsi_model(const BerthAssignment *assignment) {
  static const char *const models[][2] = {{"lsi", "lsilogic"}, {"virtio-scsi-pci", "virtio-scsi"}, {NULL, NULL}};
  const BerthDevice *other;
  for (guint i = 0; (other = berth_model_inventory_walk(assignment->inventory, BERTH_CONTROLLER, &i)) != NULL;) {
    const char *model = berth_model_device_get(other, "@model");
    if (model != NULL && !g_str_equal(model, "auto") && berth_model_device_is(other, "@type", "scsi"))
      return model;
  }
  return first_model(assignment->facts, models);
}

static void fill_usb_controller(BerthAssignment *assignment, BerthDevice *controller) {
  static const struct { const char *model, *port; } companions[] = {{"ich9-uhci1", "0"}, {"ich9-uhci2", "2"}, {"ich9-uhci3", "4"}};
  set_if_lacking(controller, "@model", assignment->inventory->family->written_usb);
  for (gsize i = 0; i < G_N_ELEMENTS(companions); i++) {
    if (berth_model_device_is(controller, "@model", companions[i].model))
      set_if_lacking(controller, "master/@startport", companions[i].port);
  }
}

static gboolean fill_controller(BerthAssignment *assignment, BerthDevice *controller, G_GNUC_UNUSED GError **error) {
  const char *type = berth_model_device_get(controller, "@type");
  if (g_strcmp0(type, "usb") == 0)
    fill_usb_controller(assignment, controller);
  else if (g_strcmp0(type, "scsi") == 0 && (lacks(controller, "@model") || berth_model_device_is(controller, "@model", "auto")))
    berth_model_device_set(controller, "@model", scsi_model(assignment));
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

static gboolean is_isa_serial(const BerthDevice *serial) {
  return lacks(serial, "target/@type") || berth_model_device_is(serial, "target/@type", "isa-serial");
}

/* isa-serial ports are real: the lowest that no other has or is written with (libvirt 12.8). */
static guint64 lowest_serial_port(const BerthInventory *inventory) {
  for (guint64 port = 0;; port++) {
    const BerthDevice *other;
    gboolean used = FALSE;
    for (guint i = 0; !used && (other = berth_model_inventory_walk(inventory, BERTH_SERIAL, &i)) != NULL;)
      used = is_isa_serial(other) && berth_model_device_number(other, "target/@port", G_MAXUINT64) == port;
    if (!used)
      return port;
  }
}

static gboolean fill_serial(BerthAssignment *assignment, BerthDevice *serial, G_GNUC_UNUSED GError **error) {
  static const char *const models[][2] = {
      {"isa-serial", "isa-serial"}, {"isa-debug", "isa-debugcon"}, {"pci-serial", "pci-serial"}, {"usb-serial", "usb-serial"}};
  /* Only where the type is written does libvirt look for the lowest. */
  gboolean lowest = berth_model_device_is(serial, "target/@type", "isa-serial");
  set_if_lacking(serial, "target/@type", "isa-serial");
  if (lacks(serial, "target/@port"))
    set_number(serial, "target/@port",
               lowest ? lowest_serial_port(assignment->inventory) : next_port(assignment->inventory, BERTH_SERIAL, NULL));
  for (gsize i = 0; i < G_N_ELEMENTS(models); i++) {
    if (berth_model_device_is(serial, "target/@type", models[i][0]))
      set_if_lacking(serial, "target/model/@name", models[i][1]);
  }
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

/* Elements of which libvirt wants one attribute written, or fills in one value whatever the guest is. */
static const struct {
  BerthElementId element;
  const char *path, *value; /* value NULL: it must be written */
} constants[] = {
    {BERTH_SOUND, "@model", NULL},
    {BERTH_WATCHDOG, "@model", NULL},
    {BERTH_MEMBALLOON, "@model", NULL},
    {BERTH_RNG, "@model", NULL},
    {BERTH_MEMORY, "@model", NULL},
    {BERTH_IOMMU, "@model", NULL},
    {BERTH_CRYPTO, "@model", NULL},
    {BERTH_CHANNEL, "target/@type", NULL},
    {BERTH_HUB, "@type", NULL},
    {BERTH_INPUT, "@type", NULL},
    {BERTH_HOSTDEV, "@type", NULL},
    {BERTH_SMARTCARD, "@mode", NULL},
    {BERTH_SHMEM, "model/@type", "ivshmem"},
    {BERTH_TPM, "@model", "tpm-tis"},
    {BERTH_PANIC, "@model", "isa"},
    {BERTH_REDIRDEV, "@bus", "usb"},
    {BERTH_VSOCK, "@model", "virtio"},
};

static gboolean fill_constants(const BerthInventory *inventory, BerthDevice *device, GError **error) {
  for (gsize i = 0; i < G_N_ELEMENTS(constants); i++) {
    if (constants[i].element != device->element->id || !lacks(device, constants[i].path))
      continue;
    if (constants[i].value == NULL) {
      berth_xml_error(error, BERTH_ERROR_BAD_INPUT, inventory->document, device->node, "<%s> lacks %s", device->element->name,
                      constants[i].path);
      return FALSE;
    }
    berth_model_device_set(device, constants[i].path, constants[i].value);
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

static gboolean fill_device(BerthAssignment *assignment, BerthDevice *device, GError **error) {
  if (!fill_constants(assignment->inventory, device, error))
    return FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS(fillers); i++) {
    if (fillers[i].element == device->element->id && !fillers[i].fill(assignment, device, error))
      return FALSE;
  }
  return TRUE;
}

gboolean berth_assign_defaults(BerthAssignment *assignment, GError **error) {
  /* By index: the list may not change meanwhile, but it is read by the fillers. */
  for (guint i = 0; i < assignment->inventory->devices->len; i++) {
    if (!fill_device(assignment, assignment->inventory->devices->pdata[i], error))
      return FALSE;
  }
  return TRUE;
}
