/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What QEMU says of all its devices at once: "info qtree" of its monitor (QEMU docs, "QEMU Monitor"), the only answer that holds
 * more than one device's properties before firmware has run and QEMU 10.1 has "qom-list-get". It is made for people; so nothing is
 * taken from it but what it says plainly, and whoever uses it must be able to ask again by QOM.
 */
#pragma once

#include "base/json.h"

typedef struct {
  char *bus;           /* the name of the bus that the device is on; NULL: none */
  json_object *values; /* property -> number or string; a PCI address as QOM tells it, slot * 8 + function */
} BerthTreeDevice;

/* @values: (transfer full) */
BerthTreeDevice *berth_guest_tree_device_new(const char *bus, json_object *values);
/* An empty table: id -> BerthTreeDevice, both its own. (transfer full) */
GHashTable *berth_guest_tree_new(void);

/*
 * Adds the devices of @text (NULL: none) that have an id to @devices, which is empty. Of their properties those in @names (ends
 * with NULL) are kept, as far as their value is a whole number, a PCI address or a string. A device whose id, or one of whose
 * properties, @text has twice is left out: a string that QEMU prints may hold lines of its own.
 */
void berth_guest_tree_parse(const char *text, const char *const *names, GHashTable *devices);
