/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kinds/build.h"

static const BerthMap pci_map[] = {
    {"target/@chassisNr", "chassis_nr", BERTH_MAP_NUMBER},
    {"target/@port", "port", BERTH_MAP_NUMBER},
    {"target/@chassis", "chassis", BERTH_MAP_NUMBER},
    {"target/@busNr", "bus_nr", BERTH_MAP_NUMBER},
    {"target/@busReserve", "bus-reserve", BERTH_MAP_NUMBER},
    {"target/@memReserve", "mem-reserve", BERTH_MAP_KIB},
    {"target/@hotplug", "hotplug", BERTH_MAP_SWITCH},
    {"target/node", "numa_node", BERTH_MAP_NUMBER},
    {NULL},
};

/* Root ports come in two makes; every other model has just one. */
static const char *pci_driver(const BerthDevice *device, const BerthKind *kind) {
  const char *name = berth_model_device_get(device, "model/@name");
  if (name == NULL || g_strcmp0(name, kind->driver) == 0)
    return kind->driver;
  return g_str_equal(name, "ioh3420") && g_str_equal(kind->driver, "pcie-root-port") ? name : NULL;
}

gboolean berth_kinds_build_pci_controller(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  const char *driver = pci_driver(device, kind);
  if (driver == NULL)
    return berth_kinds_refuse(build, device, error, "model name '%s' is not one of its kind",
                              berth_model_device_get(device, "model/@name"));
  json_object *props = berth_kinds_device(build, device, driver, error);
  return props != NULL && berth_kinds_map(build, device, pci_map, props, error);
}

/* ---- USB ---- */

/* Where the companions' ports begin on their master when the document does not say. */
static const struct {
  const char *model;
  gint64 first_port;
} companions[] = {{"ich9-uhci1", 0}, {"ich9-uhci2", 2}, {"ich9-uhci3", 4}};

static gint64 companion_port(const BerthDevice *device) {
  gint64 port = -1;
  for (guint i = 0; i < G_N_ELEMENTS(companions); i++) {
    if (berth_model_device_is(device, "@model", companions[i].model))
      port = companions[i].first_port;
  }
  if (berth_model_device_get(device, "master/@startport") != NULL)
    port = (gint64)berth_model_device_number(device, "master/@startport", 0);
  return port;
}

/* Companions share their master's alias, and the bus that it names is the master's. */
static gboolean add_companion(const BerthBuild *build, const BerthDevice *device, gint64 port, json_object *props, GError **error) {
  const BerthDevice *master = berth_model_inventory_controller(build->inventory, "usb", device->index);
  if (master == NULL || master == device)
    return berth_kinds_refuse(build, device, error, "there is no master USB controller with index %" G_GINT64_FORMAT,
                              device->index);
  g_autofree char *bus = g_strconcat(master->id, ".0", NULL);
  if (g_strcmp0(master->id, device->id) == 0)
    json_object_object_del(props, "id");
  berth_json_set_string(props, "masterbus", bus);
  berth_json_set_int(props, "firstport", port);
  return TRUE;
}

gboolean berth_kinds_build_usb_controller(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  static const BerthMap ports[] = {{"@ports", "p2", BERTH_MAP_NUMBER}, {"@ports", "p3", BERTH_MAP_NUMBER}, {NULL}};
  if (kind->driver == NULL)
    return berth_kinds_refuse(build, device, error, "has no model that start supports");
  gint64 port = companion_port(device);
  gboolean xhci = g_str_has_suffix(kind->driver, "xhci");
  json_object *props = berth_kinds_device(build, device, kind->driver, error);
  if (props == NULL)
    return FALSE;
  if (!xhci && berth_model_device_get(device, "@ports") != NULL)
    return berth_kinds_refuse(build, device, error, "ports is something only an xhci controller has");
  if (port >= 0)
    return add_companion(build, device, port, props, error);
  return !xhci || berth_kinds_map(build, device, ports, props, error);
}

/* ---- disks' and serial ports' controllers ---- */

static const BerthMap scsi_map[] = {
    {"driver/@queues", "num_queues", BERTH_MAP_NUMBER},       {"driver/@cmd_per_lun", "cmd_per_lun", BERTH_MAP_NUMBER},
    {"driver/@max_sectors", "max_sectors", BERTH_MAP_NUMBER}, {"driver/@ioeventfd", "ioeventfd", BERTH_MAP_SWITCH},
    {"driver/@iothread", "iothread", BERTH_MAP_THREAD},       {NULL},
};

static const BerthMap serial_map[] = {
    {"@ports", "max_ports", BERTH_MAP_NUMBER},
    {"@vectors", "vectors", BERTH_MAP_NUMBER},
    {NULL},
};

static const BerthMap no_map[] = {{NULL}};

/* What a controller of each type may say, and whether the machine brings number 0 of it. */
static const struct {
  const char *type;
  const BerthMap *map;
  gsize builtin; /* offset of the flag in BerthMachineFamily; 0: never */
} types[] = {
    {"scsi", scsi_map, 0},
    {"virtio-serial", serial_map, 0},
    {"sata", no_map, offsetof(BerthMachineFamily, implicit_sata)},
    {"ide", no_map, offsetof(BerthMachineFamily, builtin_ide)},
    {"fdc", no_map, offsetof(BerthMachineFamily, builtin_fdc)},
};

static gboolean map_has(const BerthMap *map, const char *path) {
  for (; map->path != NULL; map++) {
    if (g_str_equal(map->path, path))
      return TRUE;
  }
  return FALSE;
}

/* Every one of these options is for virtio models only, the first ones for those of a type whose map has them. */
static gboolean check_options(const BerthBuild *build, const BerthDevice *device, const BerthMap *map, gboolean virtio,
                              GError **error) {
  static const char *const typed[] = {
      "@ports",          "@vectors", "driver/@queues", "driver/@cmd_per_lun", "driver/@max_sectors", "driver/@ioeventfd",
      "driver/@iothread"};
  static const char *const any[] = {"driver/@iommu", "driver/@ats", "driver/@packed", "driver/@page_per_vq"};
  const char *bad = NULL;
  for (guint i = 0; i < G_N_ELEMENTS(typed); i++) {
    if (berth_model_device_get(device, typed[i]) != NULL && !(virtio && map_has(map, typed[i])))
      bad = typed[i];
  }
  for (guint i = 0; i < G_N_ELEMENTS(any); i++) {
    if (berth_model_device_get(device, any[i]) != NULL && !virtio)
      bad = any[i];
  }
  return bad == NULL || berth_kinds_refuse(build, device, error, "%s is not something this controller has", bad);
}

gboolean berth_kinds_build_controller(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  const BerthMachineFamily *family = build->inventory->family;
  const BerthMap *map = no_map;
  gboolean virtio = kind->driver != NULL && g_str_has_prefix(kind->driver, "virtio-");
  for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
    if (!berth_model_device_is(device, "@type", types[i].type))
      continue;
    map = types[i].map;
    if (types[i].builtin != 0 && device->index == 0 && G_STRUCT_MEMBER(gboolean, family, types[i].builtin))
      return check_options(build, device, map, FALSE, error);
  }
  if (kind->driver == NULL)
    return berth_kinds_refuse(build, device, error, "this machine has no such controller");
  if (!check_options(build, device, map, virtio, error))
    return FALSE;
  json_object *props = berth_kinds_device(build, device, kind->driver, error);
  return props != NULL && berth_kinds_map(build, device, map, props, error) &&
         (!virtio || berth_kinds_virtio(build, device, props, error));
}

gboolean berth_kinds_build_nvme(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  static const BerthMap map[] = {
      {"serial", "serial", BERTH_MAP_TEXT},
      {"driver/@queues", "num_queues", BERTH_MAP_NUMBER},
      {"driver/@ioeventfd", "ioeventfd", BERTH_MAP_SWITCH},
      {NULL},
  };
  json_object *props = berth_kinds_device(build, device, kind->driver, error);
  return props != NULL && berth_kinds_map(build, device, map, props, error);
}
