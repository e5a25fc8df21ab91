/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the build functions of kinds/ share, and the functions themselves as the rows of kinds.c name them. */
#pragma once

#include <berth/error.h>

#include "facts/facts.h"
#include "facts/machine.h"
#include "kinds/kinds.h"
#include "model/family.h"

/* ---- supported.c: what start understands ---- */

/* FALSE if @document has an element, attribute or value that changes the guest's hardware and that berth cannot start.
 * Errors: UNSUPPORTED, naming it and its line. */
gboolean berth_kinds_supported(const BerthXmlDocument *document, GError **error);

/* ---- device.c: making objects ---- */

/* Adds "-device @driver" with the device's id and its family's address properties; the caller adds the rest to what is returned
 * (transfer none). Errors: UNSUPPORTED (the QEMU of the facts lacks the driver), BAD_INPUT (an id that QEMU would refuse). */
JsonObject *berth_kinds_device(BerthBuild *build, const BerthDevice *device, const char *driver, GError **error);

/* How an XML value becomes a QEMU property. */
typedef enum {
  BERTH_MAP_TEXT,   /* as it is */
  BERTH_MAP_WORD,   /* letters, digits, "._-" only (QEMU takes it apart) */
  BERTH_MAP_NUMBER, /* a JSON number */
  BERTH_MAP_SWITCH, /* on/off/yes/no: a JSON boolean */
  BERTH_MAP_ONOFF,  /* the same as the word "on" or "off" (QEMU's OnOffAuto) */
  BERTH_MAP_KIB,    /* a number of KiB as a number of bytes */
  BERTH_MAP_MIB,    /* a number of KiB as a number of MiB */
} BerthMapForm;

typedef struct {
  const char *path, *property;
  BerthMapForm form;
} BerthMap;

/* Sets a property for each row of @map (ends with a NULL path) whose path @device has. Errors: BAD_INPUT with file and line. */
gboolean berth_kinds_map(const BerthBuild *build, const BerthDevice *device, const BerthMap *map, JsonObject *props,
                         GError **error);

/* Options of any virtio device below <driver>: iommu, ats, packed, page_per_vq. */
gboolean berth_kinds_virtio(const BerthBuild *build, const BerthDevice *device, JsonObject *props, GError **error);
/* bootindex and option ROM of a device that firmware may boot from. */
gboolean berth_kinds_boot(const BerthBuild *build, const BerthDevice *device, JsonObject *props, GError **error);
/* The place of @device in the boot order, from 1: its own <boot order>, else by <os><boot dev>; 0: none. */
guint berth_kinds_boot_index(const BerthInventory *inventory, const BerthDevice *device);

/* An id that berth makes up: "PREFIX" + device->id. (transfer full) */
char *berth_kinds_id(const char *prefix, const BerthDevice *device);
/* The guest runs on KVM. */
gboolean berth_kinds_is_kvm(const BerthInventory *inventory);
/* Letters, digits and "._-+" only, not empty: a word that needs no quoting anywhere. */
gboolean berth_kinds_is_word(const char *text);
/* on/yes: TRUE; off/no/NULL: FALSE. */
gboolean berth_kinds_is_on(const char *text);
/* Sets @error to UNSUPPORTED, "FILE:LINE: DEVICE: ...". Returns FALSE. */
gboolean berth_kinds_refuse(const BerthBuild *build, const BerthDevice *device, GError **error, const char *format, ...)
    G_GNUC_PRINTF(4, 5);
/* Adds "-global @name=@value" (both made by berth). */
void berth_kinds_global(BerthBuild *build, const char *name, const char *value);

/* ---- the guest itself ---- */
gboolean berth_kinds_build_machine(BerthBuild *build, GError **error); /* machine.c: name … memory, vcpus, boot */
gboolean berth_kinds_build_cpu(BerthBuild *build, GError **error);     /* cpu.c */
gboolean berth_kinds_build_clock(BerthBuild *build, GError **error);   /* clock.c */
gboolean berth_kinds_build_display(BerthBuild *build, GError **error); /* graphics.c: that there is none */

/* A timer of <clock> called @name; NULL if there is none. */
const BerthXmlNode *berth_kinds_timer(const BerthInventory *inventory, const char *name);
/* Whether the audio back end is wanted: there is a sound device. */
gboolean berth_kinds_has_sound(const BerthInventory *inventory);
#define BERTH_KINDS_AUDIODEV "audio1"

/* ---- the rows' build functions (BerthKind.build) ---- */
#define BERTH_BUILD(name) gboolean name(BerthBuild *build, const BerthDevice *device, const BerthKind *kind, GError **error)
BERTH_BUILD(berth_kinds_build_plain); /* build.c: one -device, and a virtio device's options */
BERTH_BUILD(berth_kinds_build_disk);
BERTH_BUILD(berth_kinds_build_interface);
BERTH_BUILD(berth_kinds_build_pci_controller);
BERTH_BUILD(berth_kinds_build_usb_controller);
BERTH_BUILD(berth_kinds_build_controller); /* scsi, virtio-serial, sata, ide, fdc */
BERTH_BUILD(berth_kinds_build_serial);     /* serial, parallel */
BERTH_BUILD(berth_kinds_build_port);       /* channel, console */
BERTH_BUILD(berth_kinds_build_vnc);
BERTH_BUILD(berth_kinds_build_video);
BERTH_BUILD(berth_kinds_build_sound);
BERTH_BUILD(berth_kinds_build_rng);
BERTH_BUILD(berth_kinds_build_memballoon);
BERTH_BUILD(berth_kinds_build_watchdog);
BERTH_BUILD(berth_kinds_build_host_pci);
BERTH_BUILD(berth_kinds_build_host_usb);
