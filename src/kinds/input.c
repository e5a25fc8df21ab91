/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kinds/build.h"

/* The host's device feeds the guest's keyboard and mouse; it is none of its own. */
static gboolean build_evdev(BerthBuild *build, const BerthDevice *device, GError **error) {
  static const BerthMap map[] = {
      {"source/@dev", "evdev", BERTH_MAP_TEXT},
      {"source/@repeat", "repeat", BERTH_MAP_SWITCH},
      {"source/@grabToggle", "grab-toggle", BERTH_MAP_WORD},
      {NULL},
  };
  if (berth_model_device_get(device, "source/@dev") == NULL)
    return berth_kinds_refuse(build, device, error, "<source dev> is missing");
  json_object *object = berth_model_qemu_add(build->qemu, BERTH_QEMU_OBJECT);
  berth_json_set_string(object, "qom-type", "input-linux");
  berth_json_set_string(object, "id", device->id);
  if (berth_model_device_is(device, "source/@grab", "all"))
    berth_json_set_boolean(object, "grab_all", TRUE);
  return berth_kinds_map(build, device, map, object, error);
}

gboolean berth_kinds_build_input(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  static const BerthMap map[] = {{"source/@evdev", "evdev", BERTH_MAP_TEXT}, {NULL}};
  static const char *const of_evdev[] = {"source/@dev", "source/@grab", "source/@repeat", "source/@grabToggle", NULL};
  static const char *const of_passthrough[] = {"source/@evdev", NULL};
  gboolean evdev = g_str_equal(kind->variant, "evdev"), passthrough = g_str_has_suffix(kind->variant, "/passthrough");
  if (!berth_kinds_only(build, device, of_evdev, evdev, "an evdev input", error) ||
      !berth_kinds_only(build, device, of_passthrough, passthrough, "a passthrough input", error))
    return FALSE;
  if (evdev)
    return build_evdev(build, device, error);
  if (passthrough && berth_model_device_get(device, "source/@evdev") == NULL)
    return berth_kinds_refuse(build, device, error, "<source evdev> is missing");
  json_object *props = berth_kinds_device(build, device, kind->driver, error);
  if (props == NULL || !berth_kinds_map(build, device, map, props, error))
    return FALSE;
  return !g_str_has_prefix(kind->driver, "virtio-") || berth_kinds_virtio(build, device, props, error);
}
