/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TPM, IOMMU, crypto, vsock and panic devices. */
#include "kinds/build.h"

/* ---- TPM ---- */

/* The emulator is a process of its own, which someone must have started. */
static gboolean add_external(BerthBuild *build, const BerthDevice *device, const char *id, GError **error) {
  const char *path = berth_model_device_get(device, "backend/source/@path");
  g_autofree char *chardev = berth_kinds_id("char", device);
  if (path == NULL || !berth_model_device_is(device, "backend/@type", "external"))
    return berth_kinds_refuse(build, device, error,
                              "swtpm is not started by berth yet; <backend type='external'><source type='unix' path=> names the "
                              "socket of a running one");
  berth_kinds_chardev_socket(build, chardev, path, FALSE, 0);
  JsonObject *props = berth_model_qemu_option(build->qemu, "-tpmdev", "emulator");
  json_object_set_string_member(props, "id", id);
  json_object_set_string_member(props, "chardev", chardev);
  return TRUE;
}

static gboolean add_passthrough(BerthBuild *build, const BerthDevice *device, const char *id, GError **error) {
  static const BerthMap map[] = {{"backend/device/@path", "path", BERTH_MAP_TEXT}, {NULL}};
  JsonObject *props = berth_model_qemu_option(build->qemu, "-tpmdev", "passthrough");
  json_object_set_string_member(props, "id", id);
  json_object_set_string_member(props, "path", "/dev/tpm0");
  return berth_kinds_map(build, device, map, props, error);
}

gboolean berth_kinds_build_tpm(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  g_autofree char *id = berth_kinds_id("tpm-", device);
  static const char *const own[] = {"backend/@version", "backend/@persistent_state", NULL};
  gboolean passthrough = berth_model_device_is(device, "backend/@type", "passthrough");
  if (!berth_kinds_only(build, device, own, berth_model_device_is(device, "backend/@type", "emulator"), "an emulator", error))
    return FALSE;
  if (!(passthrough ? add_passthrough : add_external)(build, device, id, error))
    return FALSE;
  JsonObject *props = berth_kinds_device(build, device, kind->driver, error);
  if (props != NULL)
    json_object_set_string_member(props, "tpmdev", id);
  return props != NULL;
}

/* ---- IOMMU ---- */

static const BerthMap intel_map[] = {
    {"driver/@intremap", "intremap", BERTH_MAP_ONOFF},
    {"driver/@caching_mode", "caching-mode", BERTH_MAP_SWITCH},
    {"driver/@eim", "eim", BERTH_MAP_ONOFF},
    {"driver/@iotlb", "device-iotlb", BERTH_MAP_SWITCH},
    {"driver/@aw_bits", "aw-bits", BERTH_MAP_NUMBER},
    {"driver/@dma_translation", "dma-translation", BERTH_MAP_SWITCH},
    {NULL},
};

static const BerthMap amd_map[] = {
    {"driver/@intremap", "intremap", BERTH_MAP_ONOFF},
    {"driver/@iotlb", "device-iotlb", BERTH_MAP_SWITCH},
    {"driver/@passthrough", "pt", BERTH_MAP_SWITCH},
    {"driver/@xtsup", "xtsup", BERTH_MAP_SWITCH},
    {NULL},
};

static const BerthMap no_map[] = {{NULL}};

static const struct {
  const char *variant;
  const BerthMap *map;
} iommus[] = {{"intel", intel_map}, {"amd", amd_map}, {"virtio", no_map}};

static gboolean has_path(const BerthMap *map, const char *path) {
  for (; map->path != NULL; map++) {
    if (g_str_equal(map->path, path))
      return TRUE;
  }
  return FALSE;
}

gboolean berth_kinds_build_iommu(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  static const char *const all[] = {"driver/@intremap", "driver/@caching_mode",    "driver/@eim",         "driver/@iotlb",
                                    "driver/@aw_bits",  "driver/@dma_translation", "driver/@passthrough", "driver/@xtsup"};
  const BerthMap *map = no_map;
  for (guint i = 0; i < G_N_ELEMENTS(iommus); i++)
    map = g_str_equal(kind->variant, iommus[i].variant) ? iommus[i].map : map;
  for (guint i = 0; i < G_N_ELEMENTS(all); i++) {
    if (berth_model_device_get(device, all[i]) != NULL && !has_path(map, all[i]))
      return berth_kinds_refuse(build, device, error, "%s is not something a model '%s' has", all[i], kind->variant);
  }
  JsonObject *props = berth_kinds_device(build, device, kind->driver, error);
  return props != NULL && berth_kinds_map(build, device, map, props, error);
}

/* ---- crypto, vsock, panic ---- */

gboolean berth_kinds_build_crypto(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  static const BerthMap map[] = {{"backend/@queues", "queues", BERTH_MAP_NUMBER}, {NULL}};
  g_autofree char *id = berth_kinds_id("obj", device);
  JsonObject *object = berth_model_qemu_add(build->qemu, BERTH_QEMU_OBJECT);
  json_object_set_string_member(object, "qom-type", "cryptodev-backend-builtin");
  json_object_set_string_member(object, "id", id);
  if (!berth_kinds_map(build, device, map, object, error))
    return FALSE;
  JsonObject *props = berth_kinds_device(build, device, kind->driver, error);
  if (props == NULL)
    return FALSE;
  json_object_set_string_member(props, "cryptodev", id);
  return berth_kinds_virtio(build, device, props, error);
}

/* A free context id can only be found by trying; the document has to say one. */
gboolean berth_kinds_build_vsock(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  static const BerthMap map[] = {{"cid/@address", "guest-cid", BERTH_MAP_NUMBER}, {NULL}};
  if (berth_model_device_get(device, "cid/@address") == NULL)
    return berth_kinds_refuse(build, device, error, "<cid address=> is missing, and a free one is not looked for yet");
  JsonObject *props = berth_kinds_device(build, device, kind->driver, error);
  return props != NULL && berth_kinds_map(build, device, map, props, error) && berth_kinds_virtio(build, device, props, error);
}

/* That of Hyper-V is part of the CPU (cpu.c). */
gboolean berth_kinds_build_panic(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  return kind->driver == NULL || berth_kinds_device(build, device, kind->driver, error) != NULL;
}
