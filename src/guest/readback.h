/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where QEMU really has each device, before firmware has numbered any bus, too: what is on PCI's root bus by query-pci, which tells
 * qdev ids and what the machine itself has there; all else by QOM, but for devices that QEMU tells at once to be where they are
 * recorded (guest/survey.h).
 */
#pragma once

#include "model/family.h"
#include "model/qemu.h"
#include "qmp/client.h"

typedef enum {
  BERTH_PLACE_OK,
  BERTH_PLACE_MOVED,   /* QEMU has it elsewhere, or where makes no sense */
  BERTH_PLACE_MISSING, /* QEMU does not have it */
  BERTH_PLACE_EXTRA,   /* QEMU has a device that is not in the inventory */
  BERTH_PLACE_BUILTIN, /* the machine's own, and QEMU does not tell where it is: nothing is claimed */
} BerthPlaceState;

typedef struct {
  int device;          /* index into the inventory's devices; -1: EXTRA */
  char *id;            /* QEMU id (or "device[N]" for an EXTRA without) */
  BerthAddress actual; /* type NONE where unknown; multifunction is not told */
  char *bus;           /* QEMU's name of the bus it is on; NULL: unknown */
  BerthPlaceState state;
} BerthPlace;
void berth_guest_place_free(BerthPlace *place);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthPlace, berth_guest_place_free)

/* "ok", "moved", "missing", "extra", "builtin". */
const char *berth_guest_place_state_name(BerthPlaceState state);
/* Whether any is MOVED, MISSING or EXTRA. */
gboolean berth_guest_places_drift(const GPtrArray *places);

/*
 * One BerthPlace for each device of @inventory that has an id and an address of a family that can be read back, in list order, then
 * the extra ones. @given (NULL: not known): QEMU was started with it just now, so it is not asked what it has, and nothing is extra
 * that has an id. @timeout_ms is for the whole. @families ends with type NONE.
 * (transfer container full) Errors: as berth_qmp_execute(); a device that QEMU does not have is no error but MISSING.
 */
GPtrArray *berth_guest_read_back(BerthQmp *qmp, const BerthInventory *inventory, const BerthFamily *families,
                                 const BerthQemu *given, guint timeout_ms, GError **error);

/*
 * The place of the device @index of @inventory alone, which has an id: OK, MOVED or MISSING; BUILTIN if its address cannot be read
 * back. @meanwhile (NULL: nothing) is called with @data while QEMU works on the answer, if it is asked at all.
 * (transfer full) Errors: as berth_guest_read_back().
 */
BerthPlace *berth_guest_read_back_one(BerthQmp *qmp, const BerthInventory *inventory, guint index, const BerthFamily *families,
                                      void (*meanwhile)(gpointer data), gpointer data, guint timeout_ms, GError **error);
