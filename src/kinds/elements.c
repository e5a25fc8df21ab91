/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kinds/kinds.h"

/* The value at @path, or @fallback; a copy. */
static char *text_or(const BerthDevice *device, const char *path, const char *fallback) {
  const char *value = berth_model_device_get(device, path);
  return g_strdup(value != NULL ? value : fallback);
}

/* "virtio-transitional" and its opposite are models of any virtio device: the word behind "virtio", or "". */
static const char *virtio_suffix(const BerthDevice *device, const char *path) {
  const char *model = berth_model_device_get(device, path);
  if (g_strcmp0(model, "virtio-transitional") == 0)
    return "-transitional";
  return g_strcmp0(model, "virtio-non-transitional") == 0 ? "-non-transitional" : "";
}

static char *by_model(const BerthDevice *device) {
  return text_or(device, "@model", "");
}
static char *by_type(const BerthDevice *device) {
  return text_or(device, "@type", "");
}
static char *by_mode(const BerthDevice *device) {
  return text_or(device, "@mode", "");
}
static char *by_model_type(const BerthDevice *device) {
  return text_or(device, "model/@type", "");
}
static char *by_target_type(const BerthDevice *device) {
  return text_or(device, "target/@type", "");
}
static char *by_backend(const BerthDevice *device) {
  return text_or(device, "@backend", "");
}
static char *by_bus(const BerthDevice *device) {
  return text_or(device, "@bus", "");
}
static char *by_name(const BerthDevice *device) {
  return g_strdup(device->element->name);
}

static char *disk_variant(const BerthDevice *device) {
  const char *bus = berth_model_device_get(device, "target/@bus");
  if (g_strcmp0(bus, "virtio") == 0)
    return g_strconcat("virtio", virtio_suffix(device, "@model"), NULL);
  return g_strdup(bus != NULL ? bus : "");
}

static char *interface_variant(const BerthDevice *device) {
  if (berth_model_device_is(device, "@type", "hostdev"))
    return g_strdup("hostdev");
  return by_model_type(device);
}

static char *hostdev_variant(const BerthDevice *device) {
  const char *type = berth_model_device_get(device, "@type");
  const char *model = berth_model_device_get(device, "@model");
  if (g_strcmp0(type, "mdev") == 0 && model != NULL)
    return g_strconcat(type, "/", model, NULL);
  if (g_strcmp0(type, "scsi_host") == 0)
    return g_strconcat(type, virtio_suffix(device, "@model"), NULL);
  return g_strdup(type != NULL ? type : "");
}

static char *controller_variant(const BerthDevice *device) {
  const char *type = berth_model_device_get(device, "@type");
  const char *model = berth_model_device_get(device, "@model");
  if (model == NULL || (g_strcmp0(type, "scsi") == 0 && g_str_equal(model, "auto")))
    return g_strdup(type != NULL ? type : "");
  return g_strconcat(type != NULL ? type : "", "/", model, NULL);
}

/* What an input is on its bus: "usb/tablet", "ps2/mouse"; an evdev input has no bus. */
static char *input_variant(const BerthDevice *device) {
  const char *type = berth_model_device_get(device, "@type");
  const char *bus = berth_model_device_get(device, "@bus");
  if (bus == NULL)
    return g_strdup(type != NULL ? type : "");
  return g_strconcat(bus, "/", type != NULL ? type : "", virtio_suffix(device, "@model"), NULL);
}

static char *filesystem_variant(const BerthDevice *device) {
  if (berth_model_device_is(device, "driver/@type", "virtiofs"))
    return g_strdup("virtiofs");
  return g_strconcat("9p", virtio_suffix(device, "@model"), NULL);
}

const BerthElement berth_kinds_elements[BERTH_N_ELEMENTS] = {
    [BERTH_DISK] = {BERTH_DISK, "disk", disk_variant, {NULL}, NULL, {NULL}, "@model"},
    [BERTH_INTERFACE] = {BERTH_INTERFACE,
                         "interface",
                         interface_variant,
                         {"mac/@address"},
                         "model/@type",
                         {"rtl8139", "e1000", "virtio"},
                         "model/@type"},
    [BERTH_SOUND] = {BERTH_SOUND, "sound", by_model, {NULL}, NULL, {NULL}},
    [BERTH_HOSTDEV] = {BERTH_HOSTDEV, "hostdev", hostdev_variant, {NULL}, NULL, {NULL}, "@model"},
    [BERTH_VIDEO] = {BERTH_VIDEO, "video", by_model_type, {NULL}, "model/@type", {"cirrus", "vga"}},
    [BERTH_CONTROLLER] = {BERTH_CONTROLLER, "controller", controller_variant, {NULL}, NULL, {NULL}, "@model"},
    [BERTH_SMARTCARD] = {BERTH_SMARTCARD, "smartcard", by_mode, {NULL}, NULL, {NULL}},
    [BERTH_SERIAL] = {BERTH_SERIAL, "serial", by_target_type, {NULL}, "target/@type", {"isa-serial"}},
    [BERTH_PARALLEL] = {BERTH_PARALLEL, "parallel", by_name, {NULL}, NULL, {NULL}},
    [BERTH_CHANNEL] = {BERTH_CHANNEL, "channel", by_target_type, {NULL}, NULL, {NULL}},
    [BERTH_CONSOLE] = {BERTH_CONSOLE, "console", by_target_type, {NULL}, NULL, {NULL}},
    [BERTH_INPUT] = {BERTH_INPUT, "input", input_variant, {NULL}, NULL, {NULL}},
    [BERTH_FILESYSTEM] = {BERTH_FILESYSTEM, "filesystem", filesystem_variant, {NULL}, NULL, {NULL}, "@model"},
    [BERTH_WATCHDOG] = {BERTH_WATCHDOG, "watchdog", by_model, {NULL}, NULL, {NULL}},
    [BERTH_MEMBALLOON] = {BERTH_MEMBALLOON, "memballoon", by_model, {NULL}, NULL, {NULL}, "@model"},
    [BERTH_RNG] = {BERTH_RNG, "rng", by_model, {NULL}, NULL, {NULL}, "@model"},
    [BERTH_NVRAM] = {BERTH_NVRAM, "nvram", by_name, {NULL}, NULL, {NULL}},
    [BERTH_HUB] = {BERTH_HUB, "hub", by_type, {NULL}, NULL, {NULL}},
    [BERTH_SHMEM] = {BERTH_SHMEM, "shmem", by_model_type, {NULL}, "model/@type", {"ivshmem"}},
    [BERTH_TPM] = {BERTH_TPM, "tpm", by_model, {NULL}, "@model", {"tpm-tis"}},
    [BERTH_PANIC] = {BERTH_PANIC, "panic", by_model, {NULL}, "@model", {"isa"}},
    [BERTH_MEMORY] = {BERTH_MEMORY, "memory", by_model, {NULL}, NULL, {NULL}},
    [BERTH_REDIRDEV] = {BERTH_REDIRDEV, "redirdev", by_bus, {NULL}, "@bus", {"usb"}},
    [BERTH_VSOCK] = {BERTH_VSOCK, "vsock", by_model, {NULL}, "@model", {"virtio"}, "@model"},
    [BERTH_IOMMU] = {BERTH_IOMMU, "iommu", by_model, {NULL}, NULL, {NULL}},
    [BERTH_CRYPTO] = {BERTH_CRYPTO, "crypto", by_model, {NULL}, NULL, {NULL}},
    [BERTH_PSTORE] = {BERTH_PSTORE, "pstore", by_backend, {NULL}, NULL, {NULL}},
    [BERTH_GRAPHICS] = {BERTH_GRAPHICS, "graphics", by_type, {NULL}, NULL, {NULL}},
    [BERTH_AUDIO] = {BERTH_AUDIO, "audio", by_type, {NULL}, NULL, {NULL}},
    [BERTH_EMULATOR] = {BERTH_EMULATOR, "emulator", by_name, {NULL}, NULL, {NULL}},
    [BERTH_OTHER] = {BERTH_OTHER, "domain", by_name, {NULL}, NULL, {NULL}},
};

const BerthElement *berth_kinds_element(const char *name) {
  for (guint i = 0; i < BERTH_OTHER; i++) {
    if (g_strcmp0(berth_kinds_elements[i].name, name) == 0)
      return &berth_kinds_elements[i];
  }
  return NULL;
}
