/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small virtio devices and the watchdogs. */
#include "kinds/build.h"

gboolean berth_kinds_build_rng(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  static const BerthMap map[] = {
      {"rate/@bytes", "max-bytes", BERTH_MAP_NUMBER},
      {"rate/@period", "period", BERTH_MAP_NUMBER},
      {NULL},
  };
  gboolean builtin = berth_model_device_is(device, "backend/@model", "builtin");
  gboolean egd = berth_model_device_is(device, "backend/@model", "egd");
  const char *file = berth_model_device_get(device, "backend");
  g_autofree char *chardev = berth_kinds_id("char", device);
  if (egd && !berth_kinds_chardev(build, device, berth_xml_node_child(device->node, "backend"), chardev, error))
    return FALSE;
  g_autofree char *id = berth_kinds_id("obj", device);
  json_object *object = berth_model_qemu_add(build->qemu, BERTH_QEMU_OBJECT);
  berth_json_set_string(object, "qom-type", builtin ? "rng-builtin" : egd ? "rng-egd" : "rng-random");
  berth_json_set_string(object, "id", id);
  if (egd)
    berth_json_set_string(object, "chardev", chardev);
  if (!builtin && !egd) {
    g_autofree char *path = g_strstrip(g_strdup(file != NULL ? file : ""));
    berth_json_set_string(object, "filename", path[0] != '\0' ? path : "/dev/random");
  }
  json_object *props = berth_kinds_device(build, device, kind->driver, error);
  if (props == NULL)
    return FALSE;
  berth_json_set_string(props, "rng", id);
  if (berth_model_device_get(device, "rate/@bytes") != NULL)
    berth_json_set_int(props, "period", 1000);
  return berth_kinds_map(build, device, map, props, error) && berth_kinds_virtio(build, device, props, error);
}

gboolean berth_kinds_build_memballoon(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  static const BerthMap map[] = {
      {"@autodeflate", "deflate-on-oom", BERTH_MAP_SWITCH},
      {"@freePageReporting", "free-page-reporting", BERTH_MAP_SWITCH},
      {NULL},
  };
  if (kind->driver == NULL)
    return TRUE;
  json_object *props = berth_kinds_device(build, device, kind->driver, error);
  return props != NULL && berth_kinds_map(build, device, map, props, error) && berth_kinds_virtio(build, device, props, error);
}

/* What QEMU calls the actions; "dump" is a core dump by whoever manages the guest, so that QEMU only stops it. */
static const struct {
  const char *xml, *qemu;
} actions[] = {
    {"reset", "reset"}, {"shutdown", "shutdown"}, {"poweroff", "poweroff"},     {"pause", "pause"},
    {"none", "none"},   {"dump", "pause"},        {"inject-nmi", "inject-nmi"},
};

/* The written one: the chipset's watchdog follows the others. */
static const char *action_of(const BerthDevice *device) {
  const char *action = berth_xml_node_get(device->node, "@action");
  for (guint i = 0; i < G_N_ELEMENTS(actions); i++) {
    if (g_strcmp0(actions[i].xml, action) == 0)
      return actions[i].qemu;
  }
  return NULL;
}

/* QEMU has one action for all watchdogs: two written ones must agree, and the first device says it. */
static gboolean set_action(BerthBuild *build, const BerthDevice *device, GError **error) {
  const char *action = action_of(device);
  const BerthDevice *other, *first = NULL;
  guint position = 0;
  while ((other = berth_model_inventory_walk(build->inventory, BERTH_WATCHDOG, &position)) != NULL) {
    const char *written = action_of(other);
    if (first == NULL)
      first = other;
    if (action != NULL && written != NULL && !g_str_equal(action, written))
      return berth_kinds_refuse(build, device, error, "action '%s' differs from another watchdog's '%s'", action, written);
    if (action == NULL)
      action = written;
  }
  if (first == device)
    berth_model_qemu_option(build->qemu, "-watchdog-action", action != NULL ? action : "reset");
  return TRUE;
}

gboolean berth_kinds_build_watchdog(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  if (kind->driver != NULL) {
    if (berth_kinds_device(build, device, kind->driver, error) == NULL)
      return FALSE;
  } else
    berth_kinds_global(build, "ICH9-LPC.noreboot", "off"); /* the chipset's, which is idle otherwise */
  return set_action(build, device, error);
}
