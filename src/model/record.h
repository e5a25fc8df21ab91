/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The RECORD: the memory of a guest's hardware, a documented and versioned JSON value (docs/record.md), the same in the store,
 * in a file (--record) and in the domain's <metadata> (--embed).
 */
#pragma once

#include <berth/plan.h>

#include "model/device.h"

#define BERTH_RECORD_VERSION 1

typedef struct {
  char *element;        /* "interface" */
  char *kind;           /* variant of the kind: "virtio" */
  GPtrArray *keys;      /* char *, "mac=…", strongest first (model/identity.h) */
  BerthAddress address; /* type NONE: the device has none, but is known (its MAC is kept) */
  BerthOrigin origin;
  BerthRule rule; /* that first chose the address; NONE: nobody knows (any more) */
  GArray *sets;   /* BerthSet: sticky values (MAC); for controllers that berth added, all that makes them */
  char *flavour;  /* "virtio-transitional": what berth made of a virtio device that says no flavour; NULL otherwise */
  char *since;    /* ISO 8601 UTC, as the caller's clock said */
  char *gone;     /* NULL: present. Otherwise a reservation: when the device went */
  gboolean held;  /* a reservation that is never given away; never written */
} BerthRecordEntry;

/* Counts its references: berth_model_record_ref(), berth_record_free(). */
struct BerthRecord {
  char *name, *uuid, *arch, *machine; /* machine: the versioned name */
  GPtrArray *entries; /* BerthRecordEntry: the present (docs/record.md has the order), then the gone, oldest first */
};

/* Parsing, printing and freeing are public: berth_record_parse(), berth_record_to_json(), berth_record_free(), in record.c. */
BerthRecord *berth_model_record_new(void);
BerthRecord *berth_model_record_ref(const BerthRecord *record);
BerthRecordEntry *berth_model_record_entry_new(const char *element, const char *kind);
void berth_model_record_entry_free(BerthRecordEntry *entry);
BerthRecordEntry *berth_model_record_entry_copy(const BerthRecordEntry *entry);
gboolean berth_model_record_entry_has_key(const BerthRecordEntry *entry, const char *key);
/* Its first key of @key_class (a BerthKeyClass); NULL if it has none. (transfer none) */
const char *berth_model_record_entry_key(const BerthRecordEntry *entry, guint key_class);
/* The value remembered at @path, NULL if none. (transfer none) */
const char *berth_model_record_entry_get(const BerthRecordEntry *entry, const char *path);
/* Adds a value; the caller sees to it that each path is there once. */
void berth_model_record_entry_set(BerthRecordEntry *entry, const char *path, const char *value);
/* What two devices of a guest cannot share, as text: the address, with the device's kind where the address alone does not say on
 * which bus it is (drives). NULL: no address, or one that claims nothing. (transfer full) */
char *berth_model_record_place(const BerthAddress *address, const char *kind);
/* Whether a record takes a value of that name: names of elements, then perhaps that of an attribute ("model/@name"), as libvirt's
 * format has them, for they are written into documents. An address and an alias are no values. */
gboolean berth_model_record_path(const char *path);
