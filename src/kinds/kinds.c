/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One row per device kind: variant, QEMU's driver, address family, how it connects to PCI (addressing §3.2), when it is served
 * (§1.6), flags, build function. A new kind is one row here; a build function is needed only where there is a back end.
 */
#include "kinds/build.h"

#include <string.h>

#define PCI BERTH_ADDRESS_PCI
#define NONE BERTH_ADDRESS_NONE
/* A conventional device, and one that is PCI Express where the machine is. */
#define CONV (BERTH_PCI_CONVENTIONAL | BERTH_PCI_AUTO)
#define EXPR BERTH_PCI_BY_MACHINE
#define TRANS BERTH_KIND_HAS_TRANSITIONAL
#define BUILTIN BERTH_KIND_BUILTIN
#define END                                                                                                                        \
  { 0 }

static const BerthKind disks[] = {
    {BERTH_DISK, "virtio", "virtio-blk-pci", PCI, EXPR, 6, TRANS, berth_kinds_build_disk},
    {BERTH_DISK, "virtio-transitional", "virtio-blk-pci-transitional", PCI, CONV, 6, 0, berth_kinds_build_disk},
    {BERTH_DISK, "virtio-non-transitional", "virtio-blk-pci-non-transitional", PCI, EXPR, 6, 0, berth_kinds_build_disk},
    {BERTH_DISK, "ide", NULL, BERTH_ADDRESS_DRIVE, 0, 0, 0, berth_kinds_build_disk},
    {BERTH_DISK, "sata", NULL, BERTH_ADDRESS_DRIVE, 0, 0, 0, berth_kinds_build_disk},
    {BERTH_DISK, "scsi", NULL, BERTH_ADDRESS_DRIVE, 0, 0, 0, berth_kinds_build_disk},
    {BERTH_DISK, "fdc", "floppy", BERTH_ADDRESS_DRIVE, 0, 0, 0, berth_kinds_build_disk},
    {BERTH_DISK, "nvme", "nvme-ns", BERTH_ADDRESS_DRIVE, 0, 0, 0, berth_kinds_build_disk},
    {BERTH_DISK, "usb", "usb-storage", BERTH_ADDRESS_USB, 0, 0, 0, berth_kinds_build_disk},
    {BERTH_DISK, "sd", NULL, NONE, 0, 0, 0, berth_kinds_build_disk},
    {BERTH_DISK, "xen", NULL, NONE, 0, 0, 0, berth_kinds_build_disk},
    {BERTH_DISK, "uml", NULL, NONE, 0, 0, 0, berth_kinds_build_disk},
    END,
};

/* The conventional ones are those that libvirt knows by name; any other model is Express (addressing §3.2.1). */
static const BerthKind interfaces[] = {
    {BERTH_INTERFACE, "virtio", "virtio-net-pci", PCI, EXPR, 3, TRANS, berth_kinds_build_interface},
    {BERTH_INTERFACE, "virtio-transitional", "virtio-net-pci-transitional", PCI, CONV, 3, 0, berth_kinds_build_interface},
    {BERTH_INTERFACE, "virtio-non-transitional", "virtio-net-pci-non-transitional", PCI, EXPR, 3, 0, berth_kinds_build_interface},
    {BERTH_INTERFACE, "hostdev", "vfio-pci", PCI, BERTH_PCI_BY_HOST, 7, 0, berth_kinds_build_interface},
    {BERTH_INTERFACE, "e1000e", "e1000e", PCI, EXPR, 3, 0, berth_kinds_build_interface},
    {BERTH_INTERFACE, "igb", "igb", PCI, EXPR, 3, 0, berth_kinds_build_interface},
    {BERTH_INTERFACE, "e1000", "e1000", PCI, CONV, 3, 0, berth_kinds_build_interface},
    {BERTH_INTERFACE, "rtl8139", "rtl8139", PCI, CONV, 3, 0, berth_kinds_build_interface},
    {BERTH_INTERFACE, "vmxnet3", "vmxnet3", PCI, CONV, 3, 0, berth_kinds_build_interface},
    {BERTH_INTERFACE, "netfront", NULL, PCI, CONV, 3, 0, berth_kinds_build_interface},
    {BERTH_INTERFACE, "vlance", NULL, PCI, CONV, 3, 0, berth_kinds_build_interface},
    {BERTH_INTERFACE, "vmxnet", NULL, PCI, CONV, 3, 0, berth_kinds_build_interface},
    {BERTH_INTERFACE, "vmxnet2", NULL, PCI, CONV, 3, 0, berth_kinds_build_interface},
    {BERTH_INTERFACE, "Am79C970A", NULL, PCI, CONV, 3, 0, berth_kinds_build_interface},
    {BERTH_INTERFACE, "Am79C973", NULL, PCI, CONV, 3, 0, berth_kinds_build_interface},
    {BERTH_INTERFACE, "82540EM", NULL, PCI, CONV, 3, 0, berth_kinds_build_interface},
    {BERTH_INTERFACE, "82545EM", NULL, PCI, CONV, 3, 0, berth_kinds_build_interface},
    {BERTH_INTERFACE, "82543GC", NULL, PCI, CONV, 3, 0, berth_kinds_build_interface},
    {BERTH_INTERFACE, "lan9118", NULL, NONE, 0, 0, 0, berth_kinds_build_interface},
    {BERTH_INTERFACE, "scm91c111", NULL, NONE, 0, 0, 0, berth_kinds_build_interface},
    {BERTH_INTERFACE, "spapr-vlan", NULL, BERTH_ADDRESS_SPAPR_VIO, 0, 0, 0, berth_kinds_build_interface},
    {BERTH_INTERFACE, "usb-net", "usb-net", BERTH_ADDRESS_USB, 0, 0, 0, berth_kinds_build_interface},
    {BERTH_INTERFACE, "*", NULL, PCI, EXPR, 3, 0, berth_kinds_build_interface},
    END,
};

static const BerthKind sounds[] = {
    {BERTH_SOUND, "es1370", "ES1370", PCI, CONV, 4, 0, berth_kinds_build_sound},
    {BERTH_SOUND, "ac97", "AC97", PCI, CONV, 4, 0, berth_kinds_build_sound},
    {BERTH_SOUND, "ich6", "intel-hda", PCI, CONV, 4, 0, berth_kinds_build_sound},
    {BERTH_SOUND, "ich9", "ich9-intel-hda", PCI, CONV, 4, 0, berth_kinds_build_sound},
    {BERTH_SOUND, "virtio", "virtio-sound-pci", PCI, EXPR, 4, 0, berth_kinds_build_sound},
    {BERTH_SOUND, "usb", "usb-audio", BERTH_ADDRESS_USB, 0, 0, 0, berth_kinds_build_sound},
    {BERTH_SOUND, "sb16", "sb16", NONE, 0, 0, 0, berth_kinds_build_sound},
    {BERTH_SOUND, "pcspk", NULL, NONE, 0, 0, BUILTIN, NULL},
    {BERTH_SOUND, "ich7", NULL, NONE, 0, 0, 0, berth_kinds_build_sound},
    END,
};

static const BerthKind hostdevs[] = {
    {BERTH_HOSTDEV, "pci", "vfio-pci", PCI, BERTH_PCI_BY_HOST, 7, 0, berth_kinds_build_host_pci},
    {BERTH_HOSTDEV, "usb", "usb-host", BERTH_ADDRESS_USB, 0, 0, 0, berth_kinds_build_host_usb},
    {BERTH_HOSTDEV, "scsi", "scsi-generic", BERTH_ADDRESS_DRIVE, 0, 0, 0, berth_kinds_build_host_scsi},
    {BERTH_HOSTDEV, "scsi_host", "vhost-scsi-pci", PCI, EXPR, 7, TRANS, berth_kinds_build_host_vhost_scsi},
    {BERTH_HOSTDEV, "scsi_host-transitional", "vhost-scsi-pci-transitional", PCI, CONV, 7, 0, berth_kinds_build_host_vhost_scsi},
    {BERTH_HOSTDEV, "scsi_host-non-transitional", "vhost-scsi-pci-non-transitional", PCI, EXPR, 7, 0,
     berth_kinds_build_host_vhost_scsi},
    {BERTH_HOSTDEV, "mdev/vfio-pci", "vfio-pci", PCI, EXPR, 7, 0, berth_kinds_build_host_mdev},
    {BERTH_HOSTDEV, "mdev/vfio-ap", "vfio-ap", NONE, 0, 0, 0, NULL},
    {BERTH_HOSTDEV, "mdev/vfio-ccw", "vfio-ccw", BERTH_ADDRESS_CCW, 0, 0, 0, NULL},
    END,
};

static const BerthKind videos[] = {
    {BERTH_VIDEO, "virtio", "virtio-vga", PCI, EXPR, 11, 0, berth_kinds_build_video},
    {BERTH_VIDEO, "vga", "VGA", PCI, CONV, 11, 0, berth_kinds_build_video},
    {BERTH_VIDEO, "cirrus", "cirrus-vga", PCI, CONV, 11, 0, berth_kinds_build_video},
    {BERTH_VIDEO, "vmvga", "vmware-svga", PCI, CONV, 11, 0, berth_kinds_build_video},
    {BERTH_VIDEO, "qxl", "qxl-vga", PCI, CONV, 11, 0, berth_kinds_build_video},
    {BERTH_VIDEO, "bochs", "bochs-display", PCI, EXPR, 11, 0, berth_kinds_build_video},
    {BERTH_VIDEO, "xen", NULL, PCI, CONV, 11, 0, berth_kinds_build_video},
    {BERTH_VIDEO, "vbox", NULL, PCI, CONV, 11, 0, berth_kinds_build_video},
    {BERTH_VIDEO, "parallels", NULL, PCI, CONV, 11, 0, berth_kinds_build_video},
    {BERTH_VIDEO, "ramfb", "ramfb", NONE, 0, 0, 0, berth_kinds_build_video},
    {BERTH_VIDEO, "gop", NULL, NONE, 0, 0, 0, berth_kinds_build_video},
    {BERTH_VIDEO, "none", NULL, NONE, 0, 0, BUILTIN, NULL},
    END,
};

static const BerthKind controllers[] = {
    {BERTH_CONTROLLER, "pci/pci-root", NULL, NONE, 0, 0, BUILTIN, NULL},
    {BERTH_CONTROLLER, "pci/pcie-root", NULL, NONE, 0, 0, BUILTIN, NULL},
    {BERTH_CONTROLLER, "pci/pci-bridge", "pci-bridge", PCI, BERTH_PCI_PCI_BRIDGE, 1, 0, berth_kinds_build_pci_controller},
    {BERTH_CONTROLLER, "pci/dmi-to-pci-bridge", "i82801b11-bridge", PCI, BERTH_PCI_DMI_BRIDGE, 1, 0,
     berth_kinds_build_pci_controller},
    {BERTH_CONTROLLER, "pci/pcie-to-pci-bridge", "pcie-pci-bridge", PCI, BERTH_PCI_PCIE_PCI_BRIDGE, 1, 0,
     berth_kinds_build_pci_controller},
    {BERTH_CONTROLLER, "pci/pcie-root-port", "pcie-root-port", PCI, BERTH_PCI_ROOT_PORT | BERTH_PCI_AGGREGATE, 1, 0,
     berth_kinds_build_pci_controller},
    {BERTH_CONTROLLER, "pci/pcie-switch-upstream-port", "x3130-upstream", PCI, BERTH_PCI_UPSTREAM, 1, 0,
     berth_kinds_build_pci_controller},
    {BERTH_CONTROLLER, "pci/pcie-switch-downstream-port", "xio3130-downstream", PCI, BERTH_PCI_DOWNSTREAM, 1, 0,
     berth_kinds_build_pci_controller},
    {BERTH_CONTROLLER, "pci/pci-expander-bus", "pxb", PCI, BERTH_PCI_PXB, 1, 0, berth_kinds_build_pci_controller},
    {BERTH_CONTROLLER, "pci/pcie-expander-bus", "pxb-pcie", PCI, BERTH_PCI_PXB_PCIE, 1, 0, berth_kinds_build_pci_controller},
    {BERTH_CONTROLLER, "usb/piix3-uhci", "piix3-usb-uhci", PCI, CONV, 5, 0, berth_kinds_build_usb_controller},
    {BERTH_CONTROLLER, "usb/piix4-uhci", "piix4-usb-uhci", PCI, CONV, 5, 0, berth_kinds_build_usb_controller},
    {BERTH_CONTROLLER, "usb/ehci", "usb-ehci", PCI, CONV, 5, 0, berth_kinds_build_usb_controller},
    {BERTH_CONTROLLER, "usb/ich9-ehci1", "ich9-usb-ehci1", PCI, CONV, 5, 0, berth_kinds_build_usb_controller},
    {BERTH_CONTROLLER, "usb/ich9-uhci1", "ich9-usb-uhci1", PCI, CONV, 5, 0, berth_kinds_build_usb_controller},
    {BERTH_CONTROLLER, "usb/ich9-uhci2", "ich9-usb-uhci2", PCI, CONV, 5, 0, berth_kinds_build_usb_controller},
    {BERTH_CONTROLLER, "usb/ich9-uhci3", "ich9-usb-uhci3", PCI, CONV, 5, 0, berth_kinds_build_usb_controller},
    {BERTH_CONTROLLER, "usb/vt82c686b-uhci", "vt82c686b-usb-uhci", PCI, CONV, 5, 0, berth_kinds_build_usb_controller},
    {BERTH_CONTROLLER, "usb/pci-ohci", "pci-ohci", PCI, CONV, 5, 0, berth_kinds_build_usb_controller},
    {BERTH_CONTROLLER, "usb/nec-xhci", "nec-usb-xhci", PCI, EXPR, 5, 0, berth_kinds_build_usb_controller},
    {BERTH_CONTROLLER, "usb/qemu-xhci", "qemu-xhci", PCI, EXPR, 5, 0, berth_kinds_build_usb_controller},
    {BERTH_CONTROLLER, "usb/qusb1", NULL, NONE, 0, 0, 0, berth_kinds_build_usb_controller},
    {BERTH_CONTROLLER, "usb/qusb2", NULL, NONE, 0, 0, 0, berth_kinds_build_usb_controller},
    {BERTH_CONTROLLER, "usb/none", NULL, NONE, 0, 0, BUILTIN, NULL},
    {BERTH_CONTROLLER, "usb", NULL, PCI, CONV, 5, 0, berth_kinds_build_usb_controller},
    {BERTH_CONTROLLER, "scsi/virtio-scsi", "virtio-scsi-pci", PCI, EXPR, 5, TRANS, berth_kinds_build_controller},
    {BERTH_CONTROLLER, "scsi/virtio-transitional", "virtio-scsi-pci-transitional", PCI, CONV, 5, 0, berth_kinds_build_controller},
    {BERTH_CONTROLLER, "scsi/virtio-non-transitional", "virtio-scsi-pci-non-transitional", PCI, EXPR, 5, 0,
     berth_kinds_build_controller},
    {BERTH_CONTROLLER, "scsi/lsilogic", "lsi53c895a", PCI, CONV, 5, 0, berth_kinds_build_controller},
    {BERTH_CONTROLLER, "scsi/lsisas1068", "mptsas1068", PCI, CONV, 5, 0, berth_kinds_build_controller},
    {BERTH_CONTROLLER, "scsi/lsisas1078", "megasas", PCI, CONV, 5, 0, berth_kinds_build_controller},
    {BERTH_CONTROLLER, "scsi/vmpvscsi", "pvscsi", PCI, CONV, 5, 0, berth_kinds_build_controller},
    {BERTH_CONTROLLER, "scsi/am53c974", "am53c974", PCI, CONV, 5, 0, berth_kinds_build_controller},
    {BERTH_CONTROLLER, "scsi/dc390", "dc390", PCI, CONV, 5, 0, berth_kinds_build_controller},
    {BERTH_CONTROLLER, "scsi/buslogic", NULL, PCI, CONV, 5, 0, berth_kinds_build_controller},
    {BERTH_CONTROLLER, "scsi/ncr53c90", NULL, NONE, 0, 0, BUILTIN, NULL},
    {BERTH_CONTROLLER, "scsi/ibmvscsi", NULL, BERTH_ADDRESS_SPAPR_VIO, 0, 0, 0, berth_kinds_build_controller},
    {BERTH_CONTROLLER, "scsi", NULL, PCI, CONV, 5, 0, berth_kinds_build_controller},
    {BERTH_CONTROLLER, "sata", "ich9-ahci", PCI, CONV, 5, 0, berth_kinds_build_controller},
    {BERTH_CONTROLLER, "ide", NULL, PCI, CONV, 5, BUILTIN, berth_kinds_build_controller},
    {BERTH_CONTROLLER, "ide/piix3", NULL, PCI, CONV, 5, BUILTIN, berth_kinds_build_controller},
    {BERTH_CONTROLLER, "ide/piix4", NULL, PCI, CONV, 5, BUILTIN, berth_kinds_build_controller},
    {BERTH_CONTROLLER, "ide/ich6", NULL, PCI, CONV, 5, BUILTIN, berth_kinds_build_controller},
    {BERTH_CONTROLLER, "nvme", "nvme", PCI, EXPR, 5, 0, berth_kinds_build_nvme},
    {BERTH_CONTROLLER, "virtio-serial", "virtio-serial-pci", PCI, EXPR, 5, TRANS, berth_kinds_build_controller},
    {BERTH_CONTROLLER, "virtio-serial/virtio", "virtio-serial-pci", PCI, EXPR, 5, TRANS, berth_kinds_build_controller},
    {BERTH_CONTROLLER, "virtio-serial/virtio-transitional", "virtio-serial-pci-transitional", PCI, CONV, 5, 0,
     berth_kinds_build_controller},
    {BERTH_CONTROLLER, "virtio-serial/virtio-non-transitional", "virtio-serial-pci-non-transitional", PCI, EXPR, 5, 0,
     berth_kinds_build_controller},
    {BERTH_CONTROLLER, "fdc", "isa-fdc", NONE, 0, 0, 0, berth_kinds_build_controller},
    {BERTH_CONTROLLER, "ccid", "usb-ccid", BERTH_ADDRESS_USB, 0, 0, 0, NULL},
    END,
};

static const BerthKind smartcards[] = {
    {BERTH_SMARTCARD, "host", "ccid-card-emulated", BERTH_ADDRESS_CCID, 0, 0, 0, berth_kinds_build_smartcard},
    {BERTH_SMARTCARD, "host-certificates", "ccid-card-emulated", BERTH_ADDRESS_CCID, 0, 0, 0, berth_kinds_build_smartcard},
    {BERTH_SMARTCARD, "passthrough", "ccid-card-passthru", BERTH_ADDRESS_CCID, 0, 0, 0, berth_kinds_build_smartcard},
    END,
};

static const BerthKind serials[] = {
    {BERTH_SERIAL, "isa-serial", "isa-serial", BERTH_ADDRESS_ISA, 0, 0, 0, berth_kinds_build_serial},
    {BERTH_SERIAL, "isa-debug", "isa-debugcon", BERTH_ADDRESS_ISA, 0, 0, 0, berth_kinds_build_serial},
    {BERTH_SERIAL, "pci-serial", "pci-serial", PCI, CONV, 14, 0, berth_kinds_build_serial},
    {BERTH_SERIAL, "usb-serial", "usb-serial", BERTH_ADDRESS_USB, 0, 0, 0, berth_kinds_build_serial},
    END,
};

static const BerthKind parallels[] = {
    {BERTH_PARALLEL, "parallel", "isa-parallel", BERTH_ADDRESS_ISA, 0, 0, 0, berth_kinds_build_serial},
    END,
};

static const BerthKind channels[] = {
    {BERTH_CHANNEL, "virtio", "virtserialport", BERTH_ADDRESS_VIRTIO_SERIAL, 0, 0, 0, berth_kinds_build_port},
    {BERTH_CHANNEL, "guestfwd", NULL, NONE, 0, 0, 0, berth_kinds_build_guestfwd},
    {BERTH_CHANNEL, "xen", NULL, NONE, 0, 0, 0, NULL},
    END,
};

static const BerthKind consoles[] = {
    {BERTH_CONSOLE, "serial", NULL, NONE, 0, 0, BUILTIN, NULL},
    {BERTH_CONSOLE, "virtio", "virtconsole", BERTH_ADDRESS_VIRTIO_SERIAL, 0, 0, 0, berth_kinds_build_port},
    {BERTH_CONSOLE, "xen", NULL, NONE, 0, 0, 0, NULL},
    {BERTH_CONSOLE, "uml", NULL, NONE, 0, 0, 0, NULL},
    END,
};

static const BerthKind inputs[] = {
    {BERTH_INPUT, "ps2/mouse", NULL, NONE, 0, 0, BUILTIN, NULL},
    {BERTH_INPUT, "ps2/keyboard", NULL, NONE, 0, 0, BUILTIN, NULL},
    {BERTH_INPUT, "usb/mouse", "usb-mouse", BERTH_ADDRESS_USB, 0, 0, 0, berth_kinds_build_input},
    {BERTH_INPUT, "usb/keyboard", "usb-kbd", BERTH_ADDRESS_USB, 0, 0, 0, berth_kinds_build_input},
    {BERTH_INPUT, "usb/tablet", "usb-tablet", BERTH_ADDRESS_USB, 0, 0, 0, berth_kinds_build_input},
    {BERTH_INPUT, "virtio/mouse", "virtio-mouse-pci", PCI, EXPR, 13, 0, berth_kinds_build_input},
    {BERTH_INPUT, "virtio/keyboard", "virtio-keyboard-pci", PCI, EXPR, 13, 0, berth_kinds_build_input},
    {BERTH_INPUT, "virtio/tablet", "virtio-tablet-pci", PCI, EXPR, 13, 0, berth_kinds_build_input},
    {BERTH_INPUT, "virtio/passthrough", "virtio-input-host-pci", PCI, EXPR, 13, 0, berth_kinds_build_input},
    {BERTH_INPUT, "evdev", NULL, NONE, 0, 0, 0, berth_kinds_build_input},
    END,
};

static const BerthKind filesystems[] = {
    {BERTH_FILESYSTEM, "9p", "virtio-9p-pci", PCI, EXPR, 2, TRANS, berth_kinds_build_filesystem},
    {BERTH_FILESYSTEM, "9p-transitional", "virtio-9p-pci-transitional", PCI, CONV, 2, 0, berth_kinds_build_filesystem},
    {BERTH_FILESYSTEM, "9p-non-transitional", "virtio-9p-pci-non-transitional", PCI, EXPR, 2, 0, berth_kinds_build_filesystem},
    {BERTH_FILESYSTEM, "virtiofs", "vhost-user-fs-pci", PCI, EXPR, 2, 0, berth_kinds_build_filesystem},
    END,
};

static const BerthKind watchdogs[] = {
    {BERTH_WATCHDOG, "i6300esb", "i6300esb", PCI, CONV, 10, 0, berth_kinds_build_watchdog},
    {BERTH_WATCHDOG, "ib700", "ib700", NONE, 0, 0, 0, berth_kinds_build_watchdog},
    {BERTH_WATCHDOG, "itco", NULL, NONE, 0, 0, BUILTIN, berth_kinds_build_watchdog},
    END,
};

static const BerthKind memballoons[] = {
    {BERTH_MEMBALLOON, "virtio", "virtio-balloon-pci", PCI, EXPR, 8, TRANS, berth_kinds_build_memballoon},
    {BERTH_MEMBALLOON, "virtio-transitional", "virtio-balloon-pci-transitional", PCI, CONV, 8, 0, berth_kinds_build_memballoon},
    {BERTH_MEMBALLOON, "virtio-non-transitional", "virtio-balloon-pci-non-transitional", PCI, EXPR, 8, 0,
     berth_kinds_build_memballoon},
    {BERTH_MEMBALLOON, "none", NULL, NONE, 0, 0, BUILTIN, NULL},
    END,
};

static const BerthKind rngs[] = {
    {BERTH_RNG, "virtio", "virtio-rng-pci", PCI, EXPR, 9, TRANS, berth_kinds_build_rng},
    {BERTH_RNG, "virtio-transitional", "virtio-rng-pci-transitional", PCI, CONV, 9, 0, berth_kinds_build_rng},
    {BERTH_RNG, "virtio-non-transitional", "virtio-rng-pci-non-transitional", PCI, EXPR, 9, 0, berth_kinds_build_rng},
    END,
};

static const BerthKind hubs[] = {
    {BERTH_HUB, "usb", "usb-hub", BERTH_ADDRESS_USB, 0, 0, 0, NULL},
    END,
};

static const BerthKind shmems[] = {
    {BERTH_SHMEM, "ivshmem-plain", "ivshmem-plain", PCI, CONV, 12, 0, berth_kinds_build_shmem},
    {BERTH_SHMEM, "ivshmem-doorbell", "ivshmem-doorbell", PCI, CONV, 12, 0, berth_kinds_build_shmem},
    {BERTH_SHMEM, "ivshmem", NULL, PCI, CONV, 12, 0, berth_kinds_build_shmem},
    END,
};

static const BerthKind tpms[] = {
    {BERTH_TPM, "tpm-tis", "tpm-tis", NONE, 0, 0, 0, berth_kinds_build_tpm},
    {BERTH_TPM, "tpm-crb", "tpm-crb", NONE, 0, 0, 0, berth_kinds_build_tpm},
    END,
};

static const BerthKind panics[] = {
    {BERTH_PANIC, "isa", "pvpanic", BERTH_ADDRESS_ISA, 0, 0, 0, berth_kinds_build_panic},
    {BERTH_PANIC, "pvpanic", "pvpanic-pci", PCI, EXPR | BERTH_PCI_INTEGRATED, 19, 0, berth_kinds_build_panic},
    {BERTH_PANIC, "hyperv", NULL, NONE, 0, 0, BUILTIN, berth_kinds_build_panic},
    END,
};

static const BerthKind memories[] = {
    {BERTH_MEMORY, "dimm", "pc-dimm", BERTH_ADDRESS_DIMM, 0, 0, 0, berth_kinds_build_memory_device},
    {BERTH_MEMORY, "nvdimm", "nvdimm", BERTH_ADDRESS_DIMM, 0, 0, 0, berth_kinds_build_memory_device},
    {BERTH_MEMORY, "virtio-pmem", "virtio-pmem-pci", PCI, EXPR, 17, 0, berth_kinds_build_memory_device},
    {BERTH_MEMORY, "virtio-mem", "virtio-mem-pci", PCI, EXPR, 17, 0, berth_kinds_build_memory_device},
    {BERTH_MEMORY, "sgx-epc", NULL, NONE, 0, 0, 0, berth_kinds_build_memory_device},
    END,
};

static const BerthKind redirdevs[] = {
    {BERTH_REDIRDEV, "usb", "usb-redir", BERTH_ADDRESS_USB, 0, 0, 0, berth_kinds_build_redirdev},
    END,
};

static const BerthKind vsocks[] = {
    {BERTH_VSOCK, "virtio", "vhost-vsock-pci", PCI, EXPR, 16, 0, berth_kinds_build_vsock},
    {BERTH_VSOCK, "virtio-transitional", "vhost-vsock-pci-transitional", PCI, CONV, 16, 0, berth_kinds_build_vsock},
    {BERTH_VSOCK, "virtio-non-transitional", "vhost-vsock-pci-non-transitional", PCI, EXPR, 16, 0, berth_kinds_build_vsock},
    END,
};

static const BerthKind iommus[] = {
    {BERTH_IOMMU, "intel", "intel-iommu", NONE, 0, 0, 0, berth_kinds_build_iommu},
    {BERTH_IOMMU, "amd", "amd-iommu", PCI, EXPR | BERTH_PCI_INTEGRATED, 15, 0, berth_kinds_build_iommu},
    {BERTH_IOMMU, "virtio", "virtio-iommu-pci", PCI, EXPR | BERTH_PCI_INTEGRATED, 15, 0, berth_kinds_build_iommu},
    END,
};

static const BerthKind cryptos[] = {
    {BERTH_CRYPTO, "virtio", "virtio-crypto-pci", PCI, CONV, 18, 0, berth_kinds_build_crypto},
    END,
};

static const BerthKind pstores[] = {
    {BERTH_PSTORE, "acpi-erst", "acpi-erst", PCI, CONV, 19, 0, berth_kinds_build_pstore},
    END,
};

static const BerthKind graphics[] = {
    {BERTH_GRAPHICS, "vnc", NULL, NONE, 0, 0, 0, berth_kinds_build_vnc},
    {BERTH_GRAPHICS, "spice", NULL, NONE, 0, 0, 0, berth_kinds_build_spice},
    {BERTH_GRAPHICS, "sdl", NULL, NONE, 0, 0, 0, berth_kinds_build_window},
    {BERTH_GRAPHICS, "egl-headless", NULL, NONE, 0, 0, 0, berth_kinds_build_window},
    {BERTH_GRAPHICS, "dbus", NULL, NONE, 0, 0, 0, berth_kinds_build_window},
    END,
};

static const BerthKind *const kinds_of_element[BERTH_N_ELEMENTS] = {
    [BERTH_DISK] = disks,
    [BERTH_INTERFACE] = interfaces,
    [BERTH_SOUND] = sounds,
    [BERTH_HOSTDEV] = hostdevs,
    [BERTH_VIDEO] = videos,
    [BERTH_CONTROLLER] = controllers,
    [BERTH_SMARTCARD] = smartcards,
    [BERTH_SERIAL] = serials,
    [BERTH_PARALLEL] = parallels,
    [BERTH_CHANNEL] = channels,
    [BERTH_CONSOLE] = consoles,
    [BERTH_INPUT] = inputs,
    [BERTH_FILESYSTEM] = filesystems,
    [BERTH_WATCHDOG] = watchdogs,
    [BERTH_MEMBALLOON] = memballoons,
    [BERTH_RNG] = rngs,
    [BERTH_HUB] = hubs,
    [BERTH_SHMEM] = shmems,
    [BERTH_TPM] = tpms,
    [BERTH_PANIC] = panics,
    [BERTH_MEMORY] = memories,
    [BERTH_REDIRDEV] = redirdevs,
    [BERTH_VSOCK] = vsocks,
    [BERTH_IOMMU] = iommus,
    [BERTH_CRYPTO] = cryptos,
    [BERTH_PSTORE] = pstores,
    [BERTH_GRAPHICS] = graphics,
};

const BerthKind *berth_kinds_of_element(BerthElementId element) {
  return kinds_of_element[element];
}

const BerthKind *berth_kinds_classify(const BerthDevice *device) {
  const BerthKind *kinds = kinds_of_element[device->element->id];
  if (kinds == NULL)
    return NULL;
  g_autofree char *variant = device->element->variant(device);
  /* Most are written as in the table; what is not is compared without regard to case, which takes longer. */
  for (const BerthKind *kind = kinds; kind->variant != NULL; kind++)
    if (strcmp(kind->variant, variant) == 0)
      return kind;
  for (const BerthKind *kind = kinds; kind->variant != NULL; kind++)
    if (g_ascii_strcasecmp(kind->variant, variant) == 0 || strcmp(kind->variant, "*") == 0)
      return kind;
  return NULL;
}
