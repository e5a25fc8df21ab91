/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kinds/build.h"

static const BerthMap vga_map[] = {{"model/@vram", "vgamem_mb", BERTH_MAP_MIB}, {NULL}};

static const BerthMap bochs_map[] = {
    {"model/@vram", "vgamem", BERTH_MAP_KIB},
    {"model/resolution/@x", "xres", BERTH_MAP_NUMBER},
    {"model/resolution/@y", "yres", BERTH_MAP_NUMBER},
    {NULL},
};

static const BerthMap virtio_map[] = {
    {"model/@heads", "max_outputs", BERTH_MAP_NUMBER},
    {"model/resolution/@x", "xres", BERTH_MAP_NUMBER},
    {"model/resolution/@y", "yres", BERTH_MAP_NUMBER},
    {"model/@blob", "blob", BERTH_MAP_SWITCH},
    {NULL},
};

static const BerthMap qxl_map[] = {
    {"model/@heads", "max_outputs", BERTH_MAP_NUMBER}, {"model/@ram", "ram_size", BERTH_MAP_KIB},
    {"model/@vram", "vram_size", BERTH_MAP_KIB},       {"model/@vram64", "vram64_size_mb", BERTH_MAP_MIB},
    {"model/@vgamem", "vgamem_mb", BERTH_MAP_MIB},     {NULL},
};

/* libvirt writes vram= for these but gives QEMU's cards nothing of it. */
static const BerthMap plain_map[] = {{NULL}};

/* What a card is called that is not the guest's first; NULL: it can only be the first. */
static const struct {
  const char *variant, *secondary;
  const BerthMap *map;
} cards[] = {
    {"vga", NULL, vga_map},
    {"vmvga", NULL, vga_map},
    {"cirrus", NULL, plain_map},
    {"qxl", "qxl", qxl_map},
    {"virtio", "virtio-gpu-pci", virtio_map},
    {"bochs", "bochs-display", bochs_map},
    {"ramfb", NULL, plain_map},
};

/* With 3D acceleration it is another device. */
static const struct {
  const char *plain, *accelerated;
} accelerations[] = {{"virtio-vga", "virtio-vga-gl"}, {"virtio-gpu-pci", "virtio-gpu-gl-pci"}};

static const char *accelerate(const BerthDevice *device, const char *driver) {
  for (guint i = 0; i < G_N_ELEMENTS(accelerations); i++) {
    if (g_str_equal(accelerations[i].plain, driver) && berth_model_device_is(device, "model/acceleration/@accel3d", "yes"))
      return accelerations[i].accelerated;
  }
  return driver;
}

/* A card whose drawing is done by a process of its own. */
static gboolean build_vhost_user(BerthBuild *build, const BerthDevice *device, gboolean primary, GError **error) {
  static const BerthMap map[] = {{"model/@heads", "max_outputs", BERTH_MAP_NUMBER},
                                 {"model/resolution/@x", "xres", BERTH_MAP_NUMBER},
                                 {"model/resolution/@y", "yres", BERTH_MAP_NUMBER},
                                 {NULL}};
  const char *node = berth_model_device_get(device, "model/acceleration/@rendernode");
  g_autofree char *id = berth_kinds_id("char", device);
  g_autofree char *socket = berth_kinds_helper_socket(build, device);
  g_autofree char *listens = g_strconcat("--socket-path=", socket, NULL);
  g_autofree char *renders = g_strconcat("--render-node=", node, NULL);
  g_autoptr(GPtrArray) argv = g_ptr_array_new();
  g_ptr_array_add(argv, (gpointer) "vhost-user-gpu");
  g_ptr_array_add(argv, listens);
  if (berth_model_device_is(device, "model/acceleration/@accel3d", "yes"))
    g_ptr_array_add(argv, (gpointer) "--virgl");
  if (node != NULL)
    g_ptr_array_add(argv, renders);
  g_ptr_array_add(argv, NULL);
  berth_kinds_helper(build, device, (const char *const *)argv->pdata, NULL);
  berth_kinds_need_shared_memory(build, device);
  berth_kinds_chardev_socket(build, id, socket, FALSE, 0);
  json_object *props = berth_kinds_device(build, device, primary ? "vhost-user-vga" : "vhost-user-gpu-pci", error);
  if (props == NULL)
    return FALSE;
  berth_json_set_string(props, "chardev", id);
  return berth_kinds_map(build, device, map, props, error) && berth_kinds_virtio(build, device, props, error);
}

gboolean berth_kinds_build_video(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error) {
  guint position = 0;
  gboolean primary = berth_model_inventory_walk(build->inventory, BERTH_VIDEO, &position) == device;
  guint i = 0;
  while (i < G_N_ELEMENTS(cards) && !g_str_equal(cards[i].variant, kind->variant))
    i++;
  if (i == G_N_ELEMENTS(cards))
    return berth_kinds_refuse(build, device, error, "model '%s' is not supported by start yet", kind->variant);
  const char *driver = primary ? kind->driver : cards[i].secondary;
  if (driver == NULL)
    return berth_kinds_refuse(build, device, error, "model '%s' can only be the first video", kind->variant);
  gboolean virtio = g_str_equal(kind->variant, "virtio");
  if (!virtio && (berth_model_device_is(device, "model/acceleration/@accel3d", "yes") ||
                  berth_kinds_is_on(berth_model_device_get(device, "model/@blob"))))
    return berth_kinds_refuse(build, device, error, "accel3d and blob are something only a virtio card has");
  if (berth_model_device_is(device, "driver/@name", "vhostuser"))
    return virtio ? build_vhost_user(build, device, primary, error)
                  : berth_kinds_refuse(build, device, error, "driver vhostuser is something only a virtio card has");
  driver = accelerate(device, driver);
  json_object *props = berth_kinds_device(build, device, driver, error);
  if (props == NULL || !berth_kinds_map(build, device, cards[i].map, props, error))
    return FALSE;
  return !g_str_has_prefix(driver, "virtio-") || berth_kinds_virtio(build, device, props, error);
}
