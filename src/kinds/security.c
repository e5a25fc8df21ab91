/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TPM, IOMMU, crypto, vsock and panic devices. */
#include "kinds/build.h"

#include <string.h>

/* ---- TPM ---- */

#define SWTPM "swtpm"

/* A swtpm of the guest's own, which keeps its state from one start to the next. It is as swtpm makes it: without certificates,
 * which swtpm_setup can give it in its folder before the guest's first start. */
static gboolean add_swtpm(BerthBuild *build, const BerthDevice *device, const char *socket, GError **error) {
  const char *uuid = berth_model_device_get(build->inventory->domain, "uuid"),
             *version = berth_model_device_get(device, "backend/@version");
  const char *place = berth_model_device_get(device, "backend/source/@path");
  g_autofree char *own = g_build_filename(build->host->state_dir, "tpm", uuid != NULL ? uuid : "guest", NULL);
  gboolean file = berth_model_device_is(device, "backend/source/@type", "file");
  gboolean two = version != NULL ? g_str_equal(version, "2.0") : berth_model_device_is(device, "@model", "tpm-crb");
  if (place == NULL)
    place = own;
  g_autofree char *state = g_strconcat(file ? "backend-uri=file://" : "dir=", place, ",mode=0600", NULL);
  g_autofree char *control = g_strconcat("type=unixio,path=", socket, ",mode=0600", NULL);
  g_autofree char *key = NULL;
  g_autoptr(GPtrArray) argv = g_ptr_array_new();
  const char *const words[] = {SWTPM, "socket", "--tpmstate", state, "--ctrl", control, "--terminate", NULL};
  for (guint i = 0; words[i] != NULL; i++)
    g_ptr_array_add(argv, (gpointer)words[i]);
  if (two)
    g_ptr_array_add(argv, (gpointer) "--tpm2");
  const char *secret = berth_model_device_get(device, "backend/encryption/@secret");
  if (secret != NULL) {
    g_autofree char *value = g_build_filename(build->host->secrets_dir, secret, NULL);
    key = g_strconcat("pwdfile=", value, ",mode=aes-256-cbc", NULL);
    berth_kinds_need(build, device, NULL, value, "the secret's value is not there; write it to %s (mode 0600)", value);
    g_ptr_array_add(argv, (gpointer) "--key");
    g_ptr_array_add(argv, key);
  }
  g_ptr_array_add(argv, NULL);
  if (strchr(place, ',') != NULL || strchr(socket, ',') != NULL || (secret != NULL && !berth_kinds_is_word(secret)))
    return berth_kinds_refuse(build, device, error, "a path or secret has a character that swtpm cannot be told");
  berth_kinds_helper(build, device, (const char *const *)argv->pdata, file ? NULL : place);
  return TRUE;
}

static gboolean add_emulator(BerthBuild *build, const BerthDevice *device, const char *id, GError **error) {
  const char *path = berth_model_device_get(device, "backend/source/@path");
  gboolean external = berth_model_device_is(device, "backend/@type", "external");
  g_autofree char *chardev = berth_kinds_id("char", device);
  g_autofree char *own = berth_kinds_helper_socket(build, device);
  if (external && path == NULL)
    return berth_kinds_refuse(build, device, error, "<source type='unix' path=> of a running swtpm is missing");
  if (!external && !add_swtpm(build, device, own, error))
    return FALSE;
  berth_kinds_chardev_socket(build, chardev, external ? path : own, FALSE, 0);
  json_object *props = berth_model_qemu_option(build->qemu, "-tpmdev", "emulator");
  berth_json_set_string(props, "id", id);
  berth_json_set_string(props, "chardev", chardev);
  return TRUE;
}

static gboolean add_passthrough(BerthBuild *build, const BerthDevice *device, const char *id, GError **error) {
  static const BerthMap map[] = {{"backend/device/@path", "path", BERTH_MAP_TEXT}, {NULL}};
  json_object *props = berth_model_qemu_option(build->qemu, "-tpmdev", "passthrough");
  berth_json_set_string(props, "id", id);
  berth_json_set_string(props, "path", "/dev/tpm0");
  return berth_kinds_map(build, device, map, props, error);
}

gboolean berth_kinds_build_tpm(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  g_autofree char *id = berth_kinds_id("tpm-", device);
  static const char *const own[] = {"backend/@version", "backend/@persistent_state", "backend/encryption/@secret", NULL};
  gboolean passthrough = berth_model_device_is(device, "backend/@type", "passthrough");
  if (!berth_kinds_only(build, device, own, berth_model_device_is(device, "backend/@type", "emulator"), "an emulator", error))
    return FALSE;
  if (!(passthrough ? add_passthrough : add_emulator)(build, device, id, error))
    return FALSE;
  json_object *props = berth_kinds_device(build, device, kind->driver, error);
  if (props != NULL)
    berth_json_set_string(props, "tpmdev", id);
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

/* Of what pages the mappings are: the host's. */
static const BerthMap virtio_iommu_map[] = {{"driver/granule/@mode", "granule", BERTH_MAP_WORD}, {NULL}};

static const BerthMap no_map[] = {{NULL}};

static const struct {
  const char *variant;
  const BerthMap *map;
} iommus[] = {{"intel", intel_map}, {"amd", amd_map}, {"virtio", virtio_iommu_map}};

static gboolean has_path(const BerthMap *map, const char *path) {
  for (; map->path != NULL; map++) {
    if (g_str_equal(map->path, path))
      return TRUE;
  }
  return FALSE;
}

/* A granule of so many bytes, which QEMU has by name: "4k". */
static gboolean set_granule(const BerthBuild *build, const BerthXmlNode *granule, json_object *props, GError **error) {
  const char *size = berth_xml_node_get(granule, "@size");
  guint64 kib = 0;
  if (size == NULL)
    return TRUE;
  if (!berth_kinds_kib(build, granule, size, &kib, error))
    return FALSE;
  g_autofree char *name = g_strdup_printf("%" G_GUINT64_FORMAT "k", kib);
  berth_json_set_string(props, "granule", name);
  return TRUE;
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
  const BerthXmlNode *granule = berth_xml_node_child(berth_xml_node_child(device->node, "driver"), "granule");
  if (granule != NULL && !berth_kinds_since(build, device, 9, 1, "granule", error))
    return FALSE;
  json_object *props = berth_kinds_device(build, device, kind->driver, error);
  return props != NULL && berth_kinds_map(build, device, map, props, error) && set_granule(build, granule, props, error);
}

/* ---- crypto, vsock, panic ---- */

gboolean berth_kinds_build_crypto(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  static const BerthMap map[] = {{"backend/@queues", "queues", BERTH_MAP_NUMBER}, {NULL}};
  g_autofree char *id = berth_kinds_id("obj", device);
  json_object *object = berth_model_qemu_add(build->qemu, BERTH_QEMU_OBJECT);
  berth_json_set_string(object, "qom-type", "cryptodev-backend-builtin");
  berth_json_set_string(object, "id", id);
  if (!berth_kinds_map(build, device, map, object, error))
    return FALSE;
  json_object *props = berth_kinds_device(build, device, kind->driver, error);
  if (props == NULL)
    return FALSE;
  berth_json_set_string(props, "cryptodev", id);
  return berth_kinds_virtio(build, device, props, error);
}

#define FIRST_CID 3u
#define LAST_CID 0x7fffffffu

/* Left to berth it is made from the guest's uuid: the same at each start, and on one host very likely no other guest's. QEMU says
 * so where it is. */
static guint own_cid(const BerthBuild *build) {
  const char *uuid = berth_model_device_get(build->inventory->domain, "uuid");
  g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, uuid != NULL ? uuid : "", -1);
  hash[8] = '\0';
  return FIRST_CID + (guint)g_ascii_strtoull(hash, NULL, 16) % (LAST_CID - FIRST_CID);
}

gboolean berth_kinds_build_vsock(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  static const BerthMap map[] = {{"cid/@address", "guest-cid", BERTH_MAP_NUMBER}, {NULL}};
  gboolean chosen = berth_kinds_is_on(berth_model_device_get(device, "cid/@auto"));
  if (berth_model_device_get(device, "cid/@address") == NULL && !chosen)
    return berth_kinds_refuse(build, device, error, "<cid address=> is missing; <cid auto='yes'/> has one made");
  json_object *props = berth_kinds_device(build, device, kind->driver, error);
  if (props == NULL || !berth_kinds_map(build, device, map, props, error))
    return FALSE;
  if (chosen)
    berth_json_set_int(props, "guest-cid", own_cid(build));
  return berth_kinds_virtio(build, device, props, error);
}

/* That of Hyper-V is part of the CPU (cpu.c). */
gboolean berth_kinds_build_panic(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  return kind->driver == NULL || berth_kinds_device(build, device, kind->driver, error) != NULL;
}
