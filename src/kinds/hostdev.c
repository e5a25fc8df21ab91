/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kinds/build.h"

#define SOURCE "source/address/@"

#define IOMMUFD "iommufd0"

/* One for all devices. */
static gboolean add_iommufd(BerthBuild *build, const BerthDevice *device, GError **error) {
  if (!berth_kinds_since(build, device, 9, 0, "iommufd", error))
    return FALSE;
  if (!berth_kinds_has_object(build->qemu, IOMMUFD)) {
    json_object *object = berth_model_qemu_add(build->qemu, BERTH_QEMU_OBJECT);
    berth_json_set_string(object, "qom-type", "iommufd");
    berth_json_set_string(object, "id", IOMMUFD);
  }
  return TRUE;
}

json_object *berth_kinds_host_pci(BerthBuild *build, const BerthDevice *device, const char *driver, GError **error) {
  if (berth_model_device_get(device, SOURCE "bus") == NULL) {
    berth_kinds_refuse(build, device, error, "<source> has no <address>");
    return NULL;
  }
  guint64 domain = berth_model_device_number(device, SOURCE "domain", 0),
          bus = berth_model_device_number(device, SOURCE "bus", 256);
  guint64 slot = berth_model_device_number(device, SOURCE "slot", 0),
          function = berth_model_device_number(device, SOURCE "function", 0);
  if (domain > G_MAXUINT32 || bus > 255 || slot > 31 || function > 7) {
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, build->document, device->node, "the host's PCI address is out of range");
    return NULL;
  }
  gboolean iommufd = berth_kinds_is_on(berth_model_device_get(device, "driver/@iommufd"));
  if (iommufd && !add_iommufd(build, device, error))
    return NULL;
  json_object *props = berth_kinds_device(build, device, driver, error);
  if (props == NULL)
    return NULL;
  if (iommufd)
    berth_json_set_string(props, "iommufd", IOMMUFD);
  g_autofree char *host = g_strdup_printf("%04x:%02x:%02x.%x", (guint)domain, (guint)bus, (guint)slot, (guint)function);
  berth_json_set_string(props, "host", host);
  return berth_kinds_boot(build, device, props, error) ? props : NULL;
}

gboolean berth_kinds_build_host_pci(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  static const BerthMap map[] = {{"teaming/@persistent", "failover_pair_id", BERTH_MAP_WORD}, {NULL}};
  json_object *props = berth_kinds_host_pci(build, device, kind->driver, error);
  return props != NULL && berth_kinds_map(build, device, map, props, error);
}

gboolean berth_kinds_build_host_usb(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  static const BerthMap map[] = {
      {"source/vendor/@id", "vendorid", BERTH_MAP_NUMBER}, {"source/product/@id", "productid", BERTH_MAP_NUMBER},
      {SOURCE "bus", "hostbus", BERTH_MAP_NUMBER},         {SOURCE "device", "hostaddr", BERTH_MAP_NUMBER},
      {SOURCE "port", "hostport", BERTH_MAP_WORD},         {NULL},
  };
  if (berth_model_device_get(device, "source/vendor/@id") == NULL && berth_model_device_get(device, SOURCE "bus") == NULL)
    return berth_kinds_refuse(build, device, error, "<source> names no device");
  json_object *props = berth_kinds_device(build, device, kind->driver, error);
  return props != NULL && berth_kinds_map(build, device, map, props, error) && berth_kinds_boot(build, device, props, error);
}

/* QEMU wants the generic device, /dev/sgN, whose number only the host knows. */
static gboolean fill_generic(const BerthBuild *build, const BerthDevice *device, json_object *node, GError **error) {
  const char *adapter = berth_model_device_get(device, "source/adapter/@name");
  g_autofree char *place =
      g_strdup_printf("%s:%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT,
                      adapter != NULL && g_str_has_prefix(adapter, "scsi_host") ? adapter + 9 : "?",
                      berth_model_device_number(device, SOURCE "bus", 0), berth_model_device_number(device, SOURCE "target", 0),
                      berth_model_device_number(device, SOURCE "unit", 0));
  const char *generic = g_hash_table_lookup(build->host->scsi, place);
  if (generic == NULL)
    return berth_kinds_refuse(build, device, error, "there is no SCSI device %s on this host", place);
  berth_json_set_string(node, "driver", "host_device");
  berth_json_set_string(node, "filename", generic);
  return TRUE;
}

gboolean berth_kinds_build_host_scsi(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  gboolean network = berth_model_device_get(device, "source/@protocol") != NULL;
  gboolean shared = berth_xml_node_child(device->node, "shareable") != NULL;
  g_autofree char *name = berth_kinds_node_name(device);
  if (!berth_kinds_block_secrets(build, device, error))
    return FALSE;
  json_object *node = berth_model_qemu_add(build->qemu, BERTH_QEMU_BLOCKDEV);
  berth_json_set_string(node, "node-name", name);
  if (!(network ? berth_kinds_block_network(build, device, node, error) : fill_generic(build, device, node, error)))
    return FALSE;
  berth_json_set_boolean(node, "read-only", berth_xml_node_child(device->node, "readonly") != NULL);
  json_object *props = berth_kinds_device(build, device, kind->driver, error);
  if (props == NULL)
    return FALSE;
  berth_json_set_string(props, "drive", name);
  if (shared)
    berth_json_set_boolean(props, "share-rw", TRUE);
  return berth_kinds_boot(build, device, props, error);
}

gboolean berth_kinds_build_host_vhost_scsi(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  static const BerthMap map[] = {{"source/@wwpn", "wwpn", BERTH_MAP_WORD}, {NULL}};
  if (berth_model_device_get(device, "source/@wwpn") == NULL)
    return berth_kinds_refuse(build, device, error, "<source wwpn> is missing");
  json_object *props = berth_kinds_device(build, device, kind->driver, error);
  return props != NULL && berth_kinds_map(build, device, map, props, error) && berth_kinds_virtio(build, device, props, error);
}

gboolean berth_kinds_build_host_mdev(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  static const BerthMap map[] = {{"@display", "display", BERTH_MAP_ONOFF}, {"@ramfb", "ramfb", BERTH_MAP_SWITCH}, {NULL}};
  const char *uuid = berth_model_device_get(device, SOURCE "uuid");
  gboolean ramfb = berth_model_device_is(device, "@ramfb", "on");
  if (!berth_kinds_is_word(uuid))
    return berth_kinds_refuse(build, device, error, "<source> has no <address uuid>");
  /* The frame buffer of firmware has no place to come to while the guest runs. */
  json_object *props = berth_kinds_device(build, device, ramfb ? "vfio-pci-nohotplug" : kind->driver, error);
  if (props == NULL)
    return FALSE;
  g_autofree char *path = g_strconcat("/sys/bus/mdev/devices/", uuid, NULL);
  berth_json_set_string(props, "sysfsdev", path);
  return berth_kinds_map(build, device, map, props, error) && berth_kinds_boot(build, device, props, error);
}
