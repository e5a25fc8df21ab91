/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to the PCI family: bus models and the table of buses that the two passes of assignment fill. */
#pragma once

#include "model/family.h"

#define BERTH_PCI_SLOTS 32
#define BERTH_PCI_MAX_BUSES 256

/* What a controller of a model needs beyond its address (addressing §3.9). */
typedef enum {
  BERTH_PCI_CHASSIS_NR = 1 << 0, /* target/@chassisNr: its index */
  BERTH_PCI_CHASSIS = 1 << 1,    /* target/@chassis: its index */
  BERTH_PCI_PORT = 1 << 2,       /* target/@port: slot and function */
  BERTH_PCI_PORT_SLOT = 1 << 3,  /* target/@port: slot */
  BERTH_PCI_BUS_NR = 1 << 4,     /* target/@busNr: the guest's number of its bus */
} BerthPciOptions;

/* One model of PCI controller: what the bus that it provides takes (addressing §3.2). */
typedef struct {
  const char *name;
  guint accepts;      /* BerthPciFlags: types, AUTO, HOTPLUG */
  guint8 first, last; /* slots */
  gboolean root;      /* the machine's own */
  gboolean bridge;    /* firmware gives the bus behind it the next number of its walk */
  gboolean outer;     /* sits on a root, or in a port of it: never below a bridge that has no place yet */
  const char *driver; /* model/@name; NULL: none is written */
  guint options;      /* BerthPciOptions */
} BerthPciModel;

typedef struct {
  const BerthPciModel *model;
  guint accepts;                /* as the model's, narrowed for a port that is made for one bridge */
  BerthDevice *controller;      /* NULL: a filler, or grown in this pass */
  gboolean existed;             /* its controller was there before anything grew */
  guint32 kept;                 /* bit per slot: room that nobody has yet */
  gint last_bridge;             /* greatest slot * 8 + function of a recorded bridge on this bus; -1: none */
  guint32 busy;                 /* bit per slot: something is, or is kept, in it */
  guint32 fixed;                /* the same before anything was searched: no bridge can come there */
  guint32 aggregate;            /* bit per slot: its functions may be shared out */
  guint8 used[BERTH_PCI_SLOTS]; /* bit per function */
  guint8 held[BERTH_PCI_SLOTS]; /* bit per function: kept for a device that is gone */
} BerthPciBus;

/* A device that takes part. */
typedef struct {
  BerthDevice *device;
  guint flags;    /* BerthPciFlags, resolved */
  guint order;    /* addressing §1.6; 0: only its written address counts */
  guint position; /* in the inventory */
} BerthPciClient;

/* Who may get one of functions 1-7 of a slot that another device has. */
typedef enum {
  BERTH_PCI_SHARE_NONE,
  BERTH_PCI_SHARE_SETTLED, /* devices that stay as long as the guest runs, with their like */
  BERTH_PCI_SHARE_ANY,     /* whoever: they cannot be unplugged one by one any more */
} BerthPciSharing;

/* Where the search for places of one sort goes on: every bus before @bus is full for them, and stays so while a pass lasts. */
typedef struct {
  guint flags; /* BerthPciFlags */
  BerthPciSharing sharing;
  guint bus;
} BerthPciCursor;

/* One rung of the ladder that is climbed where libvirt finds no room (pci-grow.c). */
typedef struct {
  BerthPciSharing sharing;
  gboolean switches; /* ports that the root bus has no room for are made in switches */
} BerthPciRung;

typedef struct {
  BerthAssignment *assignment;
  gboolean express;         /* bus 0 is a pcie-root */
  gboolean planning;        /* pass 1: the table may grow, what a search finds is not stored */
  GPtrArray *buses;         /* BerthPciBus, by number */
  GArray *cursors;          /* BerthPciCursor, of this pass: as many as there are sorts of devices */
  GHashTable *owners;       /* place → BerthDevice; the machine's own places are not in it */
  GArray *clients;          /* BerthPciClient */
  GHashTable *known;        /* set of places of the bridges that the record knows; empty without a record */
  const BerthPciRung *rung; /* NULL: libvirt's way */
  gboolean full;            /* on a rung: nothing can grow any more */
  guint ports_left;         /* on a rung: root ports that the root bus has room for */
  guint downstream_left;    /* on a rung with switches: ports that the switches have room for */
  BerthDevice *stuck;       /* for whom no place was found at last; NULL: room that is kept */
  guint stuck_flags;
  GHashTable *siblings; /* ICH9 USB: index → first member that has an address */
} BerthPci;

/* A place as a number: bus, slot, function. Only for addresses of domain 0. */
guint berth_families_pci_place(const BerthAddress *address);

/* The row called @name; NULL if there is none. */
const BerthPciModel *berth_families_pci_model(const char *name);
/* The model of @device if it is a PCI controller of a known model, else NULL. */
const BerthPciModel *berth_families_pci_model_of(const BerthDevice *device);

/* What @device connects to, resolved against the machine (addressing §3.2, §3.3). */
guint berth_families_pci_flags(const BerthDevice *device, gboolean express);

/* Whether an address is there: not absent, and not the all-zero "choose one" (addressing §1.6; the function is ignored). */
gboolean berth_families_pci_placed(const BerthAddress *address);
/* Whether a place is wanted: no address, or PCI's "choose one". */
gboolean berth_families_pci_wanting(const BerthAddress *address);

/* The compatibility test of addressing §3.4 for bus @number; @written: the address is the user's, so the rules are looser. */
gboolean berth_families_pci_accepts(guint accepts, guint number, guint flags, gboolean written);

/* Appends a bus of @model. */
BerthPciBus *berth_families_pci_bus_append(BerthPci *pci, const BerthPciModel *model);
BerthPciBus *berth_families_pci_bus(const BerthPci *pci, guint number);
/* Whether nothing is, or is kept, in any function of @slot. */
gboolean berth_families_pci_slot_free(const BerthPciBus *bus, guint slot);

/* Adds buses until @bus exists (addressing §3.7). @bus is raised by one where a conventional hierarchy must be started for it.
 * Errors: NO_ROOM. */
gboolean berth_families_pci_grow(BerthPci *pci, const BerthDevice *device, guint flags, guint *bus, GError **error);
/* Its error. */
void berth_families_pci_no_bus(const BerthPci *pci, const BerthDevice *device, guint flags, GError **error);

/* Takes @address for @device (NULL: the machine itself, or room that is kept), after all checks of addressing §3.4. @address may
 * change when the table grows. Errors: BAD_INPUT (a clash names both devices), NO_ROOM. */
gboolean berth_families_pci_reserve(BerthPci *pci, BerthDevice *device, guint flags, gboolean written, BerthAddress *address,
                                    GError **error);

/* Sets @error to "FILE:LINE: DEVICE WHAT"; @device NULL: the machine. */
void berth_families_pci_fail(const BerthPci *pci, const BerthDevice *device, int code, const char *what, GError **error);
/* The same for a machine that has no PCI bus at all. */
void berth_families_pci_fail_without(const BerthPci *pci, const BerthDevice *device, GError **error);
