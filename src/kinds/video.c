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
  JsonObject *props = berth_kinds_device(build, device, driver, error);
  if (props == NULL || !berth_kinds_map(build, device, cards[i].map, props, error))
    return FALSE;
  return !g_str_has_prefix(driver, "virtio-") || berth_kinds_virtio(build, device, props, error);
}
