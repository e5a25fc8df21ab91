/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can come and go while a guest runs, and why the rest cannot. */
#include "kinds/kinds.h"

/* The first row that fits a device says what is wrong with it. */
typedef struct {
  BerthElementId element;
  const char *variant; /* the beginning of it; NULL: any */
  const char *reason;  /* NULL: nothing is */
} Plug;

#define NO_BUS "it has no address on a bus that takes devices while the guest runs"

static const Plug plugs[] = {
    {BERTH_DISK, "virtio", NULL},
    {BERTH_DISK, "scsi", NULL},
    {BERTH_DISK, "usb", NULL},
    {BERTH_DISK, NULL, "only virtio, scsi and usb disks can be plugged while the guest runs"},
    {BERTH_CONTROLLER, "scsi", NULL},
    {BERTH_CONTROLLER, "virtio-serial", NULL},
    {BERTH_CONTROLLER, "usb/pci-ohci", "QEMU has no pluggable pci-ohci; a qemu-xhci can be plugged"},
    {BERTH_CONTROLLER, "usb", NULL},
    {BERTH_CONTROLLER, "pci", "PCI ports and bridges cannot be plugged while the guest runs"},
    {BERTH_CONTROLLER, NULL, "only scsi, virtio-serial and usb controllers can be plugged while the guest runs"},
    {BERTH_VIDEO, NULL, "video devices cannot be plugged while the guest runs"},
    {BERTH_SOUND, "usb", NULL},
    {BERTH_SOUND, NULL, "only usb sound devices can be plugged while the guest runs"},
    {BERTH_SERIAL, "usb", NULL},
    {BERTH_SERIAL, "pci", NULL},
    {BERTH_SERIAL, NULL, "an isa serial port cannot be plugged while the guest runs"},
    {BERTH_PARALLEL, NULL, "parallel ports cannot be plugged while the guest runs"},
    {BERTH_CONSOLE, "virtio", NULL},
    {BERTH_CONSOLE, NULL, "only virtio consoles can be plugged while the guest runs"},
    {BERTH_INPUT, "virtio", NULL},
    {BERTH_WATCHDOG, "i6300esb", NULL},
    {BERTH_WATCHDOG, NULL, "only watchdog i6300esb can be plugged while the guest runs"},
    {BERTH_FILESYSTEM, "virtiofs", NULL},
    {BERTH_MEMBALLOON, NULL, "the memory balloon cannot be plugged while the guest runs"},
    {BERTH_SMARTCARD, NULL, "smart card readers cannot be plugged while the guest runs"},
    {BERTH_NVRAM, NULL, "nvram cannot be plugged while the guest runs"},
    {BERTH_HUB, NULL, "hubs cannot be plugged while the guest runs"},
    {BERTH_TPM, NULL, "a tpm cannot be plugged while the guest runs"},
    {BERTH_PANIC, NULL, "panic devices cannot be plugged while the guest runs"},
    {BERTH_IOMMU, NULL, "an iommu cannot be plugged while the guest runs"},
    {BERTH_CRYPTO, NULL, NULL},
    {BERTH_PSTORE, NULL, "pstore cannot be plugged while the guest runs"},
    {BERTH_GRAPHICS, NULL, "graphics cannot be plugged while the guest runs"},
    {BERTH_AUDIO, NULL, "audio back ends cannot be plugged while the guest runs"},
};

static const char *bus_reason(const BerthDevice *device) {
  static const BerthAddressType movable[] = {BERTH_ADDRESS_PCI, BERTH_ADDRESS_DRIVE, BERTH_ADDRESS_USB, BERTH_ADDRESS_VIRTIO_SERIAL,
                                             BERTH_ADDRESS_DIMM};
  for (guint i = 0; i < G_N_ELEMENTS(movable); i++)
    if (movable[i] == device->address.type)
      return NULL;
  return NO_BUS;
}

static gboolean is_9p(const BerthDevice *device) {
  return device->element->id == BERTH_FILESYSTEM && !berth_model_device_is(device, "driver/@type", "virtiofs");
}

const char *berth_kinds_unpluggable(const BerthDevice *device) {
  g_autofree char *variant = device->element->variant(device);
  if (is_9p(device))
    return "a 9p file system cannot be plugged while the guest runs";
  for (guint i = 0; i < G_N_ELEMENTS(plugs); i++)
    if (plugs[i].element == device->element->id && (plugs[i].variant == NULL || g_str_has_prefix(variant, plugs[i].variant)))
      return plugs[i].reason;
  return NULL;
}

const char *berth_kinds_immovable(const BerthDevice *device) {
  const char *reason = berth_kinds_unpluggable(device);
  return reason != NULL ? reason : bus_reason(device);
}
