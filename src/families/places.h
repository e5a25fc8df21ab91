/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The places of one bus family while it is being assigned: who has which, and which are kept for devices that are gone. What the
 * families of small integers (drive, usb, virtio-serial, dimm) have in common.
 */
#pragma once

#include <berth/error.h>

#include "model/family.h"

typedef struct BerthPlaces BerthPlaces;

/*
 * No place taken yet; kept are the places of @assignment->record's entries of @type that are gone and for which @mine says so
 * (NULL: all), oldest first. What this document leaves out the engine has marked gone already (assign/recall.c). @fields are the
 * bits of the address fields that make a place; the others are ignored ("bus" of virtio-serial). All arguments are borrowed.
 */
BerthPlaces *berth_families_places_new(const BerthAssignment *assignment, BerthAddressType type, guint fields,
                                       gboolean (*mine)(const BerthRecordEntry *entry, gconstpointer data), gconstpointer data);
void berth_families_places_free(BerthPlaces *places);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthPlaces, berth_families_places_free)

/* Takes device->address for @device, and gives @device rule DOCUMENT if it has none yet. Errors: BAD_INPUT if another device has
 * the place, CONFLICT if one of the two has it from the record; file and line are those of the later, the text names both. */
gboolean berth_families_places_claim(BerthPlaces *places, BerthDevice *device, GError **error);
/* Gives @address to @device by @rule and claims it. */
gboolean berth_families_places_put(BerthPlaces *places, BerthDevice *device, const BerthAddress *address, BerthRule rule,
                                   GError **error);
/* Who has claimed @address; NULL: nobody. (transfer none) */
BerthDevice *berth_families_places_holder(const BerthPlaces *places, const BerthAddress *address);
/* Neither claimed nor kept. */
gboolean berth_families_places_vacant(const BerthPlaces *places, const BerthAddress *address);
/* Calls @usable for each place that is kept and not claimed, oldest first, until it says TRUE: that one is @address (may be NULL).
 * FALSE: none. This is how reserved places are given away, those excepted that are held. */
gboolean berth_families_places_kept(const BerthPlaces *places, gboolean (*usable)(const BerthAddress *address, gpointer data),
                                    gpointer data, BerthAddress *address);

/* A recalled address that cannot be kept (@why, "there is no hub at port 1"): takes it away and notes it, so that the device is
 * placed anew. FALSE, and nothing changed, if @device has its address from elsewhere: then it is the document's fault. */
gboolean berth_families_let_go(BerthAssignment *assignment, BerthDevice *device, const char *why);

/* "FILE:LINE: disk 'vda': ..." */
void berth_families_error(GError **error, BerthError code, const BerthInventory *inventory, const BerthDevice *device,
                          const char *format, ...) G_GNUC_PRINTF(5, 6);
