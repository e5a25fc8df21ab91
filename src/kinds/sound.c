/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kinds/build.h"

static const struct {
  const char *type, *driver;
} codecs[] = {{"duplex", "hda-duplex"}, {"micro", "hda-micro"}, {"output", "hda-output"}};

gboolean berth_kinds_has_sound(const BerthInventory *inventory) {
  guint position = 0;
  return berth_model_inventory_walk(inventory, BERTH_SOUND, &position) != NULL;
}

static const char *codec_driver(const char *type) {
  for (guint i = 0; i < G_N_ELEMENTS(codecs); i++) {
    if (g_strcmp0(codecs[i].type, type) == 0)
      return codecs[i].driver;
  }
  return NULL;
}

static gboolean add_codec(BerthBuild *build, const BerthDevice *device, const char *type, guint number, GError **error) {
  const char *driver = codec_driver(type);
  g_autofree char *id = g_strdup_printf("%s-codec%u", device->id, number);
  g_autofree char *bus = g_strconcat(device->id, ".0", NULL);
  if (driver == NULL)
    return berth_kinds_refuse(build, device, error, "codec '%s' is not supported by start yet", type);
  json_object *props = berth_model_qemu_add(build->qemu, BERTH_QEMU_DEVICE);
  berth_json_set_string(props, "driver", driver);
  berth_json_set_string(props, "id", id);
  berth_json_set_string(props, "bus", bus);
  berth_json_set_int(props, "cad", number);
  g_autofree char *audiodev = berth_kinds_audiodev(device);
  berth_json_set_string(props, "audiodev", audiodev);
  return TRUE;
}

/* An HDA controller without a codec makes no sound: as with libvirt it gets a duplex one. */
static gboolean add_codecs(BerthBuild *build, const BerthDevice *device, GError **error) {
  const BerthXmlNode *codec = berth_xml_node_child(device->node, "codec");
  if (codec == NULL)
    return add_codec(build, device, "duplex", 0, error);
  for (guint n = 0; codec != NULL; codec = berth_xml_node_next(codec, "codec"), n++) {
    const char *type = berth_xml_node_get(codec, "@type");
    if (!add_codec(build, device, type != NULL ? type : "", n, error))
      return FALSE;
  }
  return TRUE;
}

gboolean berth_kinds_build_sound(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  static const BerthMap map[] = {{"@multichannel", "multi", BERTH_MAP_SWITCH}, {NULL}};
  gboolean hda = g_str_has_suffix(kind->driver != NULL ? kind->driver : "", "intel-hda");
  if (kind->driver == NULL)
    return berth_kinds_refuse(build, device, error, "model '%s' is not supported by start yet", kind->variant);
  if (berth_model_device_get(device, "@multichannel") != NULL && !g_str_equal(kind->variant, "usb"))
    return berth_kinds_refuse(build, device, error, "multichannel is something only a USB sound device has");
  if (berth_xml_node_child(device->node, "codec") != NULL && !hda)
    return berth_kinds_refuse(build, device, error, "codecs are something only ich6 and ich9 have");
  json_object *props = berth_kinds_device(build, device, kind->driver, error);
  if (props == NULL)
    return FALSE;
  if (hda)
    return add_codecs(build, device, error);
  g_autofree char *audiodev = berth_kinds_audiodev(device);
  berth_json_set_string(props, "audiodev", audiodev);
  return berth_kinds_map(build, device, map, props, error);
}
