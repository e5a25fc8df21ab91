/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The two tables of devices. An ELEMENT is what XML calls a device (<disk>, <interface>…): how its variant is read, which keys
 * identify it, its default. A KIND is one variant of it that QEMU knows as one device: one row in kinds/kinds.c, and a build
 * function only where there is a back end.
 */
#pragma once

#include "model/device.h"
#include "model/qemu.h"

typedef struct BerthInventory BerthInventory;
typedef struct BerthFacts BerthFacts;
typedef struct BerthFamily BerthFamily;
typedef struct BerthHostFacts BerthHostFacts;

/* Order of elements in this enum is libvirt's generic device order (shared rule book: addressing §1.4). */
typedef enum {
  BERTH_DISK,
  BERTH_INTERFACE,
  BERTH_SOUND,
  BERTH_HOSTDEV,
  BERTH_VIDEO,
  BERTH_CONTROLLER,
  BERTH_SMARTCARD,
  BERTH_SERIAL,
  BERTH_PARALLEL,
  BERTH_CHANNEL,
  BERTH_CONSOLE,
  BERTH_INPUT,
  BERTH_FILESYSTEM,
  BERTH_WATCHDOG,
  BERTH_MEMBALLOON,
  BERTH_RNG,
  BERTH_NVRAM,
  BERTH_HUB,
  BERTH_SHMEM,
  BERTH_TPM,
  BERTH_PANIC,
  BERTH_MEMORY,
  BERTH_REDIRDEV,
  BERTH_VSOCK,
  BERTH_IOMMU,
  BERTH_CRYPTO,
  BERTH_PSTORE,
  BERTH_GRAPHICS,
  BERTH_AUDIO,
  BERTH_EMULATOR,
  BERTH_OTHER,
  BERTH_N_ELEMENTS,
} BerthElementId;

/* How a device may connect to PCI (addressing §3.2). The bus side uses the same bits. */
typedef enum {
  BERTH_PCI_CONVENTIONAL = 1 << 0,
  BERTH_PCI_EXPRESS = 1 << 1,
  BERTH_PCI_ROOT_PORT = 1 << 2,
  BERTH_PCI_UPSTREAM = 1 << 3,
  BERTH_PCI_DOWNSTREAM = 1 << 4,
  BERTH_PCI_DMI_BRIDGE = 1 << 5,
  BERTH_PCI_PXB = 1 << 6,
  BERTH_PCI_PXB_PCIE = 1 << 7,
  BERTH_PCI_PCI_BRIDGE = 1 << 8,
  BERTH_PCI_PCIE_PCI_BRIDGE = 1 << 9,
  BERTH_PCI_TYPES = (1 << 10) - 1,
  BERTH_PCI_AUTO = 1 << 10,
  BERTH_PCI_HOTPLUG = 1 << 11,
  BERTH_PCI_AGGREGATE = 1 << 12,
  BERTH_PCI_INTEGRATED = 1 << 13,
  /* Resolved by families/pci against the machine: */
  BERTH_PCI_BY_MACHINE = 1 << 14, /* EXPRESS|AUTO where there is a pcie-root, else CONVENTIONAL|AUTO */
  BERTH_PCI_BY_HOST = 1 << 15,    /* as the host's device is (addressing §3.3) */
} BerthPciFlags;

struct BerthElement {
  BerthElementId id;
  const char *name; /* the XML element */
  /* The variant of a device, looked up in the kinds: e.g. disk: its bus ("virtio"), interface: its model, controller:
   * "TYPE/MODEL". (transfer full), never NULL. */
  char *(*variant)(const BerthDevice *device);
  /* Paths whose values are remembered from one definition to the next when the new document leaves them out (a MAC). */
  const char *sticky[4];
  /* Where a device says its model (or bus), and what it is if it does not: the first of these whose driver QEMU has. NULL: none. */
  const char *default_path;
  const char *defaults[4];
  /* Where a virtio device of it says its flavour (BERTH_FLAVOUR_...); NULL: it has none. */
  const char *flavour_path;
};

/* The flavour of a virtio device that speaks virtio 0.9 as well on any bus, and the name that berth understands for it. */
#define BERTH_FLAVOUR_TRANSITIONAL "virtio-transitional"
#define BERTH_FLAVOUR_LEGACY "virtio-0.9"

/* What a kind's build function adds to: the guest's QEMU objects, in order. */
typedef struct {
  const BerthInventory *inventory;
  const BerthXmlDocument *document;
  const BerthFacts *facts;     /* NULL: assume a QEMU that has everything */
  const BerthFamily *families; /* ends with type NONE: asked for address properties */
  const BerthHostFacts *host;  /* its folders, and what else only the host knows */
  BerthQemu *qemu;
  gboolean any_driver; /* a rehearsal: which drivers QEMU has matters for those only that are there in the end */
  GString *forgiven;   /* NULL: what cannot be done is an error; else a rehearsal, which says here what it does without */
} BerthBuild;

struct BerthKind {
  BerthElementId element;
  const char *variant;      /* what BerthElement.variant must return */
  const char *driver;       /* QEMU's -device driver; NULL: no -device (machine has it, or build() decides) */
  BerthAddressType address; /* family the device belongs to */
  guint pci;                /* BerthPciFlags; 0 where address is not PCI */
  guint8 pci_order;         /* when it is served, addressing §1.6: 1 (PCI controllers) … 19; 0 never */
  guint8 flags;             /* BerthKindFlags */
  /*
   * Adds the device's objects to build->qemu: back end first, then the device as berth_model_qemu_device(...), whose
   * address properties the caller (emit of the guest, kinds/build.c) has asked the family for. NULL: the plain case,
   * one -device of @driver without further properties. Errors: BAD_INPUT / UNSUPPORTED, with file and line.
   */
  gboolean (*build)(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error);
};

typedef enum {
  BERTH_KIND_HAS_TRANSITIONAL = 1 << 0, /* virtio device without flavour, of a type that is older than virtio 1.0 */
  BERTH_KIND_BUILTIN = 1 << 1,          /* the machine has it: nothing is emitted, only checked */
} BerthKindFlags;
