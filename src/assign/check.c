/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Controllers, what a guest can have only once, and whose address fits whom; disks are in check-disk.c. */
#include "assign/check.h"

#include "facts/machine.h"

gboolean berth_assign_refuse(const BerthAssignment *assignment, const BerthDevice *device, int code, GError **error,
                             const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  g_autofree char *text = g_strdup_vprintf(format, arguments);
  va_end(arguments);
  g_autofree char *name = berth_model_device_name(device);
  berth_xml_error(error, code, assignment->inventory->document, device->node, "%s: %s", name, text);
  return FALSE;
}

gboolean berth_assign_refuse_pair(const BerthAssignment *assignment, const BerthDevice *device, const BerthDevice *other,
                                  const char *what, GError **error) {
  const BerthDevice *first = device, *second = other;
  berth_model_inventory_new_first(assignment->inventory, &first, &second);
  g_autofree char *name = berth_model_device_cite(device, first->node), *others = berth_model_device_cite(other, first->node);
  berth_xml_error(error, BERTH_ERROR_BAD_INPUT, assignment->inventory->document, first->node, "%s: %s as %s", name, what, others);
  return FALSE;
}

/* ---- before placing ---- */

static gboolean is_companion(const BerthDevice *controller) {
  const char *model = berth_model_device_get(controller, "@model");
  return (model != NULL && g_str_has_prefix(model, "ich9-uhci")) || berth_model_device_get(controller, "master/@startport") != NULL;
}

static gboolean is_usb(const BerthDevice *controller) {
  return berth_model_device_is(controller, "@type", "usb");
}

static gboolean check_usb_controller(const BerthAssignment *assignment, const BerthDevice *controller, GError **error) {
  gboolean master = !is_companion(controller);
  const BerthDevice *other;
  for (guint i = 0; (other = berth_model_inventory_walk(assignment->inventory, BERTH_CONTROLLER, &i)) != NULL;) {
    if (!is_usb(other) || other == controller)
      continue;
    if (berth_model_device_is(other, "@model", "none"))
      return berth_assign_refuse_pair(assignment, controller, other, "USB is switched off by a controller of model none", error);
    if (other->index == controller->index && !is_companion(other) && !is_companion(controller))
      return berth_assign_refuse_pair(assignment, controller, other, "has the same index", error);
    master = master || !is_companion(other);
  }
  return master || berth_assign_refuse(assignment, controller, BERTH_ERROR_BAD_INPUT, error,
                                       "is a companion, but there is no USB controller that it belongs to; add an ich9-ehci1 of "
                                       "index %" G_GINT64_FORMAT,
                                       controller->index);
}

static gboolean check_root(const BerthAssignment *assignment, const BerthDevice *controller, GError **error) {
  const char *model = berth_model_device_get(controller, "@model");
  if (g_strcmp0(model, "pci-root") != 0 && g_strcmp0(model, "pcie-root") != 0)
    return TRUE;
  if (controller->index != 0)
    return berth_assign_refuse(assignment, controller, BERTH_ERROR_BAD_INPUT, error, "a %s has index 0", model);
  if (controller->written.type != BERTH_ADDRESS_NONE)
    return berth_assign_refuse(assignment, controller, BERTH_ERROR_BAD_INPUT, error, "a %s has no address", model);
  return TRUE;
}

/* Expander buses are machine parts that only one machine family has each. */
static gboolean check_expander(const BerthAssignment *assignment, const BerthDevice *controller, GError **error) {
  static const struct { const char *model, *root; } rows[] = {{"pci-expander-bus", "pci-root"}, {"pcie-expander-bus", "pcie-root"}};
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    if (berth_model_device_is(controller, "@model", rows[i].model) &&
        g_strcmp0(assignment->inventory->family->pci_root, rows[i].root) != 0)
      return berth_assign_refuse(assignment, controller, BERTH_ERROR_UNSUPPORTED, error, "machine '%s' has no %s",
                                 assignment->inventory->machine, rows[i].model);
  }
  return TRUE;
}

static guint numa_cells(const BerthInventory *inventory) {
  const BerthXmlNode *numa = berth_xml_node_child(berth_xml_node_child(inventory->domain->node, "cpu"), "numa");
  guint n = 0;
  for (const BerthXmlNode *cell = berth_xml_node_child(numa, "cell"); cell != NULL; cell = berth_xml_node_next(cell, "cell"))
    n++;
  return n;
}

static gboolean check_numa_node(const BerthAssignment *assignment, const BerthDevice *controller, GError **error) {
  if (berth_model_device_get(controller, "target/node") == NULL)
    return TRUE;
  guint64 node = berth_model_device_number(controller, "target/node", G_MAXUINT64);
  guint cells = numa_cells(assignment->inventory);
  return node < cells || berth_assign_refuse(assignment, controller, BERTH_ERROR_BAD_INPUT, error,
                                             "NUMA node '%s' is not among the %u of <cpu><numa>",
                                             berth_model_device_get(controller, "target/node"), cells);
}

/* Numbers below <target> and their ranges (addressing §3.1). */
static const struct {
  const char *path;
  guint64 min, max;
} pci_numbers[] = {{"target/@chassisNr", 1, 255}, {"target/@chassis", 0, 255},    {"target/@port", 0, 255},
                   {"target/@busNr", 1, 254},     {"target/@busReserve", 1, 254}, {"target/@memReserve", 1, G_MAXINT64 / 1024}};

static gboolean check_pci_controller(const BerthAssignment *assignment, const BerthDevice *controller, GError **error) {
  if (berth_model_device_get(controller, "@model") == NULL)
    return berth_assign_refuse(assignment, controller, BERTH_ERROR_BAD_INPUT, error,
                               "it has no model; name one, such as model='pcie-root-port'");
  if (controller->index > 255)
    return berth_assign_refuse(assignment, controller, BERTH_ERROR_BAD_INPUT, error, "a PCI controller's index is at most 255");
  if (assignment->inventory->family->pci_root == NULL)
    return berth_assign_refuse(assignment, controller, BERTH_ERROR_UNSUPPORTED, error, "machine '%s' has no PCI",
                               assignment->inventory->machine);
  for (gsize i = 0; i < G_N_ELEMENTS(pci_numbers); i++) {
    const char *text = berth_model_device_get(controller, pci_numbers[i].path);
    guint64 number = berth_model_device_number(controller, pci_numbers[i].path, G_MAXUINT64);
    if (text != NULL && (number < pci_numbers[i].min || number > pci_numbers[i].max))
      return berth_assign_refuse(assignment, controller, BERTH_ERROR_BAD_INPUT, error,
                                 "%s is '%s'; it must be %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT, pci_numbers[i].path, text,
                                 pci_numbers[i].min, pci_numbers[i].max);
  }
  if (assignment->inventory->family->pci_root == NULL)
    return berth_assign_refuse(assignment, controller, BERTH_ERROR_UNSUPPORTED, error, "machine '%s' has no PCI",
                               assignment->inventory->machine);
  return check_root(assignment, controller, error) && check_expander(assignment, controller, error) &&
         check_numa_node(assignment, controller, error);
}

/* The models that a written controller may have are those of the kinds table; a type without model needs no row of its own. */
static gboolean check_known_controller(const BerthAssignment *assignment, const BerthDevice *controller, GError **error) {
  if (assignment->classify(controller) != NULL)
    return TRUE;
  const char *model = berth_model_device_get(controller, "@model");
  return berth_assign_refuse(assignment, controller, BERTH_ERROR_UNSUPPORTED, error, "unknown type '%s'%s%s",
                             berth_model_device_get(controller, "@type"), model != NULL ? " or model " : "",
                             model != NULL ? model : "");
}

gboolean berth_assign_check_controllers(const BerthAssignment *assignment, GError **error) {
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  const BerthDevice *controller;
  for (guint i = 0; (controller = berth_model_inventory_walk(assignment->inventory, BERTH_CONTROLLER, &i)) != NULL;) {
    const char *type = berth_model_device_get(controller, "@type");
    if (is_usb(controller) && !check_usb_controller(assignment, controller, error))
      return FALSE;
    g_autofree char *key = g_strdup_printf("%s:%" G_GINT64_FORMAT, type, controller->index);
    const BerthDevice *other = is_usb(controller) ? NULL : g_hash_table_lookup(seen, key);
    if (other != NULL)
      return berth_assign_refuse_pair(assignment, controller, other, "has the same type and index", error);
    g_hash_table_insert(seen, g_steal_pointer(&key), (gpointer)controller);
    if (g_strcmp0(type, "pci") == 0 && !check_pci_controller(assignment, controller, error))
      return FALSE;
    if (!check_known_controller(assignment, controller, error))
      return FALSE;
  }
  return TRUE;
}

/* ---- after placing ---- */

/* What a guest has at most one of; with @path, at most one of each value there, or of @value only. */
static const struct {
  BerthElementId element;
  const char *path, *value;
} singles[] = {
    {BERTH_MEMBALLOON, NULL, NULL},     {BERTH_VSOCK, NULL, NULL},
    {BERTH_SMARTCARD, NULL, NULL},      {BERTH_TPM, NULL, NULL},
    {BERTH_PSTORE, NULL, NULL},         {BERTH_PANIC, "@model", NULL},
    {BERTH_WATCHDOG, "@model", "itco"}, {BERTH_WATCHDOG, "@model", "ib700"},
};

static gboolean check_singles(const BerthAssignment *assignment, GError **error) {
  for (gsize i = 0; i < G_N_ELEMENTS(singles); i++) {
    const BerthDevice *device;
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint j = 0; (device = berth_model_inventory_walk(assignment->inventory, singles[i].element, &j)) != NULL;) {
      const char *value = singles[i].path != NULL ? berth_model_device_get(device, singles[i].path) : "";
      if (singles[i].value != NULL && g_strcmp0(value, singles[i].value) != 0)
        continue;
      const BerthDevice *other = g_hash_table_lookup(seen, value != NULL ? value : "");
      if (other != NULL)
        return berth_assign_refuse_pair(assignment, device, other, "a guest has only one; this is the same", error);
      g_hash_table_insert(seen, (gpointer)(value != NULL ? value : ""), (gpointer)device);
    }
  }
  return TRUE;
}

/* Some mind a switch of any index (libvirt 12.8). */
static gboolean needs_usb(const BerthDevice *device, const BerthDevice *off) {
  BerthElementId element = device->element->id;
  gboolean any = element == BERTH_HOSTDEV || element == BERTH_HUB || element == BERTH_INPUT;
  return device->kind != NULL && device->kind->address == BERTH_ADDRESS_USB && (any || off->index == 0);
}

static gboolean check_usb_is_there(const BerthAssignment *assignment, GError **error) {
  const GPtrArray *devices = assignment->inventory->devices;
  const BerthDevice *off;
  for (guint i = 0; (off = berth_model_inventory_walk(assignment->inventory, BERTH_CONTROLLER, &i)) != NULL;) {
    if (!is_usb(off) || !berth_model_device_is(off, "@model", "none"))
      continue;
    for (guint j = 0; j < devices->len; j++)
      if (needs_usb(devices->pdata[j], off))
        return berth_assign_refuse_pair(assignment, devices->pdata[j], off,
                                        "is a USB device, but USB is switched off by a controller of model none", error);
  }
  return TRUE;
}

/* A bridge that is found behind a bus of a greater number would be numbered before it. */
static gboolean check_bridge_index(const BerthAssignment *assignment, const BerthDevice *device, GError **error) {
  if (device->element->id != BERTH_CONTROLLER || !berth_model_device_is(device, "@model", "pci-bridge") ||
      device->address.type != BERTH_ADDRESS_PCI || (guint64)device->index > device->address.value[BERTH_PCI_BUS])
    return TRUE;
  return berth_assign_refuse(assignment, device, BERTH_ERROR_BAD_INPUT, error,
                             "a pci-bridge's index must be greater than the bus it sits on (%" G_GUINT64_FORMAT ")",
                             device->address.value[BERTH_PCI_BUS]);
}

/* Values that the machine or QEMU does not have. */
static gboolean check_value(const BerthAssignment *assignment, const BerthDevice *device, GError **error) {
  const BerthMachineFamily *family = assignment->inventory->family;
  static const struct {
    BerthElementId element;
    const char *path, *value, *why;
  } never[] = {
      {BERTH_SHMEM, "model/@type", "ivshmem", "QEMU has no ivshmem any more; use ivshmem-plain or ivshmem-doorbell"},
      {BERTH_CONTROLLER, "@model", "buslogic", "QEMU has no buslogic"},
      {BERTH_CONTROLLER, "@model", "ncr53c90", "no x86 machine has an ncr53c90"},
      {BERTH_CONTROLLER, "@model", "qusb1", "QEMU has no qusb1; use qemu-xhci"},
      {BERTH_CONTROLLER, "@model", "qusb2", "QEMU has no qusb2; use qemu-xhci"},
      {BERTH_FILESYSTEM, "driver/@type", "handle", "QEMU has no driver 'handle' any more; leave <driver> out"},
      {BERTH_INPUT, "@model", "virtio-transitional", "QEMU has no transitional virtio input"},
      {BERTH_INPUT, "@model", "virtio-non-transitional", "QEMU has no non-transitional virtio input"},
      {BERTH_WATCHDOG, "@model", "diag288", "only s390x has a diag288"},
      {BERTH_CONSOLE, "target/@type", "xen", "QEMU has no xen console"},
      {BERTH_CONSOLE, "target/@type", "uml", "QEMU has no uml console"},
      {BERTH_SOUND, "@model", "ich7", "QEMU has no ich7; use ich6 or ich9"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(never); i++) {
    if (never[i].element == device->element->id && berth_model_device_is(device, never[i].path, never[i].value))
      return berth_assign_refuse(assignment, device, BERTH_ERROR_UNSUPPORTED, error, "%s", never[i].why);
  }
  BerthElementId element = device->element->id;
  if (element == BERTH_NVRAM)
    return berth_assign_refuse(assignment, device, BERTH_ERROR_UNSUPPORTED, error, "only ppc64 has an nvram device");
  if (!family->itco && (element == BERTH_IOMMU || (element == BERTH_WATCHDOG && berth_model_device_is(device, "@model", "itco"))))
    return berth_assign_refuse(assignment, device, BERTH_ERROR_UNSUPPORTED, error, "machine '%s' has none; q35 has",
                               assignment->inventory->machine);
  if (element == BERTH_WATCHDOG && berth_model_device_is(device, "@model", "ib700") && !family->builtin_ide)
    return berth_assign_refuse(assignment, device, BERTH_ERROR_UNSUPPORTED, error, "machine '%s' has no ib700; pc has",
                               assignment->inventory->machine);
  if (element == BERTH_INPUT && berth_model_device_is(device, "@bus", "ps2") &&
      (!family->ps2 || berth_model_device_is(assignment->inventory->domain, "features/ps2/@state", "off")))
    return berth_assign_refuse(assignment, device, BERTH_ERROR_UNSUPPORTED, error, "machine '%s' has no PS/2 here",
                               assignment->inventory->machine);
  return TRUE;
}

/* A kind that no table knows would be left out of the guest. */
static gboolean check_known(const BerthAssignment *assignment, const BerthDevice *device, GError **error) {
  if (device->kind != NULL || device->element->id >= BERTH_GRAPHICS)
    return TRUE;
  g_autofree char *variant = device->element->variant(device);
  return berth_assign_refuse(assignment, device, BERTH_ERROR_UNSUPPORTED, error, "unknown kind '%s' of <%s>", variant,
                             device->element->name);
}

/* Six groups of one or two hexadecimal digits. */
static gboolean is_mac(const char *text) {
  for (guint group = 0; group < 6; group++) {
    guint digits = 0;
    while (digits < 2 && g_ascii_isxdigit(text[digits]))
      digits++;
    text += digits;
    if (digits == 0 || *text != (group < 5 ? ':' : '\0'))
      return FALSE;
    text++;
  }
  return TRUE;
}

/* The lowest bit of the first group is set in the addresses of groups of NICs only. */
static gboolean check_mac(const BerthAssignment *assignment, const BerthDevice *device, GError **error) {
  const char *mac = device->element->id == BERTH_INTERFACE ? berth_model_device_get(device, "mac/@address") : NULL;
  if (mac == NULL)
    return TRUE;
  if (!is_mac(mac))
    return berth_assign_refuse(assignment, device, BERTH_ERROR_BAD_INPUT, error, "'%s' is not a MAC address", mac);
  if (g_ascii_strtoull(mac, NULL, 16) & 1)
    return berth_assign_refuse(assignment, device, BERTH_ERROR_BAD_INPUT, error, "'%s' is a multicast address; no NIC can have it",
                               mac);
  return TRUE;
}

static gboolean check_videos(const BerthAssignment *assignment, GError **error) {
  const BerthDevice *video, *head = NULL;
  for (guint i = 0; (video = berth_model_inventory_walk(assignment->inventory, BERTH_VIDEO, &i)) != NULL;) {
    if (head == NULL) {
      head = video;
      continue;
    }
    if (berth_model_device_is(video, "model/@primary", "yes"))
      return berth_assign_refuse_pair(assignment, video, head, "is primary", error);
    if (berth_model_device_is(video, "model/@type", "none") || berth_model_device_is(head, "model/@type", "none"))
      return berth_assign_refuse_pair(assignment, video, head, "a video of model none must be the only one, it is not the same",
                                      error);
    static const char *const primary_only[] = {"cirrus", "vga", "bochs", "vmvga", "ramfb"};
    for (gsize j = 0; j < G_N_ELEMENTS(primary_only); j++) {
      if (berth_model_device_is(video, "model/@type", primary_only[j]))
        return berth_assign_refuse(assignment, video, BERTH_ERROR_UNSUPPORTED, error, "%s can only be the primary video",
                                   primary_only[j]);
    }
  }
  return TRUE;
}

/* What a watchdog does is the machine's affair (QEMU: -watchdog-action), not the device's. */
static gboolean check_watchdogs(const BerthAssignment *assignment, GError **error) {
  const BerthDevice *watchdog, *first = NULL;
  const char *actions[2] = {NULL, NULL};
  for (guint i = 0; (watchdog = berth_model_inventory_walk(assignment->inventory, BERTH_WATCHDOG, &i)) != NULL;) {
    const char *action = berth_model_device_get(watchdog, "@action");
    actions[first != NULL] = action != NULL ? action : "reset";
    if (first != NULL && !g_str_equal(actions[0], actions[1]))
      return berth_assign_refuse_pair(assignment, watchdog, first, "the action of all watchdogs is one; it is not the same", error);
    first = first != NULL ? first : watchdog;
  }
  return TRUE;
}

gboolean berth_assign_check(const BerthAssignment *assignment, GError **error) {
  static gboolean (*const checks[])(const BerthAssignment *, const BerthDevice *, GError **) = {
      check_value, check_known, check_mac, berth_assign_check_address, check_bridge_index, berth_assign_check_source,
  };
  for (guint i = 0; i < assignment->inventory->devices->len; i++) {
    for (gsize j = 0; j < G_N_ELEMENTS(checks); j++) {
      if (!checks[j](assignment, assignment->inventory->devices->pdata[i], error))
        return FALSE;
    }
  }
  return check_usb_is_there(assignment, error) && check_singles(assignment, error) && check_videos(assignment, error) &&
         check_watchdogs(assignment, error) && berth_assign_check_disks(assignment, error) &&
         berth_assign_check_hostdevs(assignment, error) && berth_assign_check_domain(assignment, error) &&
         berth_assign_check_guest(assignment, error);
}
