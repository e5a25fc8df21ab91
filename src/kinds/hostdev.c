/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kinds/build.h"

#define SOURCE "source/address/@"

gboolean berth_kinds_build_host_pci(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  if (berth_model_device_get(device, SOURCE "bus") == NULL)
    return berth_kinds_refuse(build, device, error, "<source> has no <address>");
  guint64 domain = berth_model_device_number(device, SOURCE "domain", 0),
          bus = berth_model_device_number(device, SOURCE "bus", 256);
  guint64 slot = berth_model_device_number(device, SOURCE "slot", 0),
          function = berth_model_device_number(device, SOURCE "function", 0);
  if (domain > G_MAXUINT32 || bus > 255 || slot > 31 || function > 7) {
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, build->document, device->node, "the host's PCI address is out of range");
    return FALSE;
  }
  JsonObject *props = berth_kinds_device(build, device, kind->driver, error);
  if (props == NULL)
    return FALSE;
  g_autofree char *host = g_strdup_printf("%04x:%02x:%02x.%x", (guint)domain, (guint)bus, (guint)slot, (guint)function);
  json_object_set_string_member(props, "host", host);
  return berth_kinds_boot(build, device, props, error);
}

gboolean berth_kinds_build_host_usb(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  static const BerthMap map[] = {
      {"source/vendor/@id", "vendorid", BERTH_MAP_NUMBER}, {"source/product/@id", "productid", BERTH_MAP_NUMBER},
      {SOURCE "bus", "hostbus", BERTH_MAP_NUMBER},         {SOURCE "device", "hostaddr", BERTH_MAP_NUMBER},
      {SOURCE "port", "hostport", BERTH_MAP_WORD},         {NULL},
  };
  if (berth_model_device_get(device, "source/vendor/@id") == NULL && berth_model_device_get(device, SOURCE "bus") == NULL)
    return berth_kinds_refuse(build, device, error, "<source> names no device");
  JsonObject *props = berth_kinds_device(build, device, kind->driver, error);
  return props != NULL && berth_kinds_map(build, device, map, props, error) && berth_kinds_boot(build, device, props, error);
}
